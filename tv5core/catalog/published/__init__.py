"""A catalogue that others publish: fetched from object storage, read here, followed.

``catalog``
    :class:`PublishedCatalog`: a ``Catalog`` whose calls go to the newest snapshot that is here.
``pins``
    Which snapshot a call uses, and when one that was replaced is closed.
``following``
    Looks for newer snapshots, fetches them for all processes of a machine, says what went wrong.
"""

from __future__ import annotations

from tv5core.catalog.published.catalog import PublishedCatalog

__all__ = ["PublishedCatalog"]
