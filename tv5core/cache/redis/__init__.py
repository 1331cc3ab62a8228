"""cache/redis."""
