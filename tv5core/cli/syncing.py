"""What ``tv5 sync`` and ``tv5 fetch`` do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import typer
from msgspec.structs import replace
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.browse import print_title
from tv5core.cli.output import print_json, print_status, progress, results
from tv5core.cli.sync_progress import sync_progress
from tv5core.errors import CredentialsError, InvalidInputError, UpstreamError
from tv5core.importers import MergingCatalog
from tv5core.types import Title
from tv5core.upstream.availability import Availability, find_availability
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.sync.refresh import refresh_tmdb
from tv5core.upstream.sync.report import SyncProgress, SyncReport
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.mapping import WATCH_ATTRIBUTION

__all__ = ["SyncPlan", "fetch_title", "sync_titles"]

_SHOWN_FAILURES = 20
_SHOWN_PLACES = 5


@dataclass(frozen=True)
class SyncPlan:
    """The options of ``tv5 sync``, as they were given."""

    kind: str
    exports: list[Path]
    limit: int | None
    min_popularity: float
    changes: bool
    since: str | None
    share: float
    region: str
    language: str

    @property
    def is_refresh(self) -> bool:
        """Whether titles that changed are asked for."""
        return self.changes or self.since is not None


def sync_titles(catalog: Path, plan: SyncPlan, *, seal: bool, as_json: bool) -> None:
    """Fetch titles into a catalogue and print what was done.

    Raises
    ------
    InvalidInputError
        Options that exclude each other, or a day that is none.
    UpstreamError
        TMDB became unavailable; what was fetched is stored.
    """
    work = _work(plan)
    # First, so that without a key no catalogue is made.
    tmdb = Tmdb.open(language=plan.language, region=plan.region, bulk_share=plan.share)
    with Catalog.open(catalog) as opened:
        with sync_progress(quiet=as_json) as show:
            synced = _run(_sync(MergingCatalog(opened), show, tmdb, plan, **work))
        # Also where TMDB became unavailable: what is stored should be searchable.
        if seal and (_has_stored(synced) or opened.info()["pending"]):
            with progress(quiet=as_json) as report:
                opened.seal(progress=report)
        total = opened.count()
    if isinstance(synced, UpstreamError):
        raise synced
    if as_json:
        print_json(_as_json(synced, total))
    else:
        _print_report(synced, total)
    if _is_failure(synced, is_refresh=plan.is_refresh):
        raise typer.Exit(1)


def _work(plan: SyncPlan) -> dict[str, Any]:
    """Return what the sync takes, checked."""
    day = None if plan.since is None else _day(plan.since)
    media = [word.strip() for word in plan.kind.split(",") if word.strip()]
    partly = {
        "exports": plan.exports, "limit": plan.limit, "min_popularity": plan.min_popularity
    }  # fmt: skip
    if not plan.is_refresh:
        return {"media": media, **partly}
    if plan.exports or plan.limit is not None or plan.min_popularity:
        raise InvalidInputError(
            "expected --changes without --export, --limit and --min-popularity, got both"
        )
    return {"media": media, "since": day}


async def _sync(
    sink: MergingCatalog, show: SyncProgress, tmdb: Tmdb, plan: SyncPlan, **work: Any
) -> SyncReport:
    async with tmdb:
        run = refresh_tmdb if plan.is_refresh else sync_tmdb
        return await run(tmdb, sink, progress=show, **work)


def _is_failure(report: SyncReport, *, is_refresh: bool) -> bool:
    """Return whether all titles failed; changed titles may well all be gone from TMDB."""
    return report.all_failed and not (
        is_refresh and all(failure.permanent for failure in report.failures.values())
    )


def _has_stored(synced: SyncReport | UpstreamError) -> bool:
    return isinstance(synced, SyncReport) and bool(synced.added or synced.updated)


def _run(work: Coroutine[Any, Any, SyncReport]) -> SyncReport | UpstreamError:
    """Run a sync; where it stops early, print that nothing is lost, and return why."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        print_status(
            "stopped; the fetched titles are stored, and the same command continues from there"
        )
        raise typer.Exit(1) from None
    except CredentialsError:
        raise
    except UpstreamError as error:
        print_status("the fetched titles are stored, and the same command continues from there")
        return error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"expected a day such as 2026-01-31, got {text[:40]!r}") from None


def _print_report(report: SyncReport, total: int) -> None:
    failed = list(report.failures.values())
    if failed:
        table = Table(box=None, pad_edge=False)
        for name in ("not stored", "kind", "why"):
            table.add_column(name, overflow="fold")
        for failure in failed[:_SHOWN_FAILURES]:
            table.add_row(*map(Text, (failure.id, failure.kind, failure.message)))
        results().print(table)
        if len(failed) > _SHOWN_FAILURES:
            print_status(f"and {len(failed) - _SHOWN_FAILURES:,} more: --json lists them all")
    print_status(
        f"{report.fetched:,} titles fetched in {report.seconds:.1f} s: {report.added:,} new, "
        f"{report.updated:,} updated, {report.unchanged:,} unchanged; {len(failed):,} failed"
    )
    omitted = report.omitted.total()
    for count, what in (
        (report.earlier, "were settled by an earlier run"),
        (report.passed_over, "changed at TMDB but are not in this catalogue"),
        (report.adult, "adult titles of the export skipped"),
        (report.malformed, "malformed lines of the export skipped"),
        (omitted, f"unusable values left out: {_most_common(report.omitted)}"),
    ):
        if count:
            print_status(f"{count:,} {what}")
    print_status(f"the catalogue holds {total:,} titles")


def _most_common(omitted: Counter[str]) -> str:
    shown = ", ".join(place for place, _ in omitted.most_common(_SHOWN_PLACES))
    return shown + ", ..." * (len(omitted) > _SHOWN_PLACES)


def _as_json(report: SyncReport, total: int) -> dict[str, Any]:
    return {
        "titles": total,
        **{name: getattr(report, name) for name in _COUNTS},
        "seconds": round(report.seconds, 3),
        "failed": len(report.failures),
        "errors": dict(report.errors),
        "omitted": dict(report.omitted),
        "failures": list(report.failures.values()),
    }


_COUNTS = (
    "planned", "earlier", "fetched", "added", "updated", "unchanged", "passed_over", "adult",
    "malformed",
)  # fmt: skip


def fetch_title(
    id: str, catalog: Path | None, *, justwatch: bool, region: str, language: str, as_json: bool
) -> None:
    """Fetch one title, store it where a catalogue is named, and print it."""
    with record_omissions() as omitted:
        title, found = asyncio.run(_fetch(id, justwatch, region, language))
    if catalog is not None:
        with Catalog.open(catalog) as opened:
            MergingCatalog(opened).add([title])
    if omitted:
        print_status(f"{omitted.total():,} unusable values left out: {_most_common(omitted)}")
    if as_json:
        print_json(title)
        return
    print_title(title)
    if title.offers:
        print_status(f"where to watch: data by {WATCH_ATTRIBUTION}")
    for source, reason in (found.missing if found else {}).items():
        print_status(f"{source}: {reason}")


async def _fetch(
    id: str, justwatch: bool, region: str, language: str
) -> tuple[Title, Availability | None]:
    async with Tmdb.open(language=language, region=region) as tmdb:
        title = await tmdb.title(id)
    if not justwatch:
        return title, None
    async with JustWatch.open(enabled=True, language=language.partition("-")[0]) as client:
        found = await find_availability(
            title, justwatch=client, regions=[region], deadline_s=_OFFERS_S
        )
    return _with_offers(title, found), found


_OFFERS_S = 10.0


def _with_offers(title: Title, found: Availability) -> Title:
    """Add JustWatch's offers; they replace those of TMDB, which have no price."""
    known = {(offer.provider, offer.region, offer.kind) for offer in found.offers}
    rest = (o for o in title.offers if (o.provider, o.region, o.kind) not in known)
    return replace(title, offers=(*found.offers, *rest))
