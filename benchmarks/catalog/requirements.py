"""What is required of a catalogue of a million titles; sizes count in proportion to its titles."""

from __future__ import annotations

__all__ = ["METADATA_BYTES", "QPS", "RECALL", "TITLES", "VECTOR_BYTES"]

TITLES = 1_000_000
METADATA_BYTES, VECTOR_BYTES = 5e9, 550e6
QPS = (500.0, 1_200.0)
"""Searches of vectors a second: at least, and hoped for."""
RECALL = 0.95
