"""Every exception tv5core raises on purpose.

::

    Tv5Error
    ├── InvalidInputError (ValueError)   an argument is wrong
    │   ├── DimensionError               vector of another width than the index
    │   ├── NonFiniteVectorError         NaN or infinity in a vector
    │   ├── ZeroVectorError              a vector of length 0 has no direction
    │   └── DuplicateKeyError            the same key twice in one call
    ├── UnknownIdError (KeyError)        no such title or key
    ├── ClosedError                      used after close()
    ├── ReadOnlyError                    a write through a read-only handle
    ├── CatalogError                     the folder cannot be used as asked
    │   ├── NotACatalogError             no catalogue in this folder
    │   ├── CatalogLockedError           another writer holds it
    │   ├── EmbedderMismatchError        vectors of another embedder
    │   ├── DiskFailureError             the disk did not store what was written
    │   └── DiskFullError                no room to write; nothing was written
    ├── CorruptFileError                 checksum, size or structure is wrong
    │   └── FormatVersionError           written by a newer tv5core
    └── ImportFormatError                a file's format is unknown or unusable

Messages read "expected X, got Y".
"""

from __future__ import annotations

__all__ = [
    "CatalogError",
    "CatalogLockedError",
    "ClosedError",
    "CorruptFileError",
    "DimensionError",
    "DiskFailureError",
    "DiskFullError",
    "DuplicateKeyError",
    "EmbedderMismatchError",
    "FormatVersionError",
    "ImportFormatError",
    "InvalidInputError",
    "NonFiniteVectorError",
    "NotACatalogError",
    "ReadOnlyError",
    "Tv5Error",
    "UnknownIdError",
    "ZeroVectorError",
]


class Tv5Error(Exception):
    """Base of every error tv5core raises on purpose."""


class InvalidInputError(Tv5Error, ValueError):
    """An argument is not what the function accepts."""


class DimensionError(InvalidInputError):
    """A vector has another number of dimensions than the index."""


class NonFiniteVectorError(InvalidInputError):
    """A vector holds NaN or infinity."""


class ZeroVectorError(InvalidInputError):
    """A vector of length zero has no direction to compare."""


class DuplicateKeyError(InvalidInputError):
    """The same key or id appears twice in one call."""


class UnknownIdError(Tv5Error, KeyError):
    """No title (or vector) has this id (or key)."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument; a message should read as text.
        return str(self.args[0]) if self.args else ""


class ClosedError(Tv5Error):
    """The object was used after it was closed."""


class ReadOnlyError(Tv5Error):
    """A write was asked of a handle that was opened for reading."""


class CatalogError(Tv5Error):
    """A folder cannot be used as the catalogue it was taken for."""


class NotACatalogError(CatalogError):
    """The folder holds no catalogue."""


class CatalogLockedError(CatalogError):
    """Another writer, named in the message, holds the catalogue."""


class EmbedderMismatchError(CatalogError):
    """The catalogue's vectors were made by another embedder."""


class DiskFailureError(CatalogError):
    """The disk did not store what was written to it.

    After one in a transaction the catalogue takes no more writes until it is opened again; what
    was acknowledged before is safe, and reading goes on.
    """


class DiskFullError(CatalogError):
    """The disk has no room for the write; nothing of it was stored."""


class CorruptFileError(Tv5Error):
    """A file's checksum, size or structure does not hold."""


class FormatVersionError(CorruptFileError):
    """A file was written by a newer version of tv5core."""


class ImportFormatError(Tv5Error):
    """A file to import has a format that is unknown or unusable."""
