"""Films and series of the stand-in servers: the demo titles, and any number of generated ones.

A generated work depends on its number alone, so that every process makes the same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tv5core.data import demo_titles
from tv5core.types import Title

FIRST_GENERATED = 2_000_000
_SERIES_EVERY = 5
_GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Science Fiction", "Thriller", "War")
_FIRST = "Silent Broken Golden Distant Paper Iron Second Hollow Crimson Northern Borrowed".split()
_SECOND = "Harbour Summer Witness Orchard Machine Letters Border Carnival Promise Winter".split()
_PEOPLE = "Ada Bruno Carla Dmitri Elena Farid Greta Hugo Ines Jonas Karin Luis Mira Nils".split()
_SURNAMES = "Abel Brandt Costa Dubois Egger Fontana Gruber Holm Ivanov Jansen Keller Lind".split()
_PLOTS = (
    "{a} comes home to a town that has forgotten the {b}, and finds {c} waiting.",
    "When the {b} stops, {a} and {c} have one night to set it going again.",
    "{a} inherits a {b} and, with it, the enmity of {c}.",
    "Nobody believed in the {b} until {a} disappeared; {c} goes looking.",
)
_THINGS = "lighthouse ferry orchestra glass factory radio tower railway archive bakery".split()


@dataclass(frozen=True)
class Work:
    """One film or series, with the fields that the stand-in servers use."""

    media: str  # movie or tv
    id: int
    title: str
    original_title: str
    date: str
    overview: str
    genres: tuple[str, ...]
    keywords: tuple[str, ...]
    cast: tuple[tuple[str, str], ...]
    directors: tuple[str, ...]
    imdb: str
    popularity: float
    rating: float
    votes: int
    runtime: int
    seasons: int = 1
    language: str = "en"
    country: str = "US"
    certification: str = "PG"
    tagline: str = ""
    services: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The id under which a catalogue has it."""
        return f"tmdb:{self.media}:{self.id}"

    @property
    def justwatch(self) -> str:
        """The id under which JustWatch has it."""
        return f"{'tm' if self.media == 'movie' else 'ts'}{self.id}"

    def renamed(self, title: str) -> Work:
        """The same work under another title."""
        return replace(self, title=title)


def make_works(count: int) -> list[Work]:
    """Make so many works, the shipped titles first; popularity falls."""
    shipped = [_shipped(title, place) for place, title in enumerate(_numbered())]
    rest = range(max(0, count - len(shipped)))
    return [*shipped[:count], *(_generated(FIRST_GENERATED + n, n + len(shipped)) for n in rest)]


def _numbered() -> list[Title]:
    return [title for title in demo_titles() if title.id.startswith("tmdb:")]


def _popularity(place: int) -> float:
    return round(900 / (1 + place) ** 0.7, 4)


def _shipped(title: Title, place: int) -> Work:
    draw = random.Random(title.id)
    return Work(
        media="movie" if title.kind == "movie" else "tv",
        id=int(title.external_ids["tmdb"]),
        title=title.title,
        original_title=title.original_title or title.title,
        date=title.release_date or f"{title.year}-01-01",
        overview=title.overview,
        genres=title.genres,
        keywords=title.keywords,
        cast=tuple((person.name, person.character) for person in title.cast),
        directors=title.directors or title.creators,
        imdb=title.external_ids["imdb"],
        popularity=_popularity(place),
        rating=round(draw.uniform(6, 9), 1),
        votes=draw.randrange(500, 30_000),
        runtime=title.runtime or 100,
        seasons=title.seasons or 1,
        services=_services(draw),
    )


def _generated(number: int, place: int) -> Work:
    draw = random.Random(number)
    people = [f"{draw.choice(_PEOPLE)} {draw.choice(_SURNAMES)}" for _ in range(24)]
    cast = dict.fromkeys(people[2:])
    title = f"The {draw.choice(_FIRST)} {draw.choice(_SECOND)} {number - FIRST_GENERATED + 1}"
    plot = draw.choice(_PLOTS).format(a=people[0], b=draw.choice(_THINGS), c=people[1])
    return Work(
        media="tv" if number % _SERIES_EVERY == 0 else "movie",
        id=number,
        title=title,
        original_title=title,
        date=f"{draw.randrange(1950, 2025)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
        overview=plot,
        genres=tuple(draw.sample(_GENRES, 2)),
        keywords=tuple(draw.sample(_THINGS, 4)),
        cast=tuple((name, draw.choice(_PEOPLE)) for name in cast),
        directors=(people[0],),
        imdb=f"tt{number:07}",
        popularity=_popularity(place),
        rating=round(draw.uniform(3, 9), 1),
        votes=draw.randrange(1, 5_000),
        runtime=draw.randrange(70, 190),
        seasons=draw.randrange(1, 9),
        services=_services(draw),
    )


def _services(draw: random.Random) -> dict[str, dict[str, list[str]]]:
    """Services by country and way to watch."""
    names = ["Netflix", "Disney Plus", "Amazon Prime Video", "Apple TV", "Canal+"]
    return {
        region: {
            way: draw.sample(names, draw.randrange(1, 4))
            for way in draw.sample(("flatrate", "rent", "buy", "ads"), 2)
        }
        for region in ("US", "GB", "DE", "FR")
    }
