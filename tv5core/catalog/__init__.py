"""Titles with vectors in one folder: what joins the store, the index and the embedder.

Read in this order:

``catalog``
    :class:`Catalog`: opens, changes and closes. ``open_catalogs`` closes it with its process.
``maintained``
    How one is checked, repaired and tidied.
``reader``
    ``CatalogReader``, its base: searches, look-ups, versions, copies.
``search_reader``
    The part of it that searches: ``search``, ``search_many``, ``suggest``, ``facets``.
``searcher``, ``nearest``, ``pages``, ``grouping``, ``title_reader``
    From a query to titles: ``tv5core.query`` ranks; these find neighbours, decode, group and page.
``calibration``, ``popularity``
    How hard searches look; a ranking of all titles.
``async_catalog``
    The same for programs that await: worker threads, cancellation, deadlines.
``writer``, ``planned``
    Additions and deletions, a transaction each; what each changes of what is stored.
``tables``
    Titles from Arrow tables, and to them.
``sealing``
    Embed what is pending, build files, calibrate searches on them.
``versions``
    Whether an answer may have changed, for layers that keep answers.
``index``
    The vector index in step with the store, and its sealed files.
``recommendations``, ``recommending``
    Recommendations, lists, and learning from interactions: what is offered; how it is done.
``spaces``
    Which embedder makes the vectors, and how another takes over.
``maintenance``
    Statistics, verification, repair, optimization.
``collections``, ``collection_labels``
    Copies in collections of Qdrant or Milvus; what a collection says of its catalogue.
``copies``
    Backups, exports, snapshots, and catalogues made of them.
``published``
    A catalogue at a URL: fetched, read, followed.
"""

from __future__ import annotations

from tv5core.catalog.catalog import AddResult, Catalog, OptimizeReport, VerifyReport
from tv5core.catalog.copies.backup import BackupReport
from tv5core.catalog.copies.export import ExportReport
from tv5core.catalog.published import PublishedCatalog

__all__ = [
    "AddResult",
    "BackupReport",
    "Catalog",
    "ExportReport",
    "OptimizeReport",
    "PublishedCatalog",
    "VerifyReport",
]
