"""Manifests: what a snapshot is made of, in one small object of JSON."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.object_storage import ObjectStore

__all__ = [
    "CHUNK_BYTES",
    "GRACE_S",
    "Manifest",
    "Origin",
    "SnapshotFile",
    "StoredChunk",
    "chunk_name",
    "decode",
    "encode",
    "manifest_name",
    "newest_manifest",
    "numbers",
    "read_manifest",
    "stored_chunks",
]

VERSION = 1
CHUNK_BYTES = 4 << 20
"""Of each new snapshot's chunks; S3 takes as long to begin an answer as to send this much."""
GRACE_S = 86_400.0
"""How long pruning leaves alone what no manifest names."""
_LARGEST_CHUNK_BYTES = 64 << 20
_LARGEST_MANIFEST_BYTES = 64 << 20
_LARGEST_NUMBER = 10**10 - 1

_CHUNK = re.compile(r"chunks/([0-9a-f]{64})")
_NAME = re.compile(r"snapshots/([0-9]{10})\.json")
_FILE = r"^[a-z]{1,16}(\.[0-9]{6,12})?\.(mdb|tv5)\Z"
"""A plain name: whatever a manifest says, nothing outside a snapshot's folder is written."""

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Count = Annotated[int, Meta(ge=0)]


class SnapshotFile(msgspec.Struct, frozen=True):
    """A file of a snapshot.

    Attributes
    ----------
    name : str
    bytes : int
    chunks : tuple of str
        SHA-256 of each of its parts, in order.
    """

    name: Annotated[str, Meta(pattern=_FILE)]
    bytes: _Count
    chunks: tuple[_Digest, ...]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which state of what was published.

    Attributes
    ----------
    uid : str
        Names the catalogue, and its copies.
    format : int
        Of what is in the files.
    space, seq : int
        Its version: see ``tv5core.catalog.versions``.
    titles, vectors : int
        0 where they were not counted.
    """

    uid: str
    format: _Count
    space: _Count
    seq: _Count
    titles: _Count = 0
    vectors: _Count = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot.

    Attributes
    ----------
    number : int
        Of those at one place, from 1 on; a larger one is newer.
    lineage : int
        The snapshot that took the place of another catalogue, or of a later state of this one; 0
        where there never was one.
    origin : Origin
    published_s : float
        Seconds since 1970, on the publisher's clock.
    tv5core : str
        The publisher's version.
    chunk_bytes : int
        Of all chunks but the last of each file.
    files : tuple of SnapshotFile
    """

    number: Annotated[int, Meta(ge=1, le=_LARGEST_NUMBER)]
    lineage: _Count
    origin: Origin
    published_s: float
    tv5core: str
    chunk_bytes: Annotated[int, Meta(ge=1, le=_LARGEST_CHUNK_BYTES)]
    files: tuple[SnapshotFile, ...]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def chunks(self) -> set[str]:
        """Digests of all chunks."""
        return {digest for file in self.files for digest in file.chunks}

    def chunk_size(self, file: SnapshotFile, place: int) -> int:
        """Return the bytes of a file's chunk."""
        return min(self.chunk_bytes, file.bytes - place * self.chunk_bytes)


class StoredChunk(NamedTuple):
    """A chunk as a listing shows it."""

    digest: str
    bytes: int
    modified_s: float


class _Envelope(msgspec.Struct):
    tv5_snapshot: int
    sha256: str
    snapshot: msgspec.Raw


class _Version(msgspec.Struct):
    tv5_snapshot: int = 0


def manifest_name(number: int) -> str:
    """Name the object of a snapshot's manifest."""
    return f"snapshots/{number:010d}.json"


def chunk_name(digest: str) -> str:
    """Name the object of a chunk."""
    return f"chunks/{digest}"


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as bytes."""
    body = msgspec.json.encode(manifest)
    digest = hashlib.sha256(body).hexdigest()
    return msgspec.json.encode(_Envelope(VERSION, digest, msgspec.Raw(body)))


def decode(data: bytes, where: str) -> Manifest:
    """Return the manifest in some bytes.

    Raises
    ------
    FormatVersionError
        A newer tv5core wrote it.
    CorruptFileError
        It is damaged, or no manifest.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).tv5_snapshot
        if version > VERSION:
            raise FormatVersionError(
                f"{where}: expected a snapshot of version {VERSION} or less, got {version}: a "
                "newer tv5core published it; upgrade this one"
            )
        envelope = msgspec.json.decode(data, type=_Envelope)
        body = bytes(envelope.snapshot)
        if hashlib.sha256(body).hexdigest() != envelope.sha256:
            raise CorruptFileError(f"{where}: expected a manifest of its checksum, got another")
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptFileError(f"{where}: expected a snapshot's manifest, got {error}") from error
    _check(manifest, where)
    return manifest


def _check(manifest: Manifest, where: str) -> None:
    names = [file.name for file in manifest.files]
    if len(set(names)) != len(names) or not names:
        raise CorruptFileError(f"{where}: expected some files, each once, got {names[:5]}")
    for file in manifest.files:
        wanted = -(-file.bytes // manifest.chunk_bytes)
        if len(file.chunks) != wanted:
            raise CorruptFileError(
                f"{where}: expected {wanted} chunks of {file.name}, got {len(file.chunks)}"
            )


def stored_chunks(store: ObjectStore) -> list[StoredChunk]:
    """Return the chunks there are, also those that no manifest names."""
    found = ((_CHUNK.fullmatch(one.name), one) for one in store.entries("chunks"))
    return [StoredChunk(name[1], one.bytes, one.modified_s) for name, one in found if name]


def numbers(store: ObjectStore) -> list[int]:
    """Return the numbers of the snapshots there are, oldest first."""
    names = (_NAME.fullmatch(one.name) for one in store.entries("snapshots"))
    return sorted(int(name[1]) for name in names if name)


def read_manifest(store: ObjectStore, number: int) -> Manifest | None:
    """Return a snapshot's manifest; None where it is not, or no longer.

    Raises
    ------
    CorruptFileError, FormatVersionError, ObjectStoreError
    """
    name = manifest_name(number)
    data = store.get(name, _LARGEST_MANIFEST_BYTES)
    if data is None:
        return None
    where = f"{store.url}/{name}"
    if len(data) > _LARGEST_MANIFEST_BYTES:
        raise CorruptFileError(f"{where}: expected at most {_LARGEST_MANIFEST_BYTES} bytes")
    manifest = decode(data, where)
    if manifest.number != number:
        raise CorruptFileError(f"{where}: expected snapshot {number}, got {manifest.number}")
    return manifest


def newest_manifest(store: ObjectStore, after: int = 0) -> Manifest | None:
    """Return the newest snapshot's manifest, where there is one after a number.

    Raises
    ------
    CorruptFileError, FormatVersionError, ObjectStoreError
    """
    while found := [number for number in numbers(store) if number > after]:
        manifest = read_manifest(store, found[-1])
        if manifest is not None:  # else it was removed between the two, and there is a newer one
            return manifest
    return None
