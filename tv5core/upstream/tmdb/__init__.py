"""upstream/tmdb."""
