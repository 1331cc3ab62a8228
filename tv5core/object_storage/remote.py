"""Object storage by fsspec: s3fs for ``s3://``, others where they are installed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError, Tv5Error
from tv5core.object_storage.failures import is_conflict, is_missing, store_error
from tv5core.object_storage.location import Location
from tv5core.object_storage.store import StoredObject

__all__ = ["RemoteStore"]

_S3_CONFIG = {
    "connect_timeout": 5,
    "read_timeout": 20,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
"""Without these a server that is gone is noticed after minutes."""
_S3_TRIES = 2
"""Of s3fs itself, each of which has botocore's."""
_MODIFIED = ("LastModified", "last_modified", "mtime", "updated", "created")
_NEVER = float("inf")
"""Where a storage does not tell when an object was stored, it counts as new and is kept."""


class RemoteStore:
    """Objects that fsspec reaches.

    Parameters
    ----------
    location : Location
    options : mapping
        Of the file system that fsspec makes, such as ``endpoint_url``; never shown.

    Raises
    ------
    InvalidInputError
        fsspec knows no such protocol, the library for it is missing, or refuses the options.
    """

    def __init__(self, location: Location, options: Mapping[str, Any]) -> None:
        self.url, self._root = location.url, location.path
        self._location, self._options = location, options
        self._process, self._fs = os.getpid(), _made(location, options)

    def _file_system(self) -> Any:
        """Return the file system of this process: its event loop does not survive a fork."""
        if self._process != os.getpid():
            self._fs = _made(self._location, self._options)
            self._process = os.getpid()
        return self._fs

    def entries(self, folder: str) -> list[StoredObject]:
        """Return the objects below a prefix."""
        with self._errors():
            try:
                found = self._file_system().ls(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                return []
        return [
            StoredObject(f"{folder}/{name}", int(one.get("size") or 0), _modified_s(one))
            for one in found
            if one.get("type") == "file" and (name := str(one["name"]).rpartition("/")[2])
        ]

    def get(self, name: str, limit_bytes: int) -> bytes | None:
        """Return the bytes of an object, or None."""
        with self._errors():
            try:
                found = self._file_system().cat_file(
                    f"{self._root}/{name}", start=0, end=limit_bytes + 1
                )
            except Exception as error:
                if is_missing(error):
                    return None
                raise
        return bytes(found)

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        with self._errors():
            self._file_system().pipe_file(f"{self._root}/{name}", data)

    def create(self, name: str, data: bytes) -> bool:
        """Store an object unless there is one; S3 decides by ``If-None-Match``."""
        with self._errors():
            try:
                self._file_system().pipe_file(f"{self._root}/{name}", data, mode="create")
            except Exception as error:
                if is_conflict(error):
                    return False
                raise
        return True

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects."""
        paths = [f"{self._root}/{name}" for name in names]
        with self._errors():
            file_system = self._file_system()
            try:
                if paths:
                    file_system.rm(paths)
            except FileNotFoundError:  # somebody else removed one of them
                for path in paths:
                    if file_system.exists(path):
                        file_system.rm(path)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        failure: Tv5Error | None = None
        try:
            yield
        except Tv5Error:
            raise
        except TypeError:  # only its first use makes s3fs look at what it was given
            failure = InvalidInputError(
                f"{self.url}: expected storage_options that its library knows, got "
                f"{shown(sorted(self._options))}"
            )
        except Exception as error:  # noqa: BLE001 - whatever libraries raise, without its message
            failure = store_error(error, self.url)
        if failure is not None:
            try:
                raise failure
            finally:
                failure.__context__ = None  # contextlib sets it to what the libraries raised


def _made(location: Location, options: Mapping[str, Any]) -> Any:
    try:
        fsspec = import_module("fsspec")
        kind = fsspec.get_filesystem_class(location.protocol)
    except (ModuleNotFoundError, ImportError):
        extra = "tv5core[s3]" if location.protocol == "s3" else "fsspec's file system for it"
        raise InvalidInputError(
            f"{location.protocol}:// needs a library: install {extra}"
        ) from None
    except ValueError:
        raise InvalidInputError(
            f"expected file://, s3:// or another protocol of fsspec, got {location.protocol}://"
        ) from None
    given = {"use_listings_cache": False, "skip_instance_cache": True, **options}
    is_s3 = location.protocol in ("s3", "s3a")
    if is_s3:
        given["config_kwargs"] = {**_S3_CONFIG, **dict(given.get("config_kwargs") or {})}
    try:
        made = kind(**given)
    except Exception as error:  # noqa: BLE001 - its message may repeat the options
        problem = type(error).__name__
    else:
        if is_s3:
            made.retries = _S3_TRIES
        return made
    raise InvalidInputError(
        f"expected storage_options of {location.protocol}, got {shown(sorted(options))}: {problem}"
    )


def _modified_s(entry: Mapping[str, Any]) -> float:
    for name in _MODIFIED:
        value = entry.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return _NEVER
