"""Reading films and series out of files into a catalogue.

Read in this order:

``runner``
    :func:`import_paths`: reads files row by row, stores batches, resumes after an interruption.
``expand``
    Expands paths into the files to read, ordered so that later ones find titles to merge with.
``formats``, ``detect``
    The table of formats, and which one a file is in. A new importer is one file and one line
    in ``formats``.
``base``
    What every importer shares: rows, rejects, options, ``Format``.
``jsonl``, ``own_table``, ``mapping``
    Our own titles as JSON Lines and as tables; any table, by a mapping.
``links``, ``tmdb``, ``imdb``, ``justwatch``, ``streaming``, ``wikipedia``
    The importers of others' files, one for each source.
``extra``
    Values of the catalogue's own fields.
``opening``
    Files unpacked and in UTF-8: gzip, ZIP archives, other encodings.
``lines``, ``dialect``, ``tables``, ``jsonstream``
    Text, CSV, Parquet, Excel and JSON read as a stream, whatever is in them.
``resolve``, ``evidence``, ``merge``
    Which title a row is about, the evidence for it, and how two titles become one.
``live``
    :class:`MergingCatalog`: the same for titles of a live source.
``checkpoints``
    How far each file is read.
``report``
    What an import did, and the list of rejected rows.

File contents are data and nothing else: they are never executed, never choose a path, and a row
that makes no sense is counted and reported.
"""

from __future__ import annotations

from tv5core.importers.detect import Detected, detect
from tv5core.importers.expand import Plan, Skipped, expand
from tv5core.importers.formats import FORMATS
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
