"""Every exception tv5core raises on purpose.

::

    Tv5Error
    ├── InvalidInputError (ValueError)   an argument is wrong
    │   ├── DimensionError               vector of another width than the index
    │   ├── NonFiniteVectorError         NaN or infinity in a vector
    │   ├── ZeroVectorError              a vector of length 0 has no direction
    │   ├── DuplicateKeyError            the same key twice in one call
    │   └── InvalidFilterError           a text that is no filter
    ├── UnknownIdError (KeyError)        no such title or key
    ├── ClosedError                      used after close()
    ├── ReadOnlyError                    a write through a read-only handle
    ├── CatalogError                     the folder cannot be used so
    │   ├── NotACatalogError             no catalogue in this folder
    │   ├── CatalogLockedError           another writer holds it
    │   ├── CatalogReplacedError         another folder took its place
    │   ├── EmbedderMismatchError        vectors of another embedder
    │   ├── DiskFailureError             the disk did not store what was written
    │   ├── DiskFullError                no room to write; nothing was written
    │   └── SnapshotConflictError        somebody else published meanwhile
    ├── CorruptFileError                 checksum, size or structure is wrong
    │   └── FormatVersionError           written by a newer tv5core
    ├── EmbedderError                an embedder does not give the vectors it should
    ├── FittingError                 an embedder cannot be fitted on these texts
    ├── ImportFormatError                a file's format is unknown or unusable
    │   └── UnknownColumnsError          a table whose columns only its owner can name
    ├── ObjectStoreError                 object storage did not do what was asked of it
    │   ├── ObjectStoreAccessError       no such bucket, no credentials, or no right
    │   └── ObjectStoreUnavailableError  it is gone, or too slow
    ├── PostgresError                    PostgreSQL did not do what was asked of it
    │   ├── PostgresAccessError          a wrong password or database, or a missing right
    │   ├── PostgresUnavailableError     it is gone, or too slow
    │   └── SchemaDriftError             a table or column of the mapping is not there
    ├── RedisAccessError                 a Redis of another kind, a wrong password, a missing right
    ├── ShardError                       a shard cannot answer
    │   └── ShardSkewError               shards of different versions
    ├── TimedOutError (TimeoutError)     no answer of a catalogue by the deadline
    ├── VectorDatabaseError              Qdrant or Milvus did not do what was asked of it
    │   ├── CollectionMismatchError      a collection of other vectors, or another catalogue's
    │   └── VectorDatabaseUnavailableError  it is gone, or too slow
    ├── UnavailableError                 the cache has no answer, and its loader neither
    └── UpstreamError                    a call to a provider failed
        ├── RateLimitedError             it would take too long, or break the limit
        ├── DeadlineError                no answer by the deadline
        ├── BreakerOpenError             the provider fails; it is left alone for a while
        ├── UnreachableError             no connection, or one that broke off
        ├── ResponseTooLargeError        more bytes than are accepted
        ├── ForbiddenTargetError         a host or an address that may not be called
        ├── UpstreamStatusError          a status that says the call failed
        ├── MalformedResponseError       an answer that cannot be read
        ├── CredentialsError             no key, or one that the provider refuses
        ├── SourceDisabledError          a source that is off until it is switched on
        ├── TitleNotFoundError (KeyError) no such title or file: an UnknownIdError too
        └── UpstreamRefusalError         an answer that says why there is none

Messages read "expected X, got Y".
"""

from __future__ import annotations

__all__ = [
    "BreakerOpenError",
    "CatalogError",
    "CatalogLockedError",
    "CatalogReplacedError",
    "ClosedError",
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
    "FittingError",
    "ForbiddenTargetError",
    "FormatVersionError",
    "ImportFormatError",
    "InvalidFilterError",
    "InvalidInputError",
    "MalformedResponseError",
    "NonFiniteVectorError",
    "NotACatalogError",
    "ObjectStoreAccessError",
    "ObjectStoreError",
    "ObjectStoreUnavailableError",
    "PostgresAccessError",
    "PostgresError",
    "PostgresUnavailableError",
    "RateLimitedError",
    "ReadOnlyError",
    "RedisAccessError",
    "ResponseTooLargeError",
    "SchemaDriftError",
    "ShardError",
    "ShardSkewError",
    "SnapshotConflictError",
    "SourceDisabledError",
    "TimedOutError",
    "TitleNotFoundError",
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


class InvalidFilterError(InvalidInputError):
    """A text is no filter.

    Attributes
    ----------
    position : int
        Of the character from which on it is wrong.
    """

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class UnknownIdError(Tv5Error, KeyError):
    """No title (or vector) has this id (or key)."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument; a message should read as text.
        return str(self.args[0]) if self.args else ""


class ClosedError(Tv5Error):
    """The object was used after it was closed."""


class ReadOnlyError(Tv5Error):
    """A write through a handle that was opened for reading."""


class CatalogError(Tv5Error):
    """A folder cannot be used as the catalogue it was taken for."""


class NotACatalogError(CatalogError):
    """The folder holds no catalogue."""


class CatalogReplacedError(CatalogError):
    """The folder's path leads to another catalogue than the one that was opened, or to none."""


class CatalogLockedError(CatalogError):
    """Another writer, named in the message, holds the catalogue."""


class EmbedderMismatchError(CatalogError):
    """The catalogue's vectors were made by another embedder."""


class DiskFailureError(CatalogError):
    """The disk did not store what was written to it.

    After one in a transaction the catalogue takes no more writes until it is opened again; what
    was acknowledged before is safe, and reads still succeed.
    """


class DiskFullError(CatalogError):
    """The disk has no room for the write; nothing of it was stored."""


class SnapshotConflictError(CatalogError):
    """Somebody else published a snapshot while this one was being stored; it is not published."""


class CorruptFileError(Tv5Error):
    """A file's checksum, size or structure does not hold."""


class FormatVersionError(CorruptFileError):
    """A file was written by a newer version of tv5core."""


class EmbedderError(Tv5Error):
    """An embedder gives other vectors than it should, or its process ended."""


class FittingError(Tv5Error):
    """An embedder cannot be fitted on the texts it was given; the message says why."""


class ImportFormatError(Tv5Error):
    """A file to import has a format that is unknown or unusable."""


class UnknownColumnsError(ImportFormatError):
    """A table has columns that are not known; a mapping can name them.

    Attributes
    ----------
    columns : list of str
        As the file has them.
    """

    def __init__(self, message: str, columns: list[str]) -> None:
        super().__init__(message)
        self.columns = columns


class ObjectStoreError(Tv5Error):
    """Object storage did not do what was asked of it."""


class ObjectStoreAccessError(ObjectStoreError):
    """There is no such bucket, there are no credentials, or they give no right to do this."""


class ObjectStoreUnavailableError(ObjectStoreError):
    """Object storage cannot be reached, or takes too long."""


class VectorDatabaseError(Tv5Error):
    """A vector database did not do what was asked of it; the message says what it answered."""


class CollectionMismatchError(VectorDatabaseError):
    """A collection holds other vectors than it should: another catalogue's, space's or width."""


class VectorDatabaseUnavailableError(VectorDatabaseError):
    """A vector database cannot be reached, or takes too long."""


class PostgresError(Tv5Error):
    """PostgreSQL did not do what was asked of it; the message has its SQLSTATE and words."""


class PostgresAccessError(PostgresError):
    """PostgreSQL does not let us in, or a right is missing that the message names."""


class PostgresUnavailableError(PostgresError):
    """PostgreSQL cannot be reached, or broke off; a later call may succeed."""


class SchemaDriftError(PostgresError):
    """A table is not as its mapping says: it is gone, or a column of it is."""


class ShardError(Tv5Error):
    """A shard cannot answer, or answers in another version's way."""


class ShardSkewError(ShardError):
    """Shards are of different versions."""


class RedisAccessError(Tv5Error):
    """A Redis is of another kind than its URL says, refuses a password, or gives too few rights."""


class TimedOutError(Tv5Error, TimeoutError):
    """A call of an AsyncCatalog did not end by its deadline."""


class UnavailableError(Tv5Error):
    """Neither a loader nor the cache had an answer, not even a stale one.

    Attributes
    ----------
    retry_after_s : float
        Seconds after which to try again.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamError(Tv5Error):
    """A call to a provider failed, or its answer cannot be used."""


class RateLimitedError(UpstreamError):
    """A call would wait longer than it may, or the provider refuses it as one too many.

    Attributes
    ----------
    retry_after_s : float
        Seconds until it is worth another try.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineError(UpstreamError):
    """No answer came by the deadline."""


class BreakerOpenError(UpstreamError):
    """The provider failed so often that it is left alone for a while.

    Attributes
    ----------
    retry_after_s : float
        Seconds until it is tried again.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnreachableError(UpstreamError):
    """No connection was to be had, or it broke off before the answer was whole."""


class ResponseTooLargeError(UpstreamError):
    """An answer has more bytes, packed or unpacked, than are accepted."""


class ForbiddenTargetError(UpstreamError):
    """A host, scheme or address that may not be called, directly or by a redirect."""


class UpstreamStatusError(UpstreamError):
    """The provider answered that the call failed.

    Attributes
    ----------
    status : int
        Of HTTP.
    code : int
        The provider's own, 0 where it gave none.
    message : str
        The provider's own, empty where it gave none.
    """

    def __init__(self, status: int, code: int = 0, message: str = "", *, where: str = "") -> None:
        said = f" ({code}: {message})" if code or message else ""
        super().__init__(f"{where}: " * bool(where) + f"expected an answer, got {status}{said}")
        self.status, self.code, self.message = status, code, message


class MalformedResponseError(UpstreamError):
    """An answer that is not what the provider's interface promises.

    Attributes
    ----------
    where : str
        The field or the byte that is wrong, empty where it is all of it.
    """

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class CredentialsError(UpstreamError):
    """There is no key for a provider, or the provider refuses the one there is."""


class SourceDisabledError(UpstreamError):
    """A source without a contract was called without being enabled."""


class TitleNotFoundError(UpstreamError, UnknownIdError):
    """The provider has no such title, or no such file."""


class UpstreamRefusalError(UpstreamError):
    """The provider understood, and said why it gives no answer."""
