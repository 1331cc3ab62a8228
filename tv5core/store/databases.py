"""LMDB's file opened as a catalogue's: its sub-databases, checked before they are read."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Any, NoReturn

import lmdb
import msgspec

from tv5core.errors import CorruptFileError, NotACatalogError
from tv5core.lmdb_env.opening import (
    LIB_VERSION,
    MAX_READERS,
    SPARE_TXNS,
    find_truncation,
    tree_bytes,
)
from tv5core.lmdb_env.page_check import check_file
from tv5core.lmdb_env.transaction import Buffers
from tv5core.store.meta import RECORD, read_meta, write_meta
from tv5core.store.transaction import Databases, Derived, Txn

__all__ = ["databases_by_name", "known_flags", "open_lmdb", "used_bytes"]

_CORE = tuple(name for name in Databases._fields if name not in {"derived", "members"})


# LMDB's first page: a page head, then magic, version, address, size of the map, two descriptions
# of 48 bytes (the first begins with the size of a page), last page, last transaction.
_META = struct.Struct("<16xI20xI100xQ")
_META_BYTES = _META.size
_MAGIC = 0xBEEFC0DE
_PAGE_BYTES = mmap.PAGESIZE  # as LMDB has it
_UNBORN_BYTES = 1 << 16
"""The first transaction, which creates the databases, takes fewer."""
_SEVERAL_FLAGS = 0x14  # MDB_DUPSORT and MDB_DUPFIXED: see _open_database


def open_lmdb(
    folder: Path,
    members: tuple[Derived, ...],
    *,
    writable: bool,
    fresh_bytes: int,
    register: bool = True,
) -> tuple[lmdb.Environment, Databases]:
    """Open LMDB in a folder.

    Parameters
    ----------
    folder : Path
    members : tuple of Derived
        What is derived from titles.
    writable : bool
        Whether to create what is missing.
    fresh_bytes : int
        Size of the map; 0 for as large as its last writer made it.
    register : bool
        False reads without LMDB's lock file: nobody must write meanwhile.

    Raises
    ------
    CorruptFileError, NotACatalogError, lmdb.Error
    """
    if writable:
        _remove_unborn(folder / "data.mdb")
    check_file(folder / "data.mdb", known_flags(members))
    raw = lmdb.open(
        os.fspath(folder),
        map_size=fresh_bytes,
        readonly=not writable,
        create=writable,
        lock=register,
        max_dbs=len(_CORE) + len(_names(members)),
        max_readers=MAX_READERS,
        max_spare_txns=SPARE_TXNS,
        lib_version=LIB_VERSION,
    )
    try:
        _check_length(raw, folder / "data.mdb")
        while True:
            try:
                return raw, _open_databases(raw, folder, members, writable=writable)
            except lmdb.MapResizedError:  # a writer let the map grow since we took its size
                raw.set_mapsize(0)
    except BaseException:
        raw.close()
        raise


def _remove_unborn(path: Path) -> None:
    """Remove a file whose creation was interrupted; LMDB would always refuse it.

    LMDB begins a file with two meta pages that say "transaction 0", and syncs them together with
    the pages of its first transaction, which creates the databases. Where the process or the power
    was lost before, any of these pages may be missing. So a small file without the meta page of a
    transaction, and without a record anywhere, never held a catalogue.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_UNBORN_BYTES + 1)
    except FileNotFoundError:
        return
    if data and _is_unborn(data):
        path.unlink()


def _is_unborn(data: bytes) -> bool:
    if len(data) > _UNBORN_BYTES or RECORD in data:
        return False
    heads = [data[at : at + _META_BYTES] for at in (0, _PAGE_BYTES)]
    parsed = [_META.unpack(head) for head in heads if len(head) == _META_BYTES]
    if any(magic == _MAGIC and last > 0 for magic, _, last in parsed):
        return False
    begun = any(magic == _MAGIC for magic, _, _ in parsed) or not any(data)
    whole = len(data) >= 2 * _PAGE_BYTES and all(magic == _MAGIC for magic, _, _ in parsed)
    empty = all(magic in (0, _MAGIC) for magic, _, _ in parsed)
    return begun and empty and not whole


def _check_length(raw: lmdb.Environment, path: Path) -> None:
    if truncation := find_truncation(raw, path):
        raise CorruptFileError(f"{path}: {truncation}")


def _names(members: tuple[Derived, ...]) -> dict[str, bool]:
    """Return the databases of all members; True where a key has several values."""
    return {name: several for member in members for name, several in member.databases.items()}


def known_flags(members: tuple[Derived, ...]) -> dict[bytes, int]:
    """Return LMDB's flags of every sub-database, by name."""
    several = {**dict.fromkeys(_CORE, False), **_names(members)}
    return {name.encode(): _SEVERAL_FLAGS if more else 0 for name, more in several.items()}


def _open_databases(
    raw: lmdb.Environment, folder: Path, members: tuple[Derived, ...], *, writable: bool
) -> Databases:
    with raw.begin() as txn:
        fresh = writable and txn.stat()["entries"] == 0
    if fresh:
        with raw.begin(write=True, buffers=True) as txn:  # all of them are created, or none
            core = [_open_database(raw, name, creating=txn) for name in _CORE]
            derived = {
                name: _open_database(raw, name, several=several, creating=txn)
                for name, several in _names(members).items()
            }
            return Databases._make([*core, derived, members])
    try:
        core = [_open_database(raw, name) for name in _CORE]
    except lmdb.NotFoundError as error:
        raise NotACatalogError(
            f"expected a catalogue in {folder}, got an LMDB file of something else"
        ) from error
    dbs = Databases._make([*core, _DerivedDatabases(), members])
    _open_derived(raw, dbs, writable=writable)
    return dbs


class _DerivedDatabases(dict[str, Any]):
    """Databases by name; a reader may lack one that is new, or of which the name is damaged."""

    def __missing__(self, name: str) -> NoReturn:
        raise CorruptFileError(
            f"expected a database {name!r} beside the titles, got none; opening the catalogue for "
            "writing makes it from them"
        )


def _open_derived(raw: lmdb.Environment, dbs: Databases, *, writable: bool) -> None:
    """Open what is derived; the writer creates what an older tv5core did not keep."""
    for name, several in _names(dbs.members).items():
        try:
            dbs.derived[name] = _open_database(raw, name, several=several)
        except lmdb.NotFoundError:
            if writable:
                with raw.begin(write=True, buffers=True) as txn:
                    created = _open_database(raw, name, several=several, creating=txn)
                    _forget(Txn(txn, dbs), name)
                dbs.derived[name] = created


def _forget(txn: Txn, name: str) -> None:
    """Let the record no longer say that a database is filled: opening fills it again."""
    meta = read_meta(txn)
    if meta is not None:
        owners = {member.name for member in txn.dbs.members if name in member.databases}
        kept = {one: version for one, version in meta.derived.items() if one not in owners}
        write_meta(txn, msgspec.structs.replace(meta, derived=kept))


def _open_database(
    raw: lmdb.Environment, name: str, *, several: bool = False, creating: Buffers | None = None
) -> lmdb._Database:
    return raw.open_db(
        name.encode(), creating, create=creating is not None, dupsort=several, dupfixed=several
    )


def databases_by_name(dbs: Databases) -> dict[str, tuple[lmdb._Database, bool]]:
    """Return every sub-database there is by name, and whether a key has several values."""
    several = _names(dbs.members)
    core = {name: (getattr(dbs, name), False) for name in _CORE}
    return core | {name: (one, several[name]) for name, one in dbs.derived.items()}


def used_bytes(txn: Txn) -> int:
    """Return the bytes of ``data.mdb`` that hold something.

    The rest is free and written to before the file grows; LMDB never makes a file smaller.
    """
    core = [getattr(txn.dbs, name) for name in _CORE]
    return tree_bytes(txn.raw, (None, *core, *txn.dbs.derived.values()))
