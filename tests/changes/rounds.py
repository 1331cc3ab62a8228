"""A catalogue and a dict that are changed together, and what must be true of both."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.changes.made_up import DIM, embed, filter_of, text_of, title_of
from tv5core.catalog import Catalog
from tv5core.types import Title

__all__ = ["Mirror", "fresh_build", "same_answers"]

_MOST_TITLES = 400
_EVERYTHING = 10_000


class Mirror:
    """A catalogue that is changed at random, beside what it must hold.

    Parameters
    ----------
    folder : Path
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.titles: dict[str, Title] = {}
        self.embedded: dict[str, bool] = {}
        self.done: Counter[str] = Counter()
        self.catalog = open_catalog(folder)

    def round(self) -> None:
        """Make one change."""
        full = len(self.titles) > _MOST_TITLES
        weights = {"add": 20 if full else 45, "change": 30, "delete": 45 if full else 20}
        weights |= {"seal": 1.0, "optimize": 0.1, "reopen": 0.3}
        what = self.chance.choices(list(weights), list(weights.values()))[0]
        getattr(self, f"_{what}")()
        self.done[what] += 1

    def _put(self, names: list[str], *, vectors: bool = True) -> None:
        titles = [title_of(self.chance, one) for one in names]
        self.catalog.add(titles, embed=vectors)
        for title in titles:
            self.titles[title.id] = title
            self.embedded[title.id] = vectors

    def _add(self) -> None:
        numbers = self.chance.sample(range(10**9), self.chance.randint(1, 4))
        self._put([f"t:{number}" for number in numbers], vectors=self.chance.random() < 0.9)

    def _known(self, most: int) -> list[str]:
        return self.chance.sample(sorted(self.titles), min(len(self.titles), most))

    def _change(self) -> None:
        self._put(self._known(3))

    def _delete(self) -> None:
        names = self._known(self.chance.randint(1, 4))
        assert self.catalog.delete(names) == len(names)
        for name in names:
            del self.titles[name], self.embedded[name]

    def _seal(self) -> None:
        self.catalog.seal()  # embeds what waits, too
        self.embedded = dict.fromkeys(self.titles, True)

    def _optimize(self) -> None:
        self.catalog.optimize()

    def _reopen(self) -> None:
        self.catalog.close()
        self.catalog = open_catalog(self.folder)

    # -- what is true at any time -----------------------------------------------------------

    def check(self) -> None:
        """Compare lists, facets, pages and neighbours with a look at every title."""
        where, meaning = filter_of(self.chance)
        matching = [title for title in self.titles.values() if meaning(title)]
        found = self.catalog.browse(where=where, k=_EVERYTHING, facets=["genre", "year", "kind"])
        assert {title.id: title for title in found} == {title.id: title for title in matching}
        assert found.total.count == len(matching)
        assert self.catalog.browse(where=self.catalog.filter_text(where), k=_EVERYTHING) == found
        self._check_facets(where, matching)
        self._check_pages(where, [title.id for title in found])
        self._check_neighbours(where, matching)

    def _check_facets(self, where: Any, matching: list[Title]) -> None:
        fields = {"keyword": lambda t: t.keywords, "cast": lambda t: [p.name for p in t.cast]}
        found = self.catalog.facets(list(fields), where=where)
        for name, values in fields.items():
            wanted = Counter(value for title in matching for value in set(values(title)))
            assert {one.value: one.count for one in found[name]} == wanted

    def _check_pages(self, where: Any, want: list[str]) -> None:
        k, cursor, ids = self.chance.randint(1, 60), None, []
        while cursor != "" and len(ids) <= len(want):
            page = self.catalog.browse(where=where, k=k, cursor=cursor)
            ids, cursor = [*ids, *(title.id for title in page)], page.cursor
            assert page.total.count == len(want)
        assert ids == want

    def _check_neighbours(self, where: Any, matching: list[Title]) -> None:
        names = [title.id for title in matching if self.embedded[title.id]]
        query = np.random.default_rng(self.chance.randrange(2**32)).standard_normal(DIM)
        k = self.chance.choice([1, 3, 10, 50, _EVERYTHING])
        found = self.catalog.search(query.astype(np.float32), k, where=where)
        assert len(found) == min(k, len(names))
        cosines = self._cosines(names, query)
        want = sorted(cosines.values(), reverse=True)[:k]
        assert [hit.score for hit in found] == pytest.approx(want, abs=1e-5)
        for hit in found:
            assert hit.score == pytest.approx(cosines[hit.id], abs=1e-5)

    def _cosines(self, names: list[str], query: Any) -> dict[str, float]:
        vectors = np.reshape(self.catalog.get_vectors(names), (len(names), DIM))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return dict(zip(names, (unit @ query / np.linalg.norm(query)).tolist(), strict=True))


def open_catalog(folder: Path) -> Catalog:
    """Open a catalogue whose results do not depend on when something was sealed."""
    return Catalog.open(folder, embedder=embed, rescoring="float32", auto_seal=False)


@contextmanager
def fresh_build(folder: Path, mirror: Mirror) -> Iterator[Catalog]:
    """Build a catalogue of the same titles at once, in the same order."""
    rows = {name: mirror.catalog.get_versioned(name).row for name in mirror.titles}
    ordered = sorted(rows, key=rows.__getitem__)
    with open_catalog(folder) as catalog:
        for vectors, names in groupby(ordered, key=mirror.embedded.__getitem__):
            catalog.add([mirror.titles[name] for name in names], embed=vectors)
        yield catalog


def same_answers(one: Catalog, other: Catalog, chance: random.Random, questions: int) -> None:
    """Ask two catalogues the same and compare all of the answers: titles, scores, counts."""
    both = one, other
    for sort in ("popularity", "rating", "votes", "date", "title", "date:asc"):
        assert one.browse(sort=sort, k=_EVERYTHING) == other.browse(sort=sort, k=_EVERYTHING)
    fields = ["genre", "year", "person", "on", "country", "language", "kind", "collection"]
    assert one.facets(fields) == other.facets(fields)
    for _ in range(questions):
        text, where = text_of(chance), filter_of(chance)[0] if chance.random() < 0.5 else None
        # Those of one popularity come in the order of their documents, which is nobody's promise.
        suggested = [{(s.id, s.corrected) for s in each.suggest(text[:5], 1_000)} for each in both]
        assert suggested[0] == suggested[1]
        for mode in ("keyword", "hybrid", "semantic"):
            asked: dict[str, Any] = {"mode": mode, "where": where, "facets": ["genre"]}
            asked["understand"] = False  # readings follow what most titles have, not all changes
            _same(one.search(text, _EVERYTHING, **asked), other.search(text, _EVERYTHING, **asked))


def _same(one: Any, other: Any) -> None:
    assert (one.total, one.facets, one.did_you_mean) == (
        other.total,
        other.facets,
        other.did_you_mean,
    )
    scores = {hit.id: hit.score for hit in other}
    assert {hit.id: hit.score for hit in one} == pytest.approx(scores, abs=1e-5)
    # Scores of floats differ in their last bits: so may the order of what is equal but for these.
    for mine, theirs in zip(one, other, strict=True):
        assert mine.score == pytest.approx(theirs.score, abs=1e-5)
