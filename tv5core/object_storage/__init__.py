"""Object storage: named bytes, in a folder or in what fsspec reaches, such as S3.

::

    store = open_store("s3://bucket/films")
    store.create("snapshots/0000000001.json", data)

``location``
    URLs, taken apart and checked.
``store``
    The few operations that everything here is done with.
``opening``
    A store of a URL.
``folder``
    ``file://``: a folder of this machine, or one that several mount.
``remote``
    ``s3://`` and others, by fsspec, which is imported where it is used.
``failures``
    What fsspec and the libraries behind it raise, as errors of tv5core, without secrets.
"""

from __future__ import annotations

from tv5core.object_storage.location import Location, check_no_url, is_url, parse_location
from tv5core.object_storage.opening import open_store
from tv5core.object_storage.store import ObjectStore, StoredObject

__all__ = [
    "Location",
    "ObjectStore",
    "StoredObject",
    "check_no_url",
    "is_url",
    "open_store",
    "parse_location",
]
