"""How titles are distributed: figures that a search's cost and quality depend on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from math import log
from typing import NamedTuple

import msgspec
import numpy as np

from tv5core import Title

__all__ = ["Comparison", "Figure", "compare", "describe"]

_WORD = re.compile(r"\w+")


class Figure(NamedTuple):
    """A figure and how far a made-up one may be off, as a share of it."""

    value: float
    tolerance: float


class Comparison(NamedTuple):
    """A figure of real titles beside that of made-up ones."""

    name: str
    real: float
    made: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the made-up figure is within the tolerance."""
        return abs(self.made - self.real) <= self.tolerance * abs(self.real)


class _Sums:
    """What is collected of titles, one at a time."""

    def __init__(self) -> None:
        self.terms: Counter[str] = Counter()
        self.people: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.lengths: dict[str, list[float]] = {}
        self.growth: list[tuple[int, int]] = []
        self.count = 0

    def add(self, title: Title) -> None:
        name, overview = _WORD.findall(title.title.lower()), _WORD.findall(title.overview.lower())
        self.terms.update(name)
        self.terms.update(overview)
        self.people.update({person.name for person in title.cast} | set(title.directors))
        self.names[" ".join(name)] += 1
        self.count += 1
        self._note("title words", len(name))
        self._note("overview words", len(overview))
        self._note("cast", len(title.cast))
        self._note("genres", len(title.genres))
        self._note("offers", len(title.offers))
        self._note("year", title.year or 0)
        self._note("bytes", len(msgspec.msgpack.encode(title)))
        self._note("votes", title.votes)
        for field in ("runtime", "rating", "keywords", "tagline", "countries", "certification"):
            self._note(f"has {field}", bool(getattr(title, field)))
        self._note("has votes", title.votes > 0)
        self._note("is a show", title.kind == "show")
        self._note("has characters", any(person.character for person in title.cast))

    def _note(self, name: str, value: float) -> None:
        self.lengths.setdefault(name, []).append(value)

    def grown(self) -> None:
        """Note how many terms there are among how many words."""
        self.growth.append((self.terms.total(), len(self.terms)))


def describe(titles: Iterable[Title], count: int) -> dict[str, Figure]:
    """Work out the figures of so many titles, in whose order nothing is meant."""
    sums = _Sums()
    for title in titles:
        sums.add(title)
        if sums.count in (count // 4, count):
            sums.grown()
    return {**_vocabulary(sums), **_people(sums), **_values(sums)}


def _vocabulary(sums: _Sums) -> dict[str, Figure]:
    counts = np.array(sorted(sums.terms.values(), reverse=True), float)
    (few, first), (many, last) = sums.growth
    shared = sum(count for count in sums.names.values() if count > 1)
    return {
        "distinct terms": Figure(last, 0.15),
        "Heaps' exponent": Figure(log(last / first) / log(many / few), 0.1),
        "share of the ten commonest terms": Figure(counts[:10].sum() / counts.sum(), 0.15),
        "Zipf's exponent, ranks 100 to 10,000": Figure(_slope(counts, 100, 10_000), 0.1),
        "titles with a shared name": Figure(shared / sums.count, 0.2),
        "most titles of one name": Figure(max(sums.names.values()), 1.0),
    }


def _slope(counts: np.ndarray, start: int, stop: int) -> float:  # type: ignore[type-arg]
    stop = min(stop, len(counts))
    start = min(start, max(1, stop // 10))
    return float(log(counts[start - 1] / counts[stop - 1]) / log(stop / start))


def _people(sums: _Sums) -> dict[str, Figure]:
    counts = np.array(sorted(sums.people.values(), reverse=True), float)
    return {
        "people": Figure(len(counts), 0.15),
        "people of one title": Figure(float((counts == 1).mean()), 0.15),
        "credits of the 100 busiest": Figure(float(counts[:100].mean()), 0.3),
    }


def _values(sums: _Sums) -> dict[str, Figure]:
    lists = {name: np.array(values, float) for name, values in sums.lengths.items()}
    voted = np.log(lists["votes"][lists["votes"] > 0])
    figures = {
        "words of a title": Figure(lists["title words"].mean(), 0.1),
        "words of an overview, median": Figure(float(np.median(lists["overview words"])), 0.1),
        "words of an overview, 95 %": Figure(
            float(np.quantile(lists["overview words"], 0.95)), 0.1
        ),
        "cast, mean": Figure(lists["cast"].mean(), 0.15),
        "cast, 95 %": Figure(float(np.quantile(lists["cast"], 0.95)), 0.2),
        "genres": Figure(lists["genres"].mean(), 0.1),
        "offers": Figure(lists["offers"].mean(), 0.1),
        "votes, log of the median": Figure(float(np.median(voted)), 0.05),
        "votes, log at 95 %": Figure(float(np.quantile(voted, 0.95)), 0.05),
        "year, first quarter": Figure(float(np.quantile(lists["year"], 0.25)), 0.005),
        "year, median": Figure(float(np.median(lists["year"])), 0.005),
        "bytes of a title": Figure(lists["bytes"].mean(), 0.2),
    }
    shares = {
        name: Figure(values.mean(), 0.15)
        for name, values in lists.items()
        if name.startswith(("has ", "is "))
    }
    return figures | shares


def compare(real: dict[str, Figure], made: dict[str, Figure]) -> list[Comparison]:
    """Put real figures and made-up ones side by side."""
    return [
        Comparison(name, figure.value, made[name].value, figure.tolerance)
        for name, figure in real.items()
    ]
