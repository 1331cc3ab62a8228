"""Embedded search engine for film and TV titles.

Open a :class:`Catalog` in a folder, add :class:`Title` values, search. :class:`VectorIndex` is
the vector search alone.
"""

from __future__ import annotations

from importlib.metadata import version

from tv5core.catalog import (
    AddResult,
    BackupReport,
    Catalog,
    ExportReport,
    OptimizeReport,
    VerifyReport,
)
from tv5core.errors import (
    CatalogError,
    CatalogLockedError,
    ClosedError,
    CorruptFileError,
    DimensionError,
    DiskFailureError,
    DiskFullError,
    DuplicateKeyError,
    EmbedderMismatchError,
    FormatVersionError,
    ImportFormatError,
    InvalidInputError,
    NonFiniteVectorError,
    NotACatalogError,
    ReadOnlyError,
    Tv5Error,
    UnknownIdError,
    ZeroVectorError,
)
from tv5core.types import Hit, Kind, Offer, Person, Title
from tv5core.vectors import Filter, Matches, SearchSettings, VectorIndex, recall_at_k

__version__ = version("tv5core")

__all__ = [
    "AddResult",
    "BackupReport",
    "Catalog",
    "CatalogError",
    "CatalogLockedError",
    "ClosedError",
    "CorruptFileError",
    "DimensionError",
    "DiskFailureError",
    "DiskFullError",
    "DuplicateKeyError",
    "EmbedderMismatchError",
    "ExportReport",
    "Filter",
    "FormatVersionError",
    "Hit",
    "ImportFormatError",
    "InvalidInputError",
    "Kind",
    "Matches",
    "NonFiniteVectorError",
    "NotACatalogError",
    "Offer",
    "OptimizeReport",
    "Person",
    "ReadOnlyError",
    "SearchSettings",
    "Title",
    "Tv5Error",
    "UnknownIdError",
    "VectorIndex",
    "VerifyReport",
    "ZeroVectorError",
    "recall_at_k",
]
