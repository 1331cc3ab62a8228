"""cache/disk."""
