"""Embedded search engine for film and TV titles.

Open a :class:`Catalog` in a folder, add :class:`Title` values, search. :class:`VectorIndex` is
the vector search alone.

The names below load their modules when they are first used, so that importing the package is
quick and users of one part do not wait for the others. Packages, from the top down:

``cli``, ``server``, ``integrations``
    The command ``tv5``; the gateway, which answers over HTTP; stores and retrievers in LangChain,
    LlamaIndex and Haystack, and a server for agents.
``cached``
    A catalogue behind a cache, for services.
``cluster``
    A catalogue's titles spread over shards, searched as one.
``catalog``, ``importers``, ``postgres``
    Titles with vectors in one folder; reading titles out of files.
``store``, ``vectors``, ``embedding``, ``lexical``, ``columns``, ``query``, ``recommend``
    The engine's parts: what is on disk, vector search, text to vectors, and what search by
    words and filters will need.
``vector_files``, ``vector_databases``
    Vectors in files of other programs, and in collections of Qdrant and Milvus, read and written.
``cache``, ``upstream``, ``events``
    A tiered cache, clients of metadata providers, and what says what has changed; none knows of
    catalogues.
``snapshots``, ``object_storage``
    Files published and fetched: what S3 and others are used for; nor do they.
``kernels``, ``files``, ``lmdb_env``, ``redis_access``, ``analysis``, ``sources``, ``data``
    Native code and its NumPy twin, files with checksums, LMDB environments, clients of Redis, words
    and stems, what all sources of titles share, titles to try things with.
``types``, ``results``, ``errors``, ``observing``, ``arguments``, ``bitmap``, ``backoff``,
``names``, ``extra_fields``, ``notebook``, ``arrow``, ``truncated_svd``, ``cores``, ``worker_pool``
    What everything else builds on. Start reading here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tv5core.errors import (
    BreakerOpenError,
    CatalogError,
    CatalogLockedError,
    CatalogReplacedError,
    ClosedError,
    CollectionMismatchError,
    CorruptFileError,
    CredentialsError,
    DeadlineError,
    DimensionError,
    DiskFailureError,
    DiskFullError,
    DuplicateKeyError,
    EmbedderError,
    EmbedderMismatchError,
    FittingError,
    ForbiddenTargetError,
    FormatVersionError,
    ImportFormatError,
    InvalidFilterError,
    InvalidInputError,
    MalformedResponseError,
    NonFiniteVectorError,
    NotACatalogError,
    ObjectStoreAccessError,
    ObjectStoreError,
    ObjectStoreUnavailableError,
    PostgresAccessError,
    PostgresError,
    PostgresUnavailableError,
    RateLimitedError,
    ReadOnlyError,
    RedisAccessError,
    ResponseTooLargeError,
    SchemaDriftError,
    ShardError,
    ShardSkewError,
    SnapshotConflictError,
    SourceDisabledError,
    TimedOutError,
    TitleNotFoundError,
    Tv5Error,
    UnavailableError,
    UnknownColumnsError,
    UnknownIdError,
    UnreachableError,
    UpstreamError,
    UpstreamRefusalError,
    UpstreamStatusError,
    VectorDatabaseError,
    VectorDatabaseUnavailableError,
    ZeroVectorError,
)
from tv5core.results import (
    BrowseResult,
    FacetValue,
    Interpretation,
    Reading,
    SearchResult,
    Suggestion,
    Total,
)
from tv5core.types import AlternativeTitle, Collection, Hit, Kind, Offer, Person, Title

if TYPE_CHECKING:
    from tv5core.cached import CATALOG_POLICIES, CachedCatalog
    from tv5core.catalog import (
        AddResult,
        BackupReport,
        Catalog,
        ExportReport,
        OptimizeReport,
        VerifyReport,
    )
    from tv5core.catalog.async_catalog import AsyncCatalog
    from tv5core.columns import F
    from tv5core.recommend import LearnReport, Profile, Reasons, Recommendation
    from tv5core.vectors import Filter, Matches, SearchSettings, VectorIndex, recall_at_k

    __version__: str

__all__ = [
    "CATALOG_POLICIES",
    "AddResult",
    "AlternativeTitle",
    "AsyncCatalog",
    "BackupReport",
    "BreakerOpenError",
    "BrowseResult",
    "CachedCatalog",
    "Catalog",
    "CatalogError",
    "CatalogLockedError",
    "CatalogReplacedError",
    "ClosedError",
    "Collection",
    "CollectionMismatchError",
    "CorruptFileError",
    "CredentialsError",
    "DeadlineError",
    "DimensionError",
    "DiskFailureError",
    "DiskFullError",
    "DuplicateKeyError",
    "EmbedderError",
    "EmbedderMismatchError",
    "ExportReport",
    "F",
    "FacetValue",
    "Filter",
    "FittingError",
    "ForbiddenTargetError",
    "FormatVersionError",
    "Hit",
    "ImportFormatError",
    "Interpretation",
    "InvalidFilterError",
    "InvalidInputError",
    "Kind",
    "LearnReport",
    "MalformedResponseError",
    "Matches",
    "NonFiniteVectorError",
    "NotACatalogError",
    "ObjectStoreAccessError",
    "ObjectStoreError",
    "ObjectStoreUnavailableError",
    "Offer",
    "OptimizeReport",
    "Person",
    "PostgresAccessError",
    "PostgresError",
    "PostgresUnavailableError",
    "Profile",
    "RateLimitedError",
    "ReadOnlyError",
    "Reading",
    "Reasons",
    "Recommendation",
    "RedisAccessError",
    "ResponseTooLargeError",
    "SchemaDriftError",
    "SearchResult",
    "SearchSettings",
    "ShardError",
    "ShardSkewError",
    "SnapshotConflictError",
    "SourceDisabledError",
    "Suggestion",
    "TimedOutError",
    "Title",
    "TitleNotFoundError",
    "Total",
    "Tv5Error",
    "UnavailableError",
    "UnknownColumnsError",
    "UnknownIdError",
    "UnreachableError",
    "UpstreamError",
    "UpstreamRefusalError",
    "UpstreamStatusError",
    "VectorDatabaseError",
    "VectorDatabaseUnavailableError",
    "VectorIndex",
    "VerifyReport",
    "ZeroVectorError",
    "recall_at_k",
]

_MODULES = {
    "tv5core.cached": ("CATALOG_POLICIES", "CachedCatalog"),
    "tv5core.catalog": (
        "AddResult",
        "BackupReport",
        "Catalog",
        "ExportReport",
        "OptimizeReport",
        "VerifyReport",
    ),
    "tv5core.catalog.async_catalog": ("AsyncCatalog",),
    "tv5core.columns": ("F",),
    "tv5core.recommend": ("LearnReport", "Profile", "Reasons", "Recommendation"),
    "tv5core.vectors": ("Filter", "Matches", "SearchSettings", "VectorIndex", "recall_at_k"),
}
# With NumPy and asyncio among them these take three times as long to import as what is above.
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name's module at first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("tv5core")
    elif name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, "__version__"})
