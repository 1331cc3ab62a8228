"""Keeping a catalogue in step with TMDB.

:func:`sync_tmdb` fetches all titles of the daily exports, the most popular first;
:func:`refresh_tmdb` fetches anew what TMDB says changed. Both store each batch of titles together
with a checkpoint, so they can be cut off at any moment and go on from there when called again.

::

    with Catalog.open("films") as catalog:
        async with Tmdb.open(bulk_share=1.0) as tmdb:
            report = await sync_tmdb(tmdb, catalog, limit=5_000)
        catalog.seal()

A catalogue that was also filled from files is better given through
:class:`tv5core.importers.MergingCatalog`, which finds the title a film has there already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

import msgspec

from tv5core.errors import InvalidInputError, TitleNotFoundError
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.bulk_retry import Patience
from tv5core.upstream.sync.checkpoint import Mark, decoded_mark
from tv5core.upstream.sync.options import SyncOptions, options_from
from tv5core.upstream.sync.plan import Plan, plan_from_files, plan_from_ids, plan_from_tmdb
from tv5core.upstream.sync.report import Failure, SyncProgress, SyncReport
from tv5core.upstream.sync.run import Invalidate, Sink, run_plan
from tv5core.upstream.tmdb.changes import changed_ids
from tv5core.upstream.tmdb.client import Media, Tmdb
from tv5core.upstream.tmdb.exports import latest_export_day

__all__ = [
    "Failure",
    "Invalidate",
    "Sink",
    "SyncProgress",
    "SyncReport",
    "refresh_tmdb",
    "sync_tmdb",
]

_CHANGES = "sync:tmdb:changes"
_DEADLINE_S = 120.0


async def sync_tmdb(
    client: Tmdb,
    sink: Sink,
    *,
    media: Sequence[str] = ("movie", "tv"),
    exports: Iterable[Path] = (),
    limit: int | None = None,
    min_popularity: float = 0.0,
    **options: Unpack[SyncOptions],
) -> SyncReport:
    """Fetch the titles of TMDB's exports into a catalogue, the most popular first.

    Parameters
    ----------
    client : Tmdb
    sink : Sink
        Such as a :class:`Catalog` open for writing. Titles are stored without vectors; embed
        or seal afterwards.
    media : sequence of str
        ``movie``, ``tv`` or both.
    exports : iterable of Path
        Exports downloaded before; none takes the newest from TMDB, or the one that an
        unfinished sync began with.
    limit : int or None
        Only so many of the most popular; a later call with more goes on from there.
    min_popularity : float
        Only titles at least so popular.
    **options
        See :class:`SyncOptions`.

    Returns
    -------
    SyncReport
        With every title that could not be had.

    Raises
    ------
    InvalidInputError
    CredentialsError
        The key is wrong.
    UpstreamError
        The exports cannot be had, or TMDB stayed out of reach.
    """
    wanted, chosen = _checked(media, limit, min_popularity), options_from(options)
    paths = list(exports)
    if paths:
        plan = await plan_from_files(paths, wanted)
        key, mark = f"sync:tmdb:file:{plan.digest.hex()}", None
    else:
        key = f"sync:tmdb:daily:{'+'.join(wanted)}"
        mark = decoded_mark(await asyncio.to_thread(sink.checkpoint, key))
        plan, mark = await _daily(client, wanted, mark, chosen.patience_s)
    mark = mark or decoded_mark(await asyncio.to_thread(sink.checkpoint, key)) or _fresh(plan, "")
    reach = plan.reach(limit, min_popularity)
    return await run_plan(client, sink, plan, reach, mark, key, chosen)


async def _daily(
    client: Tmdb, media: Sequence[str], mark: Mark | None, patience_s: float
) -> tuple[Plan, Mark]:
    """Read the export that an unfinished sync began with, else the newest."""
    newest, patience = latest_export_day(), Patience(patience_s)
    days = [date.fromisoformat(mark.day)] if mark and not mark.finished and mark.day else []
    for day in (*days, newest):
        try:
            # What breaks off is begun anew: a part of an export is no plan.
            plan = await patience.ask(partial(plan_from_tmdb, client, media, day))
        except TitleNotFoundError:
            if day == newest:
                raise
            continue  # TMDB keeps its exports for three months
        same = mark is not None and mark.plan == plan.digest
        return plan, mark if mark and same else _fresh(plan, day.isoformat())
    raise AssertionError("unreachable: the newest day returns or raises")


def _fresh(plan: Plan, day: str) -> Mark:
    return Mark(plan=plan.digest, day=day, started=_today().isoformat())


async def refresh_tmdb(
    client: Tmdb,
    sink: Sink,
    *,
    media: Sequence[str] = ("movie", "tv"),
    since: date | None = None,
    **options: Unpack[SyncOptions],
) -> SyncReport:
    """Fetch anew the titles of a catalogue that TMDB says changed.

    Changed titles that the catalogue does not hold are passed over. A title that TMDB has no
    longer is reported as not found, and stays.

    Parameters
    ----------
    client : Tmdb
    sink : Sink
    media : sequence of str
    since : date or None
        None goes on from the last refresh, else from the day the first sync began.
    **options
        See :class:`SyncOptions`; ``invalidate`` is told the ids that were stored anew.

    Returns
    -------
    SyncReport

    Raises
    ------
    InvalidInputError
        ``since`` is needed or lies in the future.
    UpstreamError
    """
    wanted, chosen = _checked(media, None, 0.0), options_from(options)
    key = f"{_CHANGES}:{'+'.join(wanted)}"
    known = await asyncio.to_thread(_known, sink, key)
    if since is not None or known is None or known.mark.finished:
        if since is None:
            since = await asyncio.to_thread(_last_seen, sink, known, wanted)
        known = await _changes(client, sink, wanted, since, known, chosen.patience_s)
        await asyncio.to_thread(_keep, sink, key, known.listed)
    listed, plan = known.listed, plan_from_ids(known.listed.ids)
    report = await run_plan(client, sink, plan, len(plan), known.mark, f"{key}:mark", chosen)
    report.passed_over = listed.passed_over
    return report


class _Listed(msgspec.Struct):
    """What a refresh is to fetch; kept, as the list cannot be had again."""

    ids: list[tuple[str, int]]
    until: str
    passed_over: int = 0


class _Known(msgspec.Struct):
    """The last refresh: its list, and how far that has come."""

    listed: _Listed
    mark: Mark


def _known(sink: Sink, key: str) -> _Known | None:
    raw = sink.checkpoint(key)
    try:
        listed = None if raw is None else msgspec.msgpack.decode(raw, type=_Listed)
    except (msgspec.DecodeError, msgspec.ValidationError):
        listed = None
    if listed is None:
        return None
    mark, digest = decoded_mark(sink.checkpoint(f"{key}:mark")), plan_from_ids(listed.ids).digest
    return _Known(listed, mark if mark and mark.plan == digest else Mark(plan=digest))


def _keep(sink: Sink, key: str, listed: _Listed) -> None:
    sink.add([], embed=False, checkpoint=(key, msgspec.msgpack.encode(listed)))


def _last_seen(sink: Sink, known: _Known | None, media: Sequence[str]) -> date:
    """Return the day up to which changes are known."""
    if known is not None:
        return date.fromisoformat(known.listed.until)
    for kinds in ("+".join(media), "movie+tv"):
        mark = decoded_mark(sink.checkpoint(f"sync:tmdb:daily:{kinds}"))
        if mark is not None and mark.started:
            return date.fromisoformat(mark.started)
    raise InvalidInputError(
        "expected a day since which to ask for changes, got none, and no earlier sync is known"
    )


async def _changes(
    client: Tmdb,
    sink: Sink,
    media: Sequence[str],
    since: date,
    before: _Known | None,
    patience_s: float,
) -> _Known:
    """Ask what changed, and keep what the catalogue holds or what failed the last time."""
    today = _today()
    if since > today:
        raise InvalidInputError(f"expected a day until today, {today}, got {since}")
    changed: set[tuple[str, int]] = set()
    patience = Patience(patience_s)
    for kind in media:
        side: Media = "movie" if kind == "movie" else "tv"
        numbers = await changed_ids(
            client, side, since, today, patience.ask, priority=Priority.BULK, deadline_s=_DEADLINE_S
        )
        changed.update((side, number) for number in numbers)
    held = set(await asyncio.to_thread(_held, sink, changed))
    again = set(_failed(before)) if before else set()
    listed = _Listed(sorted(held | again), today.isoformat(), len(changed - held))
    return _Known(listed, Mark(plan=plan_from_ids(listed.ids).digest, started=today.isoformat()))


def _failed(before: _Known) -> Iterator[tuple[str, int]]:
    for failure in before.mark.failures.values():
        if not failure.lasting:
            _, kind, number = failure.id.split(":")
            yield kind, int(number)


def _held(sink: Sink, ids: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(kind, number) for kind, number in ids if sink.find(f"tmdb:{kind}:{number}")]


def _today() -> date:
    return datetime.now(UTC).date()


def _checked(media: Sequence[str], limit: int | None, min_popularity: float) -> list[str]:
    wanted = list(dict.fromkeys(media))
    if not wanted or not {*wanted} <= {"movie", "tv"}:
        raise InvalidInputError(f"expected movie, tv or both, got {', '.join(media) or 'none'}")
    if limit is not None and limit < 1:
        raise InvalidInputError(f"expected a limit of 1 or more, got {limit}")
    if not min_popularity >= 0:
        raise InvalidInputError(f"expected a popularity of 0 or more, got {min_popularity}")
    return sorted(wanted)
