"""Results as tables in notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tv5core.types import Hit

__all__ = ["hits_html"]

_TMDB_IMAGES = "https://image.tmdb.org/t/p/w92"
_MAX_OVERVIEW = 160


def hits_html(hits: Iterable[Hit], heading: str) -> str:
    """Return hits as an HTML table: poster, title, year, relevance, score and overview.

    Whatever comes from a title is escaped, and only posters by HTTPS are shown: titles are not
    trusted.
    """
    rows = "".join(_row(hit) for hit in hits)
    head = "".join(f"<th>{name}</th>" for name in ("", "title", "year", "relevance", "score", ""))
    return (
        f"<table><caption>{escape(heading)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(hit: Hit) -> str:
    title, overview = hit.title, hit.title.overview
    if len(overview) > _MAX_OVERVIEW:
        overview = overview[:_MAX_OVERVIEW].rsplit(" ", 1)[0] + " …"
    cells = (
        _poster(title.poster_path),
        f"<b>{escape(title.title)}</b><br><code>{escape(title.id)}</code>",
        "" if title.year is None else str(title.year),
        f"{hit.relevance:.2f}",
        f"{hit.score:.3f}",
        escape(overview),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _poster(path: str) -> str:
    url = f"{_TMDB_IMAGES}{path}" if path.startswith("/") else path
    if not url.startswith("https://"):
        return ""
    return (
        f'<img src="{escape(url)}" height="69" alt="" loading="lazy" referrerpolicy="no-referrer">'
    )
