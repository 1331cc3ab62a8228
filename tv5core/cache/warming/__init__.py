"""cache/warming."""
