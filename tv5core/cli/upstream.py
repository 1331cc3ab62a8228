"""``tv5 sync`` and ``tv5 fetch``: titles from TMDB."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.browse import print_title
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
    results,
)
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

__all__ = ["COMMANDS"]

_SHOWN_FAILURES = 20
_SHOWN_PLACES = 5


class Source(StrEnum):
    """Source of the titles."""

    tmdb = "tmdb"


Region = Annotated[str, typer.Option(help="Country of age ratings, such as US.")]
Language = Annotated[str, typer.Option(help="Language of titles and texts, such as en-US.")]


def sync(
    source: Annotated[Source, typer.Argument(help="Source: tmdb.")],  # noqa: ARG001
    catalog: CatalogOption = DEFAULT_CATALOG,
    kind: Annotated[str, typer.Option(help="movie, tv or both: movie,tv.")] = "movie,tv",
    export: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A downloaded daily id export instead of the newest; may be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only this many of the most popular titles.")
    ] = None,
    min_popularity: Annotated[
        float, typer.Option(min=0.0, help="Only titles with at least this popularity.")
    ] = 0.0,
    changes: Annotated[
        bool, typer.Option("--changes", help="Fetch the titles that changed since last time.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Fetch the titles that changed since this day; implies --changes."),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Part of TMDB's rate to take: 0.2 leaves room for users, 1.0 is full speed.",
        ),
    ] = 0.2,
    region: Region = "US",
    language: Language = "en-US",
    seal: Annotated[bool, typer.Option(help="Make the new titles searchable at the end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch titles from TMDB into a catalogue, the most popular first.

    You can interrupt it at any time: the same command continues from there. The key comes from
    TMDB_BEARER_TOKEN or TMDB_API_KEY, or from a file named by TMDB_BEARER_TOKEN_FILE or
    TMDB_API_KEY_FILE. TV5_TMDB_URL holds the address of a mirror to use instead of TMDB.
    """
    day = None if since is None else _day(since)
    if (changes or day) and (export or limit is not None or min_popularity):
        raise InvalidInputError(
            "expected --changes without --export, --limit and --min-popularity, got both"
        )
    media = [word.strip() for word in kind.split(",") if word.strip()]
    # First, so that without a key no catalogue is made.
    tmdb = Tmdb.open(language=language, region=region, bulk_share=share)
    with Catalog.open(catalog) as opened:
        with sync_progress(quiet=as_json) as show:
            work = _sync(
                MergingCatalog(opened), show, tmdb,
                media=media, changes=changes or day is not None, since=day,
                exports=export or [], limit=limit, min_popularity=min_popularity,
            )  # fmt: skip
            synced = _run(work)
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
    if _is_failure(synced, is_refresh=changes or day is not None):
        raise typer.Exit(1)


async def _sync(
    sink: MergingCatalog,
    show: SyncProgress,
    tmdb: Tmdb,
    *,
    media: list[str],
    changes: bool,
    since: date | None,
    **plan: Any,
) -> SyncReport:
    async with tmdb:
        if changes:
            return await refresh_tmdb(tmdb, sink, media=media, since=since, progress=show)
        return await sync_tmdb(tmdb, sink, media=media, progress=show, **plan)


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


def fetch(
    id: Annotated[str, typer.Argument(help="tmdb:movie:603, tmdb:tv:1399, or imdb:tt0133093.")],
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="Store the title here as well.")
    ] = None,
    justwatch: Annotated[
        bool,
        typer.Option("--justwatch", help="Look up offers at JustWatch too (an unofficial API)."),
    ] = False,
    region: Annotated[
        str, typer.Option(help="Country of the age rating, and of JustWatch's offers.")
    ] = "US",
    language: Language = "en-US",
    as_json: AsJson = False,
) -> None:
    """Fetch one title from TMDB and show it; keys are read as for sync."""
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


COMMANDS = (sync, fetch)
