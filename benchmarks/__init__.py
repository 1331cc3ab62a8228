"""Measurements of tv5core; run from a checkout with ``pip install '.[bench]'``."""
