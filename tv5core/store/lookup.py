"""From an id or an alias to its title, checked: what a name leads to must carry that name.

The rows of ids and aliases have no checksums, since ``verify`` compares them with the titles. So
that none of them gives, or changes, another's title before that, each title found is asked.

Nor is a name unknown because of one flipped bit of its key: keys are in order, which is checked
when the file is opened, so the flipped one is beside the place where the name would be. Both keys
there are compared with the name; one that differs by a single bit leads to its title, if that
carries the name. That takes 2 us more for an unknown name, so additions and ``in`` do not look
there: what is added again under such an id is a second title of it, which ``verify`` names. A
listing of all ids gives the keys as they are.
"""

from __future__ import annotations

from typing import NoReturn

import lmdb

from tv5core.errors import CorruptFileError
from tv5core.store import titles
from tv5core.store.aliases import aliases
from tv5core.store.derived import key_of
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = [
    "all_by_alias",
    "by_alias",
    "by_id",
    "check_lead",
    "delete_id",
    "found_by",
    "row_of",
]


def row_of(txn: Txn, id: str) -> int | None:
    """Return the row an id leads to, its title unasked; None where there is none."""
    row = txn.raw.get(key_of(id), db=txn.dbs.derived["ids"])
    if row is not None:
        return int.from_bytes(row)
    beside = _beside_id(txn, id)
    return None if beside is None else beside[0]


def found_by(txn: Txn, name: str) -> tuple[int, Title] | None:
    """Return row and title of an id, or of the oldest title with such an alias.

    Raises
    ------
    CorruptFileError
        It leads to no title, to one that does not carry it, or to one that cannot be decoded.
    """
    row = row_of(txn, name)
    if row is not None:
        title = titles.by_row(txn, row)
        if title is None or title.id != name:
            _refuse_lead(f"the id {name!r}", titles.row_key(row), title)
        return row, title
    found = _rows_by_alias(txn, name)
    return next(((row, _carrier(txn, row, name)) for row in found), None)


def by_id(txn: Txn, id: str) -> Title | None:
    """Return the title of an id; None where there is none.

    Raises
    ------
    CorruptFileError
        The id leads to no title, to another's, or to one that cannot be decoded.
    """
    get = txn.raw.get
    row = get(key_of(id), db=txn.dbs.derived["ids"])
    if row is None:
        beside = _beside_id(txn, id)
        return None if beside is None else beside[1]
    data = get(row, db=txn.dbs.titles)
    title = None if data is None else titles.decode(data)
    if title is None or title.id != id:
        _refuse_lead(f"the id {id!r}", row, title)
    return title


def by_alias(txn: Txn, alias: str) -> Title | None:
    """Return the oldest title that carries an alias; None where there is none.

    Raises
    ------
    CorruptFileError
        The alias leads to no title, or to one that does not carry it.
    """
    row = txn.raw.get(key_of(alias), db=txn.dbs.derived["aliases"])
    if row is not None:
        return _carrier(txn, int.from_bytes(row), alias)
    return next((title for _, title in _beside_alias(txn, alias)), None)


def all_by_alias(txn: Txn, alias: str) -> list[Title]:
    """Return the titles that carry an alias, oldest first.

    Raises
    ------
    CorruptFileError
        The alias leads to no title, or to one that does not carry it.
    """
    return [_carrier(txn, row, alias) for row in _rows_by_alias(txn, alias)]


def check_lead(id: str, row: int, title: Title) -> None:
    """Raise CorruptFileError where an id leads to another's title, which must not be changed."""
    if title.id != id:
        _refuse_lead(f"the id {id!r}", titles.row_key(row), title)


def delete_id(txn: Txn, id: str, row: int) -> None:
    """Remove the title that an id leads to, also where it is damaged.

    What else leads to a damaged title is not known; ``verify`` finds it.

    Raises
    ------
    CorruptFileError
        The id leads to another's title.
    """
    title = titles.readable(txn, row)
    if title is not None:
        check_lead(id, row, title)
        titles.delete(txn, row, title)
    elif titles.bytes_of(txn, row) is not None:
        txn.raw.delete(titles.row_key(row), db=txn.dbs.titles)
        txn.raw.delete(titles.row_key(row), db=txn.dbs.pending)
        txn.raw.delete(key_of(id), db=txn.dbs.derived["ids"])


def _rows_by_alias(txn: Txn, alias: str) -> list[int]:
    return titles.find_alias(txn, alias) or [row for row, _ in _beside_alias(txn, alias)]


def _carrier(txn: Txn, row: int, alias: str) -> Title:
    title = titles.by_row(txn, row)
    if title is None or not _carries(title, alias):
        _refuse_lead(f"the alias {alias!r}", titles.row_key(row), title)
    return title


def _beside_id(txn: Txn, id: str) -> tuple[int, Title] | None:
    key = key_of(id)
    found = _beside(txn, txn.dbs.derived["ids"], key, key)
    return next(((row, title) for row, title in found if title.id == id), None)


def _beside_alias(txn: Txn, alias: str) -> list[tuple[int, Title]]:
    within = b"" if alias.startswith("name:") else key_of(alias.rpartition(":")[2])
    found = _beside(txn, txn.dbs.derived["aliases"], key_of(alias), within)
    return [(row, title) for row, title in found if alias in aliases(title)]


def _beside(
    txn: Txn, database: lmdb._Database, key: bytes, within: bytes
) -> list[tuple[int, Title]]:
    """Return what the keys beside the place of an unknown one lead to, where a bit may be flipped.

    Only sound titles whose bytes have ``within`` in them: most are told apart by that.
    """
    with txn.raw.cursor(database) as cursor:
        found = cursor.set_range(key)
        beside = [cursor.key()] if found else []
        if cursor.prev() if found else cursor.last():
            beside.append(cursor.key())
        flipped = [bytes(one) for one in beside if _one_bit_apart(one, key)]
        rows = [row for one in flipped for row in _values(cursor, one)]
    return [
        (row, title)
        for row in rows
        if within in (titles.bytes_of(txn, row) or b"") and (title := titles.readable(txn, row))
    ]


def _one_bit_apart(one: memoryview, other: bytes) -> bool:
    # Lengths are first: this is asked for every name that is not there.
    return len(one) == len(other) and (int.from_bytes(one) ^ int.from_bytes(other)).bit_count() == 1


def _values(cursor: lmdb.Cursor[memoryview], key: bytes) -> list[int]:
    """Return the rows of a key."""
    rows, more = [], cursor.set_key(key)
    while more and cursor.key() == key:  # after a single value comes the next key
        rows.append(int.from_bytes(cursor.value()))
        more = cursor.next_dup()
    return rows


def _carries(title: Title, alias: str) -> bool:
    """Return whether a title has an id elsewhere; an alias by name is left to ``verify``.

    How names are normalised may change from one version to the next, ids stay.
    """
    scheme, _, value = alias.partition(":")
    # Most are told by the first; computing all aliases takes far longer.
    return scheme == "name" or title.external_ids.get(scheme) == value or alias in aliases(title)


def _refuse_lead(what: str, row: memoryview | bytes, title: Title | None) -> NoReturn:
    got = "none" if title is None else repr(title.id)
    raise CorruptFileError(
        f"expected a title with {what} in row {int.from_bytes(row)}, got {got}; repair it"
    )
