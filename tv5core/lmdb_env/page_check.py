"""Check LMDB's file page by page before LMDB trusts it: a damaged page can kill the process.

LMDB follows page numbers and offsets without looking. :func:`check_file` runs before the file is
opened: it reads both meta pages, then the trees from their roots downwards, as many pages as it is
given. Roots and branches come first, so a large file is checked down to its leaves' parents, and a
small one whole. :func:`problems_as_of` walks all of one transaction's pages, for ``verify``.

What remains possible: a leaf beyond the pages looked at on opening, or a page that is damaged
between the check and its use, is followed blindly, as by every user of LMDB; a page of the free
list beyond them lets a writer overwrite what is in use. Where the number of the newest transaction
is flipped to that of the one before the last, it reads as one that failed to write its meta page,
and the transaction before it is served. A damaged key of an id or an alias is looked for where
unknown names are (``tv5core.store.lookup``); ``in`` and a listing of all ids take it as it is
until ``verify``. ``python -m tests.flips`` counts: of 17,200 bytes of a catalogue of 34 pages, one
bit of each flipped, none gave a wrong answer that ``verify`` calls sound, an error of somebody
else, or a signal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tv5core.errors import CorruptFileError
from tv5core.lmdb_env.page_walk import PageFile, PageWalk, last_freed
from tv5core.lmdb_env.pages import DamagedPageError, expect

__all__ = ["OPEN_PAGES", "check_file", "problems_as_of"]

OPEN_PAGES = 256
"""Pages looked at when a file is opened: 1 MB, some 10 ms."""

_TRIES = 5


def check_file(path: Path, flags: Mapping[bytes, int], budget: int = OPEN_PAGES) -> None:
    """Check a file before it is opened; does nothing where there is none or LMDB refuses it.

    Parameters
    ----------
    path : Path
    flags : mapping
        LMDB's flags of the sub-databases that are known.
    budget : int
        Pages to look at.

    Raises
    ------
    CorruptFileError
    """
    with suppress(FileNotFoundError), PageFile(path) as file:
        for _ in range(_TRIES):
            before = file.probe()
            try:
                problem = next(_problems(file, flags, budget), None)
            except DamagedPageError as error:
                problem = str(error)
            if problem is None:
                return
            if file.probe() == before:  # else another process has written, and reused pages
                raise CorruptFileError(f"{path}: {problem}; restore a backup")


def problems_as_of(path: Path, flags: Mapping[bytes, int], transaction: int) -> list[str] | None:
    """Check every page that a transaction sees.

    Parameters
    ----------
    transaction : int
        Its number; it must be open for as long as this takes, so that no page is reused.

    Returns
    -------
    list of str or None
        None where the transaction is too old: its meta page was overwritten.
    """
    with PageFile(path) as file:
        try:
            metas = [meta for meta in file.metas() if meta.transaction == transaction]
        except DamagedPageError as error:
            return [str(error)]
        if not metas:
            return None
        return list(PageWalk(file, metas[0], flags, None).problems())


def _problems(file: PageFile, flags: Mapping[bytes, int], budget: int) -> Iterator[str]:
    metas = file.metas()
    if not metas:
        return  # LMDB says what it is
    # Of two that are equal LMDB takes the first: after the first transaction failed to write its
    # meta page, LMDB resets that page's transaction number, but not its roots.
    first, second = metas
    in_turn = first.transaction < second.transaction
    older, newest = (first, second) if in_turn else (second, first)
    fresh = newest.transaction == older.transaction == 0
    # Each transaction writes one of the two pages, by turns.
    expect(
        fresh or (newest.transaction - older.transaction == 1 and metas[newest.transaction & 1]
                  is newest),
        f"expected the meta pages of two transactions in turn, got "
        f"{metas[0].transaction} and {metas[1].transaction}",
    )  # fmt: skip
    yield from PageWalk(file, newest, flags, budget).problems()
    freed = None
    with suppress(DamagedPageError):  # of a page beyond the budget
        freed = last_freed(file, newest)
    # Each transaction copies pages, and lists those it copied under its own number.
    expect(
        freed in (None, newest.transaction),
        f"expected the pages of transaction {newest.transaction}, got those of {freed}",
    )
