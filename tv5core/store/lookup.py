"""From an id or an alias to its title, checked: what a name leads to must carry that name.

The rows of ids and aliases have no checksums, since ``verify`` compares them with the titles. So
that none of them gives, or changes, another's title before that, each title found is asked.
"""

from __future__ import annotations

from typing import NoReturn

from tv5core.errors import CorruptFileError
from tv5core.store import titles
from tv5core.store.aliases import aliases
from tv5core.store.derived import key_of
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["all_by_alias", "by_alias", "by_id", "check_lead", "delete_id"]


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
        return None
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
    if row is None:
        return None
    data = txn.raw.get(row, db=txn.dbs.titles)
    title = None if data is None else titles.decode(data)
    if title is None or not _carries(title, alias):
        _refuse_lead(f"the alias {alias!r}", row, title)
    return title


def all_by_alias(txn: Txn, alias: str) -> list[Title]:
    """Return the titles that carry an alias, oldest first.

    Raises
    ------
    CorruptFileError
        The alias leads to no title, or to one that does not carry it.
    """
    found: list[Title] = []
    for row in titles.find_alias(txn, alias):
        title = titles.by_row(txn, row)
        if title is None or not _carries(title, alias):
            _refuse_lead(f"the alias {alias!r}", titles.row_key(row), title)
        found.append(title)
    return found


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
