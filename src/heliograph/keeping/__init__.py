"""Public calls that take care of storages: clear up, check, copy, back up, upgrade."""
