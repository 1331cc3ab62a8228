"""``tv5 show`` and ``similar``: look things up."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_hits,
    print_json,
    print_status,
    readable,
    results,
    title_line,
)
from tv5core.cli.search import Count, warn_of_unsearchable
from tv5core.types import ExtraValue, Offer, Title

__all__ = ["COMMANDS", "print_title"]


def similar(
    id: Annotated[str, typer.Argument(help="A title's id, such as tmdb:movie:27205.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    count: Count = 10,
    cursor: Annotated[str, typer.Option(help="Continue where a page ended.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find titles like one that is in the catalogue."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        started = time.perf_counter()
        found = opened.similar(readable(id), count, cursor=cursor)
        hits = found.hits
        took_ms = (time.perf_counter() - started) * 1e3
        name, info = title_line(opened.get(readable(id))), opened.info()
    if as_json:
        print_json(
            {
                "id": readable(id),
                "milliseconds": round(took_ms, 3),
                "hits": hits,
                "cursor": found.cursor,
            }
        )
    elif hits or info["vectors"]:
        print_hits(hits, f"like {name}, in {took_ms:.1f} ms")
        if found.cursor:
            print_status(f"more with --cursor {found.cursor}")
    warn_of_unsearchable(info, catalog)


def show(
    id: Annotated[str, typer.Argument(help="A title's id, or imdb:tt1375666 and the like.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a title."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        title = opened.get(readable(id))
    if as_json:
        print_json(title)
    else:
        print_title(title)


def print_title(title: Title) -> None:
    """Print all that is known of a title."""
    console = results()
    console.print(Text(title_line(title), style="bold"))
    for line in (title.tagline, title.overview):
        if line:
            console.print(Text(line))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(max_width=120)
    for name, value in _facts(title).items():
        if value:
            table.add_row(name, Text(value))
    console.print(table)


def _facts(title: Title) -> dict[str, str]:
    cast = (f"{p.name} ({p.character})" if p.character else p.name for p in title.cast[:12])
    rating = f"{title.rating:.1f} from {title.votes:,} votes" if title.rating else ""
    return {
        "id": title.id,
        "elsewhere": ", ".join(f"{k} {v}" for k, v in title.external_ids.items()),
        "kind": title.kind,
        "original title": title.original_title if title.original_title != title.title else "",
        "also called": ", ".join(dict.fromkeys(n.title for n in title.alternative_titles[:12])),
        "collection": title.collection.name if title.collection else "",
        "released": title.release_date or str(title.year or ""),
        "genres": ", ".join(title.genres),
        "directed by": ", ".join(title.directors),
        "created by": ", ".join(title.creators[:8]),
        "cast": ", ".join(cast),
        "runtime": f"{title.runtime} min" if title.runtime else "",
        "seasons": str(title.seasons or ""),
        "certification": title.certification,
        "languages": ", ".join(title.languages),
        "countries": ", ".join(title.countries),
        "keywords": ", ".join(title.keywords[:20]),
        "rating": rating,
        "adult": "yes" if title.adult else "",
        **{f"extra.{name}": _own(value) for name, value in title.extra.items()},
        "watch": "; ".join(_offer(offer) for offer in title.offers),
        "source": title.source,
    }


def _own(value: ExtraValue) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _offer(offer: Offer) -> str:
    price = f" {offer.price:.2f} {offer.currency}".rstrip() if offer.price is not None else ""
    where = f" in {offer.region}" if offer.region else ""
    return f"{offer.provider}{where} ({offer.kind}{price})"


COMMANDS = (similar, show)
