"""The file formats that can be imported: one line each."""

from __future__ import annotations

from tv5core.importers import (
    imdb,
    jsonl,
    justwatch,
    links,
    mapping,
    own_table,
    streaming,
    tmdb,
    wikipedia,
)

__all__ = ["FORMATS"]

_IN_ORDER = (
    links.FORMAT,
    jsonl.FORMAT,
    own_table.FORMAT,
    tmdb.JSON_FORMAT,
    tmdb.CSV_FORMAT,
    imdb.FORMAT,
    justwatch.FORMAT,
    justwatch.CREDITS_FORMAT,
    streaming.FORMAT,
    mapping.FORMAT,
    wikipedia.FORMAT,
)

FORMATS = {each.name: each for each in _IN_ORDER}
"""Formats by name, in the order they are imported: rich in ids first."""
