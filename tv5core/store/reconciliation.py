"""Reconcile derived data with the titles, and upgrade catalogues of older versions.

All work is done in bounded transactions, so what is interrupted simply starts again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from tv5core.store import titles
from tv5core.store.environment import Environment
from tv5core.store.meta import FORMAT, Meta, write_meta
from tv5core.store.transaction import Derived, Entry, Txn
from tv5core.types import Progress

__all__ = ["reconcile", "row_blocks", "upgrade"]

_BLOCK = 1_000


def upgrade(environment: Environment, meta: Meta) -> Meta:
    """Create what an older tv5core did not derive, or derived differently; return the new record.

    The record says so last: until then an older tv5core may write, and the upgrade starts again.
    """
    versions = {member.name: member.version for member in environment.members}
    if meta.derived == versions and meta.format == FORMAT:
        return meta
    for member in environment.members:
        if meta.derived.get(member.name) != member.version:
            reconcile(environment, member, _ignore)
    meta = msgspec.structs.replace(meta, format=FORMAT, derived=versions)
    environment.write(lambda txn: write_meta(txn, meta))
    return meta


def _ignore(_done: int, _total: int, _stage: str) -> None:
    """Report nothing."""


def reconcile(environment: Environment, member: Derived, report: Progress) -> tuple[int, int]:
    """Remove entries that no title accounts for, and restore those that are missing.

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
