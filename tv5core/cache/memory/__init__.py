"""cache/memory."""
