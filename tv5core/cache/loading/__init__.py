"""cache/loading."""
