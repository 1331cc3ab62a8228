"""``tv5 search``, ``suggest`` and ``facets``: find titles by words, meaning and filters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    FACET_VALUES,
    AsJson,
    CatalogOption,
    print_facets,
    print_hits,
    print_json,
    print_status,
    readable,
    results,
)
from tv5core.results import SearchResult

__all__ = ["COMMANDS", "Count", "warn_of_unsearchable"]

Count = Annotated[int, typer.Option("-k", "--count", min=1, max=1000, help="Answers to show.")]
Where = Annotated[
    str | None,
    typer.Option("--where", "-w", help='Filters, as "genre:Drama year:1990..1999 -adult".'),
]


def search(
    query: Annotated[str, typer.Argument(help="A name, words, a plot, or a description.")] = "",
    catalog: CatalogOption = DEFAULT_CATALOG,
    count: Count = 10,
    where: Where = None,
    mode: Annotated[str, typer.Option(help="hybrid, keyword or semantic.")] = "hybrid",
    sort: Annotated[
        str,
        typer.Option(help="relevance, popularity, rating, votes, date or title; also date:asc."),
    ] = "relevance",
    facet: Annotated[
        list[str] | None, typer.Option(help="Count the values of a field; may repeat.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="One hit for each collection, or for each title.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, max=1000, help="Which page to show.")] = 1,
    cursor: Annotated[str | None, typer.Option(help="Continue where an answer ended.")] = None,
    understand: Annotated[
        bool, typer.Option(help="Read words such as 'from the 80s' as filters.")
    ] = True,
    explain: Annotated[bool, typer.Option(help="Show how the search was made.")] = False,
    exact: Annotated[bool, typer.Option(help="Compare with every title, no index.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find titles by name, people, plot or description, also misspelt.

    Without a query, the titles that pass --where, the most popular first.
    """
    if not query and where is None:
        raise typer.BadParameter("expected a query or --where, got neither", param_hint="QUERY")
    options: dict[str, Any] = {
        "where": None if where is None else readable(where),
        "mode": mode,
        "sort": sort,
        "facets": facet or [],
        "group": group,
        "understand": understand,
        "explain": explain,
        "exact": exact,
    }
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        found = _page(opened, readable(query), count, page, cursor, options)
        info = opened.info()
    if as_json:
        print_json(_as_json(readable(query), found))
    else:
        _print(found)
    warn_of_unsearchable(info, catalog)


def _page(
    opened: Catalog, query: str, count: int, page: int, cursor: str | None, options: dict[str, Any]
) -> SearchResult:
    """Search, and follow cursors to the page asked for."""
    found = opened.search(query, count, cursor=cursor, **options)
    for _ in range(page - 1):
        if not found.cursor:
            return SearchResult((), found.total, found.facets, interpretation=found.interpretation)
        found = opened.search(query, count, cursor=found.cursor, **options)
    return found


def _as_json(query: str, found: SearchResult) -> dict[str, Any]:
    return {
        "query": query,
        "milliseconds": round(found.took_ms, 3),
        "total": found.total,
        "hits": found.hits,
        "facets": found.facets,
        "did_you_mean": found.did_you_mean,
        "interpretation": found.interpretation,
        "cursor": found.cursor,
        "explanation": found.explanation,
    }


def _print(found: SearchResult) -> None:
    for line in _remarks(found):
        print_status(line)
    if found.hits:
        caption = f"{len(found)} of {found.total} matches in {found.took_ms:.1f} ms"
        print_hits(found.hits, caption, relevance=found.interpretation is not None)
    else:
        print_status("no titles found")
    print_facets(found.facets, FACET_VALUES)
    if found.explanation:
        print_json(found.explanation)
    if found.cursor:
        print_status(f"more with --cursor {found.cursor}")


def _remarks(found: SearchResult) -> list[str]:
    """Say what was searched for instead of what was typed."""
    lines = []
    if found.did_you_mean:
        lines.append(f"searched for: {found.did_you_mean}")
    read = found.interpretation
    if read is not None and read.applied:
        words = f" + words: {read.text}" if read.text else ""
        lines.append(f"read as {read.where}{words}; --no-understand takes the words as they are")
    return lines


def suggest(
    prefix: Annotated[str, typer.Argument(help="What was typed so far.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    count: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Complete what is being typed to names of titles and people."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        found = opened.suggest(readable(prefix), count)
    if as_json:
        print_json(found)
        return
    console = results()
    for one in found:
        console.print(Text(one.text), Text(f"({one.kind})", style="dim"))


def facets(
    fields: Annotated[list[str], typer.Argument(help="Fields, such as genre or year.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    query: Annotated[str, typer.Option("--query", "-q", help="Only of titles it matches.")] = "",
    where: Where = None,
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="Values of each.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Count the values of fields among all titles, or among those that match."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        limits = dict.fromkeys(fields, count)
        found = opened.facets(
            limits, query=readable(query), where=None if where is None else readable(where)
        )
    if as_json:
        print_json(found)
        return
    print_facets(found)


def warn_of_unsearchable(info: dict[str, Any], catalog: Path) -> None:
    """Say which titles no search by meaning can find, and what makes them searchable."""
    if not info["titles"]:
        print_status("the catalogue holds no titles: `tv5 import` adds some")
    elif pending := info["pending"]:
        print_status(
            f"{pending:,} of {info['titles']:,} titles are not embedded yet, so they are found by "
            f"their words only: `tv5 seal -c {catalog}` does it, or the interrupted import "
            "started again"
        )
    elif not info["vectors"]:
        print_status(f"none of the {info['titles']:,} titles has a vector to search by meaning")


COMMANDS = (search, suggest, facets)
