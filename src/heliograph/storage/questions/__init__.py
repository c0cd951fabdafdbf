"""What engines and people ask of the store. Each question is answered from one moment."""
