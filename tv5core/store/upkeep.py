"""Make what is derived from titles agree with them, and keep catalogues of before up to date.

Everything is done in bounded transactions, so work that is cut short is simply begun again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from tv5core.store import meta as records
from tv5core.store import titles
from tv5core.store.environment import Environment
from tv5core.store.meta import FORMAT, Meta
from tv5core.store.transaction import Derived, Entry, Txn
from tv5core.types import Progress

__all__ = ["bring_up_to_date", "converge", "row_blocks"]

_BLOCK = 1_000


def bring_up_to_date(environment: Environment, meta: Meta) -> Meta:
    """Make what an older tv5core did not derive, or derived otherwise; return the new record.

    The record tells so last: until then an older tv5core may write, and this is begun again.
    """
    versions = {member.name: member.version for member in environment.members}
    if meta.derived == versions and meta.format == FORMAT:
        return meta
    for member in environment.members:
        if meta.derived.get(member.name) != member.version:
            converge(environment, member, _quiet)
    meta = msgspec.structs.replace(meta, format=FORMAT, derived=versions)
    environment.write(lambda txn: records.write(txn, meta))
    return meta


def _quiet(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""


def converge(environment: Environment, member: Derived, report: Progress) -> tuple[int, int]:
    """Make one kind of derived data what the titles say.

    Returns
    -------
    removed, restored : int
        Entries. Those that are right stay in place throughout, so readers miss nothing.
    """
    removed, last = 0, None
    while True:
        some, last = environment.write(partial(_drop_strays, member, last))
        removed += some
        report(removed, removed, f"removing {member.name}")
        if last is None:
            break
    restored = 0
    for rows in row_blocks(environment):
        restored += environment.write(partial(_fill, member, rows))
        report(restored, restored, f"restoring {member.name}")
    return removed, restored


def _drop_strays(member: Derived, last: Entry | None, txn: Txn) -> tuple[int, Entry | None]:
    found = member.strays(txn, partial(titles.by_row, txn), last, _BLOCK)
    for entry in found.found:
        member.drop(txn, entry)
    return len(found.found), found.last


def _fill(member: Derived, rows: list[int], txn: Txn) -> int:
    loaded = ((row, titles.readable(txn, row)) for row in rows)
    return sum(member.fill(txn, row, title) for row, title in loaded if title is not None)


def row_blocks(environment: Environment) -> Iterator[list[int]]:
    """Give the rows of all titles in blocks."""
    last = -1
    while True:
        with environment.read() as txn:
            rows = titles.rows_after(txn, last, _BLOCK)
        if not rows:
            return
        yield rows
        last = rows[-1]
