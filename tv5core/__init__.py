"""Embedded search engine for film and TV titles.

Open a :class:`Catalog` in a folder, add :class:`Title` values, search. :class:`VectorIndex` is
the vector search alone.
"""

from __future__ import annotations

from importlib.metadata import version

from tv5core.cached import CATALOG_POLICIES, CachedCatalog
from tv5core.catalog import (
    AddResult,
    BackupReport,
    Catalog,
    ExportReport,
    OptimizeReport,
    VerifyReport,
)
from tv5core.errors import (
    BreakerOpenError,
    CatalogError,
    CatalogLockedError,
    ClosedError,
    CorruptFileError,
    CredentialsError,
    DeadlineError,
    DimensionError,
    DiskFailureError,
    DiskFullError,
    DuplicateKeyError,
    EmbedderMismatchError,
    ForbiddenTargetError,
    FormatVersionError,
    ImportFormatError,
    InvalidInputError,
    MalformedResponseError,
    NonFiniteVectorError,
    NotACatalogError,
    RateLimitedError,
    ReadOnlyError,
    ResponseTooLargeError,
    SourceDisabledError,
    TitleNotFoundError,
    Tv5Error,
    UnavailableError,
    UnknownIdError,
    UnreachableError,
    UpstreamError,
    UpstreamRefusalError,
    UpstreamStatusError,
    ZeroVectorError,
)
from tv5core.types import Hit, Kind, Offer, Person, Title
from tv5core.vectors import Filter, Matches, SearchSettings, VectorIndex, recall_at_k

__version__ = version("tv5core")

__all__ = [
    "CATALOG_POLICIES",
    "AddResult",
    "BackupReport",
    "BreakerOpenError",
    "CachedCatalog",
    "Catalog",
    "CatalogError",
    "CatalogLockedError",
    "ClosedError",
    "CorruptFileError",
    "CredentialsError",
    "DeadlineError",
    "DimensionError",
    "DiskFailureError",
    "DiskFullError",
    "DuplicateKeyError",
    "EmbedderMismatchError",
    "ExportReport",
    "Filter",
    "ForbiddenTargetError",
    "FormatVersionError",
    "Hit",
    "ImportFormatError",
    "InvalidInputError",
    "Kind",
    "MalformedResponseError",
    "Matches",
    "NonFiniteVectorError",
    "NotACatalogError",
    "Offer",
    "OptimizeReport",
    "Person",
    "RateLimitedError",
    "ReadOnlyError",
    "ResponseTooLargeError",
    "SearchSettings",
    "SourceDisabledError",
    "Title",
    "TitleNotFoundError",
    "Tv5Error",
    "UnavailableError",
    "UnknownIdError",
    "UnreachableError",
    "UpstreamError",
    "UpstreamRefusalError",
    "UpstreamStatusError",
    "VectorIndex",
    "VerifyReport",
    "ZeroVectorError",
    "recall_at_k",
]
