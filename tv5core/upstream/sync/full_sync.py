"""Copies the titles of TMDB's exports into a catalogue, the most popular first.

Each batch of titles is stored together with a checkpoint, so a sync can stop at any moment and
continue when it is called again.

::

    with Catalog.open("films") as catalog:
        async with Tmdb.open(bulk_share=1.0) as tmdb:
            report = await sync_tmdb(tmdb, catalog, limit=5_000)
        catalog.seal()

For a catalogue that also holds titles from files, pass a
:class:`tv5core.importers.MergingCatalog`, which merges a title with the one that is already there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

from tv5core.errors import InvalidInputError, TitleNotFoundError
from tv5core.upstream.sync.bulk_retry import BulkRetry
from tv5core.upstream.sync.checkpoint import Checkpoint, decode_checkpoint
from tv5core.upstream.sync.options import SyncOptions, settings_from, validated_media
from tv5core.upstream.sync.plan import Plan, plan_from_files, plan_from_tmdb
from tv5core.upstream.sync.report import SyncReport
from tv5core.upstream.sync.run import Sink, run_plan
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.exports import latest_export_day

__all__ = ["daily_key", "sync_tmdb"]


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
        Such as a :class:`Catalog` open for writing. Titles are stored without vectors; embed or
        seal afterwards.
    media : sequence of str
        ``movie``, ``tv`` or both.
    exports : iterable of Path
        Downloaded exports; empty fetches the newest from TMDB, or the one that an unfinished
        sync began with.
    limit : int or None
        Fetch only this many of the most popular titles; a later call with a higher limit
        continues from there.
    min_popularity : float
        Fetch only titles with at least this popularity.
    **options
        See :class:`SyncOptions`.

    Returns
    -------
    SyncReport
        With every title that could not be fetched.

    Raises
    ------
    InvalidInputError
        A value is out of range.
    CredentialsError
        The key is wrong.
    UpstreamError
        The exports cannot be fetched, or TMDB stayed unavailable.
    """
    kinds, settings = validated_media(media), settings_from(options)
    _validate(limit, min_popularity)
    paths = list(exports)
    if paths:
        plan = await plan_from_files(paths, kinds)
        key, checkpoint = f"sync:tmdb:file:{plan.digest.hex()}", None
    else:
        key = daily_key(kinds)
        checkpoint = await _stored_checkpoint(sink, key)
        plan, checkpoint = await _daily_plan(client, kinds, checkpoint, settings.max_outage_s)
    checkpoint = checkpoint or await _stored_checkpoint(sink, key) or _new_checkpoint(plan, "")
    end = plan.end(limit, min_popularity)
    return await run_plan(client, sink, plan, end, checkpoint, key, settings)


def daily_key(media: Sequence[str]) -> str:
    """Return the key of the checkpoint of a sync from the daily exports."""
    return f"sync:tmdb:daily:{'+'.join(media)}"


async def _stored_checkpoint(sink: Sink, key: str) -> Checkpoint | None:
    return decode_checkpoint(await asyncio.to_thread(sink.checkpoint, key))


async def _daily_plan(
    client: Tmdb, media: Sequence[str], checkpoint: Checkpoint | None, max_outage_s: float
) -> tuple[Plan, Checkpoint]:
    """Read the export that an unfinished sync began with, else the newest."""
    newest, retry = latest_export_day(), BulkRetry(max_outage_s)
    is_unfinished = checkpoint is not None and not checkpoint.finished and checkpoint.day
    begun = [date.fromisoformat(checkpoint.day)] if checkpoint and is_unfinished else []
    for day in (*begun, newest):
        try:
            # A download that breaks off is repeated as a whole: part of an export is not a plan.
            plan = await retry.call(partial(plan_from_tmdb, client, media, day))
        except TitleNotFoundError:
            if day == newest:
                raise
            continue  # TMDB keeps exports for three months
        if checkpoint is not None and checkpoint.plan == plan.digest:
            return plan, checkpoint
        return plan, _new_checkpoint(plan, day.isoformat())
    raise AssertionError("unreachable: the newest day returns or raises")


def _new_checkpoint(plan: Plan, day: str) -> Checkpoint:
    return Checkpoint(plan=plan.digest, day=day, started=datetime.now(UTC).date().isoformat())


def _validate(limit: int | None, min_popularity: float) -> None:
    if limit is not None and limit < 1:
        raise InvalidInputError(f"expected a limit of 1 or more, got {limit}")
    if not min_popularity >= 0:
        raise InvalidInputError(f"expected a popularity of 0 or more, got {min_popularity}")
