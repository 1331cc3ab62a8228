"""Snapshots of a folder's files in object storage: published, fetched, kept on a machine, pruned.

Below a URL there are::

    chunks/SHA256                 parts of files, named by their content
    snapshots/0000000012.json     a manifest: which chunks make which files; written last

A file is cut into chunks of one size, so that the next snapshot stores what is new only, and what
was interrupted goes on where it stopped. A manifest is created, never replaced: of several that
publish at once one is the next, and a reader sees a whole snapshot or none. Nothing here knows what
the files are.

``manifest``
    Manifests: encoded, decoded, checked, found.
``publishing``
    :func:`publish`: store chunks, then the manifest.
``fetching``
    :func:`fetch`: make the files of a snapshot, of chunks near and far.
``shelf``
    :class:`Shelf`: a machine's folder of fetched snapshots, shared by its processes.
``pruning``
    :func:`list_snapshots` and :func:`prune_snapshots`: what is published, and what may go.
"""

from __future__ import annotations

from tv5core.snapshots.fetching import fetch
from tv5core.snapshots.manifest import Manifest, Origin, SnapshotFile, newest_manifest
from tv5core.snapshots.pruning import PruneReport, SnapshotInfo, list_snapshots, prune_snapshots
from tv5core.snapshots.publishing import Published, publish
from tv5core.snapshots.shelf import Shelf, ShelvedSnapshot

__all__ = [
    "Manifest",
    "Origin",
    "PruneReport",
    "Published",
    "Shelf",
    "ShelvedSnapshot",
    "SnapshotFile",
    "SnapshotInfo",
    "fetch",
    "list_snapshots",
    "newest_manifest",
    "prune_snapshots",
    "publish",
]
