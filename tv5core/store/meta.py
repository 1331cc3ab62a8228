"""The catalogue's own record, and the checkpoints its users keep in it."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import msgspec

from tv5core.arguments import check_text, shown
from tv5core.errors import CorruptFileError, FormatVersionError, InvalidInputError
from tv5core.files import SealedFile
from tv5core.store.checked_values import body_of, with_checksum
from tv5core.store.records import Generation, SecondSpace, SentVectors
from tv5core.store.transaction import Txn

__all__ = [
    "CHECKPOINT",
    "FORMAT",
    "RECORD",
    "UNCHECKED_CHECKPOINT",
    "Meta",
    "MetaCache",
    "check_checkpoint",
    "checkpoint",
    "checkpoints",
    "clear_checkpoints",
    "read_meta",
    "set_checkpoint",
    "unchecked_checkpoints",
    "with_entry",
    "write_meta",
]

FORMAT = 5

RECORD = b"catalog"
"""The record's key."""
CHECKPOINT = b"mark:"
"""Before a checkpoint's key; its value ends in a checksum."""
UNCHECKED_CHECKPOINT = b"checkpoint:"
"""Before the key of one that format 4 or earlier stored."""
_MAX_CHECKPOINT_BYTES = 480  # LMDB takes keys of 511, and they have a prefix
_MOST = 1 << 62
_FILE_NAME = re.compile(r"(graph|rows|words|columns|lsa|learnt)\.\d{6,}\.tv5")
_CHECKED_FROM = 2  # the format from which the record ends in its checksum
_CHECKSUM = struct.Struct(">I")
_ROOM = 0xFFFFFFFF  # a number that msgpack gives four bytes, to be replaced by the checksum
_CHECK_FIELD = b"\xa5check\xce"  # how msgpack begins the field


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a catalogue knows of itself; one value, replaced whole in a transaction.

    Attributes
    ----------
    format : int
        Version of everything in LMDB.
    metric, rescoring : str
        As for ``VectorIndex``.
    dim : int
        Width of the vectors; 0 until there are any.
    embedder : str
        Fingerprint of what made the vectors; ``""`` until there are any, ``external``
        where they were given and no embedder was named.
    space : int
        The space that is served.
    model : SealedFile or None
        The fitted embedder of that space, where the catalogue keeps one.
    fitted_on : int
        Titles in the catalogue when it was fitted.
    learnt : SealedFile or None
        What was learnt from interactions.
    next_row, next_seq : int
        The next row and journal entry to be given out.
    next_generation : int
        The next generation's number.
    generations : tuple of Generation
        Newest first; at most two, all of the present space.
    settings : dict or None
        Calibrated search settings.
    text_settings : dict or None
        Those for queries by text, which are harder; ``own_text`` in it says that they were
        chosen on the catalogue's own text.
    uid : str
        Drawn at random on creation; ``""`` where an earlier version made the catalogue.
    journal_from : int
        The number from which on the journal's first entry, a folded one, says what changed; 0
        where it stands for itself alone.
    checked : bool
        Whether every value has its checksum; False while some may be left that format 4 or earlier
        stored.
    derived : dict of str to int
        Versions of what is derived from the titles and kept; without the field, format 1's.
    extra_fields : dict of str to str
        Types of the catalogue's own fields by name.
    second : SecondSpace or None
    second_spaces : int
        How many there ever were: each has a number of its own.
    sent : SentVectors or None
        None where no server keeps the vectors.
    check : int
        On disk, from format 2 on, the CRC-32 of the bytes before it: always the last field. In
        memory 0.
    """

    format: int = msgspec.field(default=0)
    metric: str = "cosine"
    rescoring: str = "int8"
    dim: int = 0
    embedder: str = ""
    space: int = 0
    model: SealedFile | None = None
    fitted_on: int = 0
    next_row: int = 0
    next_seq: int = 1
    next_generation: int = 1
    generations: tuple[Generation, ...] = ()
    settings: dict[str, Any] | None = None
    text_settings: dict[str, Any] | None = None
    uid: str = ""
    journal_from: int = 0
    checked: bool = False
    learnt: SealedFile | None = None
    derived: dict[str, int] = msgspec.field(default_factory=lambda: {"ids": 1, "aliases": 1})
    extra_fields: dict[str, str] = {}
    second: SecondSpace | None = None
    second_spaces: int = 0
    sent: SentVectors | None = None
    check: int = 0

    @property
    def spaces(self) -> tuple[int, ...]:
        """The spaces whose vectors are kept."""
        return (self.space,) if self.second is None else (self.space, self.second.space)

    @property
    def all_generations(self) -> tuple[Generation, ...]:
        """Those of both spaces."""
        return self.generations + (() if self.second is None else self.second.generations)

    @property
    def last_seq(self) -> int:
        """The newest journal entry."""
        return self.next_seq - 1


class _Format(msgspec.Struct, frozen=True):
    format: int


class MetaCache:
    """The record last read or written, by its bytes: the same bytes need no decoding."""

    def __init__(self) -> None:
        self._known: tuple[bytes, Meta] | None = None

    def read(self, txn: Txn) -> Meta | None:
        """Return the record as a transaction sees it; see :func:`read_meta`."""
        data, known = txn.raw.get(RECORD, db=txn.dbs.meta), self._known
        if data is None or known is None or known[0] != bytes(data):
            meta = read_meta(txn)
            self._known = None if meta is None or data is None else (bytes(data), meta)
            return meta
        return known[1]

    def write(self, txn: Txn, meta: Meta) -> None:
        """Replace the record."""
        self._known = (write_meta(txn, meta), meta)


def read_meta(txn: Txn) -> Meta | None:
    """Return the record; None where the catalogue was never finished.

    Raises
    ------
    FormatVersionError
        A newer tv5core wrote the catalogue.
    CorruptFileError
        The record is no record, is not what was stored, or contradicts itself.
    """
    data = txn.raw.get(RECORD, db=txn.dbs.meta)
    return None if data is None else _decode(data)


def _decode(data: memoryview | bytes) -> Meta:
    try:
        known = msgspec.msgpack.decode(data, type=_Format).format
        if known > FORMAT:
            raise FormatVersionError(
                f"expected a catalogue of format {FORMAT} or less, got {known}: "
                "a newer tv5core wrote it"
            )
        meta = msgspec.msgpack.decode(data, type=Meta)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"expected a catalogue's record, got {error}") from error
    # Both signs of a checksum, so that one flipped bit cannot make it pass for a record without.
    if known >= _CHECKED_FROM or bytes(data[:-4]).endswith(_CHECK_FIELD):
        _check(bytes(data))
    _check_sense(meta)
    return msgspec.structs.replace(meta, check=0)


def _check(data: bytes) -> None:
    stored, got = data[-4:], zlib.crc32(data[:-4])
    if not data[:-4].endswith(_CHECK_FIELD) or stored != _CHECKSUM.pack(got):
        raise CorruptFileError(
            f"expected a catalogue's record of checksum {stored.hex()}, got {got:08x}"
        )


def _check_sense(meta: Meta) -> None:
    """Refuse a record that no tv5core writes, before anything relies on it."""
    files = [file for g in meta.all_generations for file in g.files]
    files += [file for file in (meta.model, meta.learnt) if file is not None]
    sound = (
        # A name is joined to the folder's, so it must be one that we give.
        all(_FILE_NAME.fullmatch(file.name) for file in files)
        and 0 <= meta.dim <= _MOST
        and 0 <= meta.next_row <= _MOST
        and 1 <= meta.next_seq <= _MOST
        and 0 <= meta.space < 1 << 31
        and _second_makes_sense(meta)
        and _sent_makes_sense(meta)
        and all(generation.space == meta.space for generation in meta.generations)
        and all(
            0 < generation.number < meta.next_generation
            and 0 <= generation.seq < meta.next_seq
            and 0 <= generation.documents_seq < meta.next_seq
            and (generation.graph is None) == (generation.rows is None)
            and (generation.words is None) == (generation.columns is None)
            and generation.files
            for generation in meta.all_generations
        )
    )
    if not sound:
        raise CorruptFileError(f"expected a catalogue's record, got one against itself: {meta}")


def _second_makes_sense(meta: Meta) -> bool:
    second = meta.second
    return second is None or (
        1 << 31 <= second.space < 1 << 32
        and 0 <= second.dim <= _MOST
        and -1 <= second.filled <= _MOST
        and 0 <= second.seq < meta.next_seq
        and all(one.space == second.space and one.words is None for one in second.generations)
    )


def _sent_makes_sense(meta: Meta) -> bool:
    sent = meta.sent
    return sent is None or (
        0 <= sent.space < 1 << 31 and -1 <= sent.filled <= _MOST and 0 <= sent.seq < meta.next_seq
    )


def write_meta(txn: Txn, meta: Meta) -> bytes:
    """Replace the record; return it as stored."""
    data = msgspec.msgpack.encode(msgspec.structs.replace(meta, check=_ROOM))[:-4]
    data += _CHECKSUM.pack(zlib.crc32(data))
    txn.raw.put(RECORD, data, db=txn.dbs.meta)
    return data


def with_entry(meta: Meta, dim: int = 0, embedder: str = "") -> Meta:
    """Return the record after one more journal entry, whose vectors ``embedder`` made."""
    return msgspec.structs.replace(
        meta,
        next_seq=meta.next_seq + 1,
        dim=meta.dim or dim,
        embedder=embedder or meta.embedder,
    )


def check_checkpoint(given: object) -> None:
    """Raise InvalidInputError unless something is a checkpoint's key and its value."""
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], bytes)):
        raise InvalidInputError(f"expected checkpoint to be a key and bytes, got {shown(given)}")
    _encoded(given[0])


def _encoded(key: object) -> bytes:
    """Encode a checkpoint's key, or the beginning of some."""
    encoded = check_text("a checkpoint's key", key).encode()
    if len(encoded) > _MAX_CHECKPOINT_BYTES:
        raise InvalidInputError(
            f"expected a checkpoint's key of up to {_MAX_CHECKPOINT_BYTES} bytes, got "
            f"{len(encoded)}"
        )
    return encoded


def checkpoint(txn: Txn, key: str) -> bytes | None:
    """Return a checkpoint.

    Raises
    ------
    InvalidInputError
        The key cannot be one.
    CorruptFileError
        It is not what was stored.
    """
    encoded = _encoded(key)
    name = CHECKPOINT + encoded
    data = txn.raw.get(name, db=txn.dbs.meta)
    if data is not None:
        return body_of(name, data, f"a checkpoint {key!r}")
    data = txn.raw.get(UNCHECKED_CHECKPOINT + encoded, db=txn.dbs.meta)
    return None if data is None else bytes(data)


def checkpoints(txn: Txn) -> list[tuple[str, bytes]]:
    """Return all checkpoints, by key; raises CorruptFileError like :func:`checkpoint`."""
    found = [
        (key, body_of(CHECKPOINT + key.encode(), value, f"a checkpoint {key!r}"))
        for key, value in _starting(txn, CHECKPOINT)
    ]
    return sorted(found + _starting(txn, UNCHECKED_CHECKPOINT))


def unchecked_checkpoints(txn: Txn) -> list[tuple[str, bytes]]:
    """Return the checkpoints that have no checksum yet."""
    return _starting(txn, UNCHECKED_CHECKPOINT)


def _starting(txn: Txn, prefix: bytes) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    with txn.raw.cursor(txn.dbs.meta) as cursor:
        more = cursor.set_range(prefix)
        while more and (key := bytes(cursor.key())).startswith(prefix):
            found.append((key[len(prefix) :].decode(), bytes(cursor.value())))
            more = cursor.next()
    return found


def set_checkpoint(txn: Txn, key: str, value: bytes) -> None:
    """Store a checkpoint."""
    name = CHECKPOINT + key.encode()
    txn.raw.put(name, with_checksum(name, value), db=txn.dbs.meta)
    txn.raw.delete(UNCHECKED_CHECKPOINT + key.encode(), db=txn.dbs.meta)


def clear_checkpoints(txn: Txn, prefix: str) -> int:
    """Delete the checkpoints whose keys start with ``prefix``; return how many."""
    cleared, encoded = 0, _encoded(prefix)
    with txn.raw.cursor(txn.dbs.meta) as cursor:
        for kind in (CHECKPOINT, UNCHECKED_CHECKPOINT):
            start = kind + encoded
            more = cursor.set_range(start)
            while more and bytes(cursor.key()).startswith(start):
                more = cursor.delete()
                cleared += 1
    return cleared
