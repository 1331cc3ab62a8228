"""Titles that mean no good, and one with a poster."""

from __future__ import annotations

from tv5core import Offer, Person, Title

POSTER = "/a-poster.svg"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 3"><path d="M0 0h2v3H0z"/></svg>'
MARKUP = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'


def HOSTILE(url: str) -> list[Title]:  # noqa: N802 - a constant, but for the address
    """Return titles whose every text is markup, and a title with a poster from ``url``."""
    return [
        Title(
            id='x:"><svg onload=harmed=1>/../..?a#b',
            kind="movie",
            title=f"Zorblax {MARKUP}",
            original_title=f"Original {MARKUP}",
            year=2001,
            overview=f"Quuxington ** {MARKUP}",
            tagline=MARKUP,
            genres=(f'A "genre" \\ {MARKUP}',),
            cast=(Person(MARKUP, MARKUP),),
            directors=(MARKUP,),
            certification=MARKUP,
            languages=(MARKUP,),
            poster_path="javascript:window.harmed=1",
            offers=(
                Offer(MARKUP, "US", url="javascript:window.harmed=1", source="tmdb"),
                Offer("netflix", "DE", url="https://example.com/watch", source="tmdb"),
            ),
        ),
        Title(
            id="x:poster",
            kind="show",
            title="Wibblefrotz",
            year=2002,
            seasons=2,
            overview="A series with a poster.",
            poster_path=f"{url}{POSTER}",
            offers=(
                Offer("netflix", "US", url="https://example.com/us", quality="hd"),
                Offer("example", "US", "rent", 3.5, "USD", "https://example.com/rent"),
                Offer("netflix", "DE"),
            ),
        ),
        Title(
            id="x:elsewhere",
            kind="movie",
            title="Flimflamtoo",
            overview="Its poster is on a host that nobody allowed.",
            poster_path="https://tracker.example/poster.jpg",
        ),
    ]
