"""``tv5 recommend``, ``browse``, ``trending`` and ``learn``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.interactions import read_interactions
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    FACET_VALUES,
    AsJson,
    CatalogOption,
    print_facets,
    print_hits,
    print_json,
    print_status,
    progress,
    readable,
    results,
    size,
    title_line,
)
from tv5core.recommend import Reasons, Recommendation
from tv5core.types import Hit, Title

__all__ = ["COMMANDS"]

Count = Annotated[int, typer.Option("-k", "--count", min=1, max=1000, help="Titles to show.")]
Genre = Annotated[str | None, typer.Option(help="Only titles of this genre.")]

Where = Annotated[
    str | None, typer.Option("--where", "-w", help="A filter: 'genre:Drama year:1990..1999'.")
]


def recommend(
    like: Annotated[
        list[str] | None, typer.Argument(help="Ids of titles someone likes, the latest last.")
    ] = None,
    catalog: CatalogOption = DEFAULT_CATALOG,
    dislike: Annotated[list[str] | None, typer.Option(help="A disliked id; may repeat.")] = None,
    seen: Annotated[list[str] | None, typer.Option(help="An id to leave out; may repeat.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="A profile, such as action_fan or family_viewer.")
    ] = None,
    where: Where = None,
    count: Count = 20,
    diversity: Annotated[float, typer.Option(min=0.0, max=1.0, help="0: by score alone.")] = 0.3,
    explain: Annotated[bool, typer.Option(help="Say why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recommend titles to someone who likes some."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        started = time.perf_counter()
        found = opened.recommend(
            [readable(name) for name in like or ()],
            dislike=[readable(name) for name in dislike or ()],
            seen=[readable(name) for name in seen or ()],
            profile=profile,
            where=where,
            k=count,
            diversity=diversity,
            explain=explain,
        )
        took_ms = (time.perf_counter() - started) * 1e3
        names = _names(opened, found)
    if as_json:
        print_json({"milliseconds": round(took_ms, 3), "recommendations": found})
        return
    hits = [Hit(one.id, one.score, one.title) for one in found]
    print_hits(hits, f"{len(hits)} recommended in {took_ms:.1f} ms")
    for one in found:
        if one.reasons is not None:
            print_status(f"{title_line(one.title)}: {_why(one.reasons, names)}")


def _names(catalog: Catalog, found: Sequence[Recommendation]) -> dict[str, str]:
    """Return the names of the likes that reasons refer to."""
    reasons = [one.reasons for one in found if one.reasons is not None]
    ids = {name for one in reasons for name in (one.like, one.consumed_with) if name}
    titles = catalog.get_many(sorted(ids))
    return {title.id: title_line(title) for title in titles if title is not None}


def _why(reasons: Reasons, names: dict[str, str]) -> str:
    like, with_ = names.get(reasons.like, ""), names.get(reasons.consumed_with, "")
    parts = {
        "like": f"{like} ({reasons.similarity:.2f})" if like else "",
        "seen by those who like": with_,
        "people": ", ".join(reasons.people),
        "keywords": ", ".join(reasons.keywords),
        "genres": ", ".join(reasons.genres),
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value)


def browse(
    catalog: CatalogOption = DEFAULT_CATALOG,
    genre: Genre = None,
    sort: Annotated[
        str, typer.Option(help="popularity, rating, votes, date or title; also date:asc.")
    ] = "popularity",
    where: Where = None,
    count: Count = 20,
    offset: Annotated[int, typer.Option(min=0, help="Titles to skip.")] = 0,
    cursor: Annotated[str | None, typer.Option(help="Continue where a page ended.")] = None,
    facet: Annotated[
        list[str] | None, typer.Option(help="Count the values of a field; may repeat.")
    ] = None,
    explain: Annotated[bool, typer.Option(help="Show what the filter leaves.")] = False,
    as_json: AsJson = False,
) -> None:
    """List titles in an order."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        found = opened.browse(
            genre=None if genre is None else readable(genre),
            sort=sort,
            where=None if where is None else readable(where),
            k=count,
            offset=offset,
            cursor=cursor,
            facets=facet or [],
            explain=explain,
        )
    if as_json:
        print_json(found)
        return
    _print_titles(found.titles)
    print_status(f"{len(found)} of {found.total} titles")
    print_facets(found.facets, FACET_VALUES)
    if found.explanation:
        print_json(found.explanation)
    if found.cursor:
        print_status(f"more with --cursor {found.cursor}")


def _print_titles(found: Sequence[Title]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("title", "released", "rating", "votes", "popularity", "genres", "id"):
        right = name in ("rating", "votes", "popularity")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for title in found:
        rating = f"{title.rating:.1f}" if title.rating is not None else ""
        cells = (title.title, title.release_date or str(title.year or ""), rating)
        more = (f"{title.votes:,}", f"{title.popularity:.1f}", ", ".join(title.genres[:3]))
        table.add_row(*map(Text, (*cells, *more, title.id)))
    results().print(table)


def trending(
    catalog: CatalogOption = DEFAULT_CATALOG,
    genre: Genre = None,
    half_life: Annotated[
        float, typer.Option(min=0.1, max=1e6, help="Days after which popularity counts half.")
    ] = 90.0,
    where: Where = None,
    count: Count = 20,
    as_json: AsJson = False,
) -> None:
    """List what is popular now."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        found = opened.trending(genre=genre, where=where, k=count, half_life_days=half_life)
    if as_json:
        print_json({"hits": found})
    else:
        print_hits(found, f"{len(found)} trending")


def learn(
    file: Annotated[Path, typer.Argument(help="CSV of users, titles and perhaps weights.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    links: Annotated[
        Path | None, typer.Option(help="MovieLens' links.csv, where titles are its numbers.")
    ] = None,
    at_least: Annotated[
        float, typer.Option(help="Leave out lower weights, such as ratings below 3.5.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Learn from interactions which titles the same users consume."""
    with (
        Catalog.open(catalog, create=False, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        learnt = opened.learn(read_interactions(file, links, at_least), progress=report)
    if as_json:
        print_json(msgspec.to_builtins(learnt))
        return
    print_status(
        f"learnt from {learnt.interactions:,} interactions of {learnt.users:,} users with "
        f"{learnt.titles:,} titles; {learnt.unknown:,} with unknown titles left out; "
        f"{size(learnt.bytes)}"
    )


COMMANDS = (recommend, browse, trending, learn)
