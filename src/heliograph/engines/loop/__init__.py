"""The loop: actions become work, receipts become events, and a commit stands between."""
