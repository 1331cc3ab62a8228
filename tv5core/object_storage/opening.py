"""A store of a URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.object_storage.folder import FolderStore
from tv5core.object_storage.location import parse_location
from tv5core.object_storage.remote import RemoteStore
from tv5core.object_storage.store import ObjectStore

__all__ = ["open_store"]


def open_store(url: str, options: Mapping[str, Any] | None = None) -> ObjectStore:
    """Open object storage; nothing is asked of it yet.

    Parameters
    ----------
    url : str
        ``file:///folder``, ``s3://bucket/prefix``, or another protocol that fsspec knows and whose
        library is installed.
    options : mapping of str to object, optional
        Of fsspec's file system, such as ``endpoint_url``, ``key`` and ``secret`` of s3fs; by
        default the environment decides, as for any program that uses AWS. Never shown.

    Raises
    ------
    InvalidInputError
    """
    location = parse_location(url)
    given = {} if options is None else options
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidInputError(
            f"expected storage_options to map names to values, got a {type(given).__name__}"
        )
    if location.protocol != "file":
        return RemoteStore(location, dict(given))
    if given:
        raise InvalidInputError(f"expected no storage_options for file://, got {shown([*given])}")
    return FolderStore(Path(location.path), location.url)
