"""Titles of few values, and filters on them beside what they mean, for comparison."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import strategies as st

from tv5core.columns import EVERYTHING, NOTHING, Expression, F
from tv5core.extra_fields import is_date
from tv5core.types import Collection, Offer, Person, Title

Meaning = Callable[[Title], bool]
Filter = tuple[Expression, Meaning]

SCHEMA = {
    "studio": "keyword", "tags": "keywords", "cost": "int", "score": "float", "uhd": "bool",
    "aired": "date",
}  # fmt: skip

# What is folded to the same key stands in one group.
GENRES = (("Drama", "drama"), ("Crime",), ("Science Fiction", "scifi"))
PEOPLE = (("Zoë Saldaña", "Zoe Saldana"), ("Ann Lee", "ann lee"), ("周星馳",))
COUNTRIES = (("US", "United States"), ("KR", "South Korea"))
SERVICES = (("netflix", "Netflix"), ("disney plus", "Disney+"))
STUDIOS = (("A24", "a24"), ("C++",), ("C",), ("Éclair", "eclair"))
SAGAS = ("Saga Collection", "Saga", "")
DATES = ("1969-07-20", "1990-01-01", "1990-12-31", "1991-01-01", "", "1990-13-01")


def _any(groups: tuple[tuple[str, ...], ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([word for group in groups for word in group])


def _group(groups: tuple[tuple[str, ...], ...], word: str) -> tuple[str, ...]:
    return next(group for group in groups if word in group)


def _tuple(some: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(some, max_size=most).map(tuple)


NUMBERS = st.none() | st.integers(0, 5)
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "studio": _any(STUDIOS),
        "tags": _tuple(_any(STUDIOS)),
        "cost": st.sampled_from([-3, 0, 7, 2**60]),
        "score": st.sampled_from([-0.5, 0.1, 7]),
        "uhd": st.booleans(),
        "aired": st.sampled_from([d for d in DATES if is_date(d)]),
    },
)
TITLES: st.SearchStrategy[Title] = st.builds(
    Title,
    id=st.uuids().map(str),
    kind=st.sampled_from(["movie", "show"]),
    title=st.just("T"),
    release_date=st.sampled_from(DATES),
    year=NUMBERS,
    genres=_tuple(_any(GENRES)),
    keywords=_tuple(_any(STUDIOS)),
    cast=_tuple(st.builds(Person, _any(PEOPLE))),
    directors=_tuple(_any(PEOPLE), 2),
    creators=_tuple(_any(PEOPLE), 2),
    runtime=NUMBERS,
    languages=_tuple(st.sampled_from(["en", "fr", "ko"]), 2),
    countries=_tuple(_any(COUNTRIES), 2),
    certification=st.sampled_from(["", "PG-13", "pg-13", "18+"]),
    seasons=NUMBERS,
    rating=st.none() | st.sampled_from([0.0, 7.1, 7.2, 10.0, float("nan")]),
    votes=st.integers(0, 3),
    popularity=st.sampled_from([0.0, 0.5, 1e300]),
    offers=_tuple(
        st.builds(
            Offer, _any(SERVICES), st.sampled_from(["", "US", "DE"]),
            st.sampled_from(["flatrate", "rent"]),
        )
    ),
    collection=st.none() | st.builds(Collection, st.sampled_from("12"), st.sampled_from(SAGAS)),
    adult=st.booleans(),
    extra=EXTRA,
)  # fmt: skip


def listed(count: int = 12) -> st.SearchStrategy[list[Title]]:
    return st.lists(TITLES, max_size=count)


# -- filters ----------------------------------------------------------------------------------


def _names(field: str) -> Callable[[Title], tuple[str, ...]]:
    getters: dict[str, Callable[[Title], tuple[str, ...]]] = {
        "genre": lambda t: t.genres,
        "person": lambda t: (*(p.name for p in t.cast), *t.directors, *t.creators),
        "cast": lambda t: tuple(p.name for p in t.cast),
        "director": lambda t: t.directors,
        "creator": lambda t: t.creators,
        "country": lambda t: t.countries,
        "studio": lambda t: (t.extra["studio"],) if "studio" in t.extra else (),  # type: ignore[dict-item, return-value]
        "tags": lambda t: t.extra.get("tags", ()),  # type: ignore[dict-item, return-value]
    }
    return getters[field]


_VOCABULARY = {
    "genre": GENRES, "person": PEOPLE, "cast": PEOPLE, "director": PEOPLE, "creator": PEOPLE,
    "country": COUNTRIES, "studio": STUDIOS, "tags": STUDIOS,
}  # fmt: skip


def _field(name: str) -> Any:
    return F.extra(name) if name in SCHEMA else getattr(F, name)


@st.composite
def _words(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(sorted(_VOCABULARY)))
    groups, get, how = (
        _VOCABULARY[name],
        _names(name),
        draw(st.sampled_from(["any", "all", "none"])),
    )
    given = draw(st.lists(_any(groups), max_size=3))
    spelled = [set(_group(groups, word)) for word in given]

    def means(title: Title) -> bool:
        has = [bool(group & set(get(title))) for group in spelled]
        return {"any": any(has), "all": all(has), "none": not any(has)}[how]

    return getattr(_field(name), how)(*given), means


_ORDERED: dict[str, tuple[Callable[[Title], Any], list[Any]]] = {
    "year": (lambda t: t.year, [0, 2, 2.5, 5, 9, -1]),
    "runtime": (lambda t: t.runtime, [1, 3]),
    "votes": (lambda t: t.votes, [0, 2, 2.0]),
    "rating": (lambda t: t.rating, [7.1, 7, 7.15, float("inf"), -float("inf")]),
    "popularity": (lambda t: t.popularity, [0.5, 1e300]),
    "cost": (lambda t: t.extra.get("cost"), [-3, 6.5, 2**60, 2**60 - 1]),
    "score": (lambda t: t.extra.get("score"), [0.1, 0, 7]),
}


@st.composite
def _numbers(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(sorted(_ORDERED)))
    get, bounds = _ORDERED[name]
    low, high = draw(st.sampled_from(bounds)), draw(st.sampled_from(bounds))
    field = _field(name)
    tests: dict[str, tuple[Expression, Callable[[Any], bool]]] = {
        "<": (field < low, lambda x: x < low),
        "<=": (field <= low, lambda x: x <= low),
        ">": (field > low, lambda x: x > low),
        ">=": (field >= low, lambda x: x >= low),
        "between": (field.between(low, high), lambda x: low <= x <= high),
        "==": (field == low, lambda x: x == low),
        "!=": (~(field != low), lambda x: x == low),
        "any": (field.any([low, high]), lambda x: x in (low, high)),
        "exists": (field.exists(), lambda x: True),
    }
    expression, holds = tests[draw(st.sampled_from(sorted(tests)))]

    def means(title: Title) -> bool:
        value = get(title)
        return value is not None and value == value and holds(value)

    return expression, means


@st.composite
def _dates(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(["date", "aired"]))
    day = draw(st.sampled_from([d for d in DATES if is_date(d)]))
    given: Any = draw(st.sampled_from([day, date.fromisoformat(day)]))
    field = _field(name)
    tests: dict[str, tuple[Expression, Callable[[str], bool]]] = {
        "<": (field < given, lambda x: x < day),
        "<=": (field <= given, lambda x: x <= day),
        ">": (field > given, lambda x: x > day),
        ">=": (field >= given, lambda x: x >= day),
        "==": (field == given, lambda x: x == day),
        "year": (field == "1990", lambda x: x.startswith("1990")),
        "month": (field == "1990-12", lambda x: x.startswith("1990-12")),
    }
    expression, holds = tests[draw(st.sampled_from(sorted(tests)))]

    def means(title: Title) -> bool:
        value: Any = title.release_date if name == "date" else title.extra.get("aired")
        return is_date(value) and holds(value)

    return expression, means


@st.composite
def _offers(draw: st.DrawFn) -> Filter:
    service = draw(st.just("") | _any(SERVICES))
    region = draw(st.sampled_from(["", "US", "de", "Germany"]))
    offer = draw(st.sampled_from(["", "flatrate", "rent"]))
    services = _group(SERVICES, service) if service else [w for g in SERVICES for w in g]
    code = {"": ("", "US", "DE"), "US": ("US",)}.get(region, ("DE",))

    def means(title: Title) -> bool:
        return any(
            o.provider in services and o.region in code and offer in ("", o.kind)
            for o in title.offers
        )

    return F.on(service, region=region, offer=offer), means


def _saga(title: Title) -> bool:
    return title.collection is not None and title.collection.name.startswith("Saga")


SIMPLE: list[Filter] = [
    (F.adult, lambda t: t.adult),
    (F.kind("movie"), lambda t: t.kind == "movie"),
    (F.kind == "series", lambda t: t.kind == "show"),
    (F.extra("uhd") == True, lambda t: t.extra.get("uhd") is True),  # noqa: E712
    (F.extra("uhd").any(False), lambda t: t.extra.get("uhd") is False),
    (F.collection("saga"), _saga),
    (F.collection.exists(), lambda t: t.collection is not None),
    (F.genre.exists(), lambda t: bool(t.genres)),
    (F.director.exists(), lambda t: bool(t.directors)),
    (F.person.exists(), lambda t: bool(t.cast or t.directors or t.creators)),
    (F.on(), lambda t: bool(t.offers)),
    (F.language("French"), lambda t: "fr" in t.languages),
    (F.certification("PG-13"), lambda t: t.certification.upper() == "PG-13"),
    (F.extra("studio").exists(), lambda t: "studio" in t.extra),
    (EVERYTHING, lambda t: True),
    (NOTHING, lambda t: False),
]
LEAVES = st.one_of(_words(), _numbers(), _dates(), _offers(), st.sampled_from(SIMPLE))


def _negated(one: Filter) -> Filter:
    return ~one[0], lambda title: not one[1](title)


def _joined(pair: tuple[Filter, Filter, bool]) -> Filter:
    (a, means_a), (b, means_b), both = pair
    if both:
        return a & b, lambda title: means_a(title) and means_b(title)
    return a | b, lambda title: means_a(title) or means_b(title)


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda some: some.map(_negated) | st.tuples(some, some, st.booleans()).map(_joined),
    max_leaves=6,
)
"""Filters, each beside a function that says whether it is true of a title."""
