"""upstream/limiting."""
