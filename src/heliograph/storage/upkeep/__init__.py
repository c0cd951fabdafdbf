"""Looking after a storage: copies, health, damaged values, files that nothing needs."""
