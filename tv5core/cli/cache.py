"""``tv5 cache warm``, ``stats``, ``clear`` and ``invalidate``: manage a cache on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from tv5core.cache.disk.environment import DATA_NAME
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Tier
from tv5core.cache.warming.warm import WarmReport
from tv5core.cached import CATALOG_POLICIES, CachedCatalog
from tv5core.catalog import Catalog
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
    results,
)
from tv5core.errors import InvalidInputError

__all__ = ["app"]

DEFAULT_CACHE = Path("tv5-cache")
DEFAULT_BYTES = 2 << 30

app = typer.Typer(help="Fill, inspect and empty a cache.", no_args_is_help=True)

CacheOption = Annotated[
    Path, typer.Option("--cache", envvar="TV5_CACHE", help="The cache's folder.")
]
RedisOption = Annotated[
    str | None,
    typer.Option("--redis", envvar="TV5_REDIS", help="URL of the Redis it shares, if any."),
]


@app.command()
def warm(
    catalog: CatalogOption = DEFAULT_CATALOG,
    cache: CacheOption = DEFAULT_CACHE,
    redis: RedisOption = None,
    strategy: Annotated[str | None, typer.Option(help="popular: the most popular titles.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many titles of a strategy.")] = 1_000,
    preset: Annotated[
        str | None, typer.Option(help="demo: the titles that ship with tv5core.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="A file of ids, one a line, or a sitemap.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Items between checkpoints.")] = 100,
    query: Annotated[list[str] | None, typer.Option(help="A common search; may repeat.")] = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="Ids someone likes, comma-separated; may repeat.")
    ] = None,
    recommend: Annotated[
        bool, typer.Option(help="Also the recommendations for every stored profile.")
    ] = False,
    l2_bytes: Annotated[
        int, typer.Option(min=1 << 20, help="Capacity of the cache on disk, in bytes.")
    ] = DEFAULT_BYTES,
    as_json: AsJson = False,
) -> None:
    """Fill a cache from a catalogue; resumes where it was interrupted."""
    selection: dict[str, Any] = {
        "strategy": strategy,
        "limit": limit,
        "preset": preset,
        "source": source,
        "batch_size": batch_size,
        "queries": query or [],
        "profiles": [ids.split(",") for ids in profile or []],
    }
    if not any(selection[name] for name in ("strategy", "preset", "source", "queries", "profiles")):
        selection["strategy"] = "popular"

    async def run() -> WarmReport:
        with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
            cached = CachedCatalog.open(opened, cache, l2_bytes=l2_bytes, redis_url=redis)
            async with cached as films:
                with progress(quiet=as_json) as report:
                    if recommend:
                        await films.warm_profiles()
                    return await films.warm(**selection, progress=report)

    report = asyncio.run(run())
    if as_json:
        print_json(msgspec.to_builtins(report))
        return
    for error in report.errors:
        print_status(f"failed: {error}")
    print_status(
        f"{report.done:,} cached, {report.skipped:,} by an earlier run, {report.failed:,} failed"
    )


@app.command()
def stats(cache: CacheOption = DEFAULT_CACHE, as_json: AsJson = False) -> None:
    """Show what a cache on disk holds, by kind."""

    async def look(tier: DiskTier) -> dict[str, Any]:
        held = tier.stats()
        names = ("entries", "bytes", "invalidations", "warnings")
        return {"path": str(cache), **{n: held[n] for n in names}, "kinds": tier.census()}

    facts = asyncio.run(_with_disk(cache, look))
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "entries", "bytes"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    total = {"entries": facts["entries"], "bytes": facts["bytes"]}
    for kind, held in [*facts["kinds"].items(), ("all, with indexes", total)]:
        table.add_row(Text(kind), f"{held['entries']:,}", f"{held['bytes']:,}")
    results().print(table)
    for warning in facts["warnings"]:
        print_status(f"warning: {warning}")


@app.command()
def clear(
    cache: CacheOption = DEFAULT_CACHE, redis: RedisOption = None, as_json: AsJson = False
) -> None:
    """Delete everything, in every process that uses the cache."""

    async def empty(tier: DiskTier) -> int:
        entries = int(tier.stats()["entries"])
        await tier.clear()
        await _with_redis(redis, lambda tier: tier.clear())
        return entries

    removed = asyncio.run(_with_disk(cache, empty))
    _print_removed(removed, as_json)


@app.command()
def invalidate(
    kind: Annotated[
        str | None, typer.Argument(help="Such as title; without ids, all values of the kind.")
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, or other keys.")] = None,
    tag: Annotated[
        str | None, typer.Option(help="Invalidate everything with this tag instead.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="The catalogue the ids are from.")
    ] = None,
    cache: CacheOption = DEFAULT_CACHE,
    redis: RedisOption = None,
    as_json: AsJson = False,
) -> None:
    """Invalidate values by key, kind or tag, in every process that uses the cache."""
    if (kind is None) == (tag is None):
        raise InvalidInputError("expected a kind or --tag, got " + ("both" if kind else "neither"))
    keys = _keys(kind, ids or [], catalog)

    def work(tier: Tier) -> Awaitable[int | None]:
        if tag is not None:
            return tier.delete_tag(tag)
        return tier.delete(str(kind), keys) if keys else tier.delete_kind(str(kind))

    async def both(tier: DiskTier) -> int:
        if kind is not None:
            _check_kind(kind, tier)
        removed = await work(tier)
        await _with_redis(redis, work)
        return removed or 0

    _print_removed(asyncio.run(_with_disk(cache, both)), as_json)


def _check_kind(kind: str, tier: DiskTier) -> None:
    """Refuse a kind that neither catalogues nor this cache have: most likely a slip."""
    if kind in CATALOG_POLICIES or kind in (held := tier.census()):
        return
    known = ", ".join(sorted({*CATALOG_POLICIES, *held}))
    raise InvalidInputError(f"expected a kind among {known}, got {kind!r}")


def _keys(kind: str | None, ids: list[str], catalog: Path | None) -> list[str]:
    """Return the cache keys of ids; those of a catalogue's titles where one is given."""
    if catalog is None or kind != "title":
        return ids
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        return [CachedCatalog.title_key(opened, name) for name in ids]


async def _with_disk(path: Path, work: Callable[[DiskTier], Awaitable[Any]]) -> Any:
    data = path / DATA_NAME
    if not data.is_file():
        raise InvalidInputError(f"expected a cache in {path}, got none")
    # A capacity well above the file's size: this process must not evict another one's entries.
    tier = DiskTier(path, max(DEFAULT_BYTES, 2 * data.stat().st_size))
    try:
        return await work(tier)
    finally:
        await tier.close()


async def _with_redis(url: str | None, work: Callable[[Tier], Awaitable[object]]) -> None:
    if url is None:
        return
    from tv5core.cache.redis.tier import RedisTier

    tier = RedisTier(url)
    try:
        if not await tier.check() or not await tier.connected():
            raise InvalidInputError("expected Redis to answer, got no answer")
        await work(tier)
    finally:
        await tier.close()


def _print_removed(removed: int, as_json: bool) -> None:
    if as_json:
        print_json({"removed": removed})
    else:
        print_status(f"{removed:,} removed from disk")
