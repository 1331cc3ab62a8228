"""upstream/sync."""
