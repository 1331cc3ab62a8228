"""The parts of a document segment: columns and words."""

from __future__ import annotations

from tv5core.columns import ColumnSegment
from tv5core.lexical import SECTIONS_VERSION, WordSegment
from tv5core.query.documents import DocumentParts

__all__ = ["PARTS"]

_MADE_BY = 2
"""Raise it where titles become other documents than before: by other terms, stems or values. Files
of another number are not used any more, and the next sealing makes all documents again."""

PARTS = DocumentParts(ColumnSegment, WordSegment, f"{_MADE_BY}.{SECTIONS_VERSION}")
"""What every catalogue keeps of its titles."""
