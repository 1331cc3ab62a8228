"""Fetches the titles of a catalogue that changed at TMDB since the last refresh or sync."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Unpack

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.sync.bulk_retry import BulkRetry
from tv5core.upstream.sync.checkpoint import Checkpoint, decode_checkpoint
from tv5core.upstream.sync.full_sync import daily_key
from tv5core.upstream.sync.options import SyncOptions, SyncSettings, settings_from, validated_media
from tv5core.upstream.sync.plan import plan_from_ids
from tv5core.upstream.sync.report import SyncReport
from tv5core.upstream.sync.run import Sink, run_plan
from tv5core.upstream.tmdb.changes import changed_ids
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.types import ChangedId, Media, Page

__all__ = ["refresh_tmdb"]

_DEADLINE_S = 120.0


async def refresh_tmdb(
    client: Tmdb,
    sink: Sink,
    *,
    media: Sequence[str] = ("movie", "tv"),
    since: date | None = None,
    **options: Unpack[SyncOptions],
) -> SyncReport:
    """Fetch the titles of a catalogue that changed at TMDB.

    Changed titles that the catalogue does not hold are ignored. A title that TMDB no longer has
    is reported as not found, and stays in the catalogue.

    Parameters
    ----------
    client : Tmdb
    sink : Sink
    media : sequence of str
        ``movie``, ``tv`` or both.
    since : date or None
        First day of the changes; None continues from the last refresh, else from the day on
        which the first sync began.
    **options
        See :class:`SyncOptions`.

    Returns
    -------
    SyncReport

    Raises
    ------
    InvalidInputError
        ``since`` is needed, or is in the future.
    UpstreamError
        The changes cannot be fetched, or TMDB stayed unavailable.
    """
    with record_omissions() as omitted:
        report = await _refresh(client, sink, media, since, settings_from(options))
    # Titles are counted by the run itself; the rest are entries of the lists of changes.
    report.omitted |= omitted
    return report


async def _refresh(
    client: Tmdb, sink: Sink, media: Sequence[str], since: date | None, settings: SyncSettings
) -> SyncReport:
    kinds = validated_media(media)
    key = f"sync:tmdb:changes:{'+'.join(kinds)}"
    last = await asyncio.to_thread(_last_refresh, sink, key)
    if since is not None or last is None or last.checkpoint.finished:
        if since is None:
            since = await asyncio.to_thread(_changes_known_until, sink, last, kinds)
        last = await _list_changes(client, sink, kinds, since, last, settings.max_outage_s)
        await asyncio.to_thread(_store_changes, sink, key, last.changes)
    plan = plan_from_ids(last.changes.ids)
    checkpoint_key = f"{key}:mark"
    report = await run_plan(
        client, sink, plan, len(plan), last.checkpoint, checkpoint_key, settings
    )
    report.passed_over = last.changes.passed_over
    return report


class _Changes(msgspec.Struct):
    """The titles to fetch; stored, because TMDB's list changes all the time."""

    ids: list[tuple[str, int]]
    until: str
    passed_over: int = 0


class _Refresh(msgspec.Struct):
    """A refresh: the titles to fetch, and its progress."""

    changes: _Changes
    checkpoint: Checkpoint


def _last_refresh(sink: Sink, key: str) -> _Refresh | None:
    raw = sink.checkpoint(key)
    try:
        changes = None if raw is None else msgspec.msgpack.decode(raw, type=_Changes)
    except (msgspec.DecodeError, msgspec.ValidationError):
        changes = None
    if changes is None:
        return None
    digest = plan_from_ids(changes.ids).digest
    checkpoint = decode_checkpoint(sink.checkpoint(f"{key}:mark"))
    if checkpoint is None or checkpoint.plan != digest:
        checkpoint = Checkpoint(plan=digest)
    return _Refresh(changes, checkpoint)


def _store_changes(sink: Sink, key: str, changes: _Changes) -> None:
    sink.add([], embed=False, checkpoint=(key, msgspec.msgpack.encode(changes)))


def _changes_known_until(sink: Sink, last: _Refresh | None, media: Sequence[str]) -> date:
    """Return the day of the last refresh, else of the first sync."""
    if last is not None:
        return date.fromisoformat(last.changes.until)
    for kinds in (media, ("movie", "tv")):
        checkpoint = decode_checkpoint(sink.checkpoint(daily_key(kinds)))
        if checkpoint is not None and checkpoint.started:
            return date.fromisoformat(checkpoint.started)
    raise InvalidInputError(
        "expected the day of the first changes, got none, and there is no earlier sync"
    )


async def _list_changes(
    client: Tmdb,
    sink: Sink,
    media: Sequence[str],
    since: date,
    last: _Refresh | None,
    max_outage_s: float,
) -> _Refresh:
    """List the changed titles that the catalogue holds, and those that failed the last time."""
    today = datetime.now(UTC).date()
    if since > today:
        raise InvalidInputError(f"expected a day until today, {today}, got {since}")
    changed: set[tuple[str, int]] = set()
    retry = BulkRetry(max_outage_s)
    for kind in media:
        side: Media = "movie" if kind == "movie" else "tv"
        ids = await changed_ids(partial(_changes_page, client, retry, side), since, today)
        changed.update((side, tmdb_id) for tmdb_id in ids)
    held = set(await asyncio.to_thread(_held, sink, changed))
    failed = set(_failed(last)) if last else set()
    changes = _Changes(sorted(held | failed), today.isoformat(), len(changed - held))
    digest = plan_from_ids(changes.ids).digest
    return _Refresh(changes, Checkpoint(plan=digest, started=today.isoformat()))


def _changes_page(
    client: Tmdb, retry: BulkRetry, media: Media, start: date, end: date, page: int
) -> Awaitable[Page[ChangedId]]:
    return retry.call(
        lambda: client.changes(
            media, start, end, page=page, priority=Priority.BULK, deadline_s=_DEADLINE_S
        )
    )


def _failed(last: _Refresh) -> Iterator[tuple[str, int]]:
    for failure in last.checkpoint.failures.values():
        if not failure.permanent:
            _, kind, tmdb_id = failure.id.split(":")
            yield kind, int(tmdb_id)


def _held(sink: Sink, ids: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(kind, each) for kind, each in ids if sink.find(f"tmdb:{kind}:{each}")]
