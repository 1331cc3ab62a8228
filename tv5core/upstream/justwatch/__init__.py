"""upstream/justwatch."""
