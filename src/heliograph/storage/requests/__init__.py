"""What anybody may ask for, from any process that reaches the storage."""
