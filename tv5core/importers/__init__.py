"""Reading films and series out of files into a catalogue.

:func:`import_paths` does it all: it finds the files, tells their formats, reads
them row by row, merges what several files say of one work, and reports what
became of every row. The parts stand alone: :func:`detect` tells a format,
:func:`merge` is the rule for uniting two titles, :class:`MergingCatalog` adds what a
live source says.

File contents are data and nothing else: they are never executed, never choose a
path, and a row that makes no sense is counted and reported.
"""

from __future__ import annotations

from tv5core.importers.detect import FORMATS, Detected, detect
from tv5core.importers.expand import Plan, Skipped, expand
from tv5core.importers.live import MergingCatalog
from tv5core.importers.mapping import MAPPED_FIELDS
from tv5core.importers.merge import merge
from tv5core.importers.report import (
    FileReport,
    ImportReport,
    RejectRecord,
    Rejects,
    RejectWriter,
)
from tv5core.importers.runner import ImportCatalog, import_paths

__all__ = [
    "FORMATS",
    "MAPPED_FIELDS",
    "Detected",
    "FileReport",
    "ImportCatalog",
    "ImportReport",
    "MergingCatalog",
    "Plan",
    "RejectRecord",
    "RejectWriter",
    "Rejects",
    "Skipped",
    "detect",
    "expand",
    "import_paths",
    "merge",
]
