"""upstream/fetching."""
