"""Any sequence of changes and maintenance leaves a catalogue equal to a dict and brute force."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.crash.checking import walking
from tests.examples import examples
from tv5core.catalog import Catalog
from tv5core.types import Title

DIM = 8
NAMES = 24
numbers = st.integers(0, NAMES - 1)
some_numbers = st.sets(numbers, min_size=1, max_size=8)
versions = st.integers(0, 3)


def vector(number: int, version: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng((number, version)).standard_normal(DIM).astype(np.float32)


class Stateful(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="tv5-test-"))
        self.folder = self.base / "catalog"
        self.titles: dict[str, Title] = {}
        self.vectors: dict[str, npt.NDArray[np.float32]] = {}
        self.copies = 0
        self.catalog = self.opened()

    def opened(self) -> Catalog:
        return Catalog.open(self.folder, rescoring="float32", metric="ip", embedder=None)

    def teardown(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.base)

    @rule(some=some_numbers, version=versions)
    def add(self, some: set[int], version: int) -> None:
        titles = [Title(f"id{n}", "movie", f"Film {n}", year=1990 + version) for n in some]
        rows = [vector(n, version) for n in some]
        result = self.catalog.add(titles, np.stack(rows))
        assert result.added == sum(t.id not in self.titles for t in titles)
        self.titles |= {t.id: t for t in titles}
        self.vectors |= {t.id: row for t, row in zip(titles, rows, strict=True)}

    @rule(some=some_numbers)
    def delete(self, some: set[int]) -> None:
        names = {f"id{n}" for n in some}
        assert self.catalog.delete(names) == len(names & set(self.titles))
        for name in names:
            self.titles.pop(name, None)
            self.vectors.pop(name, None)

    @rule(number=numbers, version=versions, k=st.integers(1, 30))
    def search(self, number: int, version: int, k: int) -> None:
        query = vector(number, version) + 0.01
        for exact in (False, True):
            hits = self.catalog.search(query, k, exact=exact)
            self.same_order(query, [(hit.id, hit.score) for hit in hits], k)
        with walking():  # the graph itself; at this size its pool holds every row it reaches
            hits = self.catalog.search(query, k)
        for hit in hits:
            assert abs(hit.score - float(self.vectors[hit.id] @ query)) < 1e-4
        assert len(hits) == min(k, len(self.vectors))

    def same_order(
        self, query: npt.NDArray[np.float32], hits: list[tuple[str, float]], k: int
    ) -> None:
        """Compare with brute force, up to ties."""
        scores = {name: float(row @ query) for name, row in self.vectors.items()}
        best = sorted(scores.values(), reverse=True)[:k]
        assert np.allclose([score for _, score in hits], best, atol=1e-4)
        assert all(abs(scores[name] - score) < 1e-4 for name, score in hits)
        assert len({name for name, _ in hits}) == len(hits)

    @rule()
    def seal(self) -> None:
        self.catalog.seal()

    @rule()
    def optimize(self) -> None:
        self.catalog.optimize()
        info = self.catalog.info()
        assert info["removed"] == 0

    @rule()
    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = self.opened()

    @rule()
    def repair(self) -> None:
        assert self.catalog.verify(repair=True).ok

    @precondition(lambda self: self.copies < 2)
    @rule(compact=st.booleans())
    def continue_in_a_backup(self, compact: bool) -> None:
        self.copies += 1
        copy = self.base / f"copy{self.copies}"
        self.catalog.backup(copy, compact=compact)
        self.catalog.close()
        self.folder = copy
        self.catalog = self.opened()

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "catalog"):
            return
        assert list(self.catalog.ids()) == sorted(self.titles)
        assert self.catalog.get_many(self.titles) == list(self.titles.values())
        report = self.catalog.verify()
        assert report.ok, report.problems
        for year in range(1990, 1994):
            carriers = {t.id for t in self.titles.values() if t.year == year}
            found = (self.catalog.find(f"name:movie:{year}:film-{n}") for n in range(NAMES))
            assert {name for names in found for name in names} == carriers


TestStateful = Stateful.TestCase
TestStateful.settings = settings(
    max_examples=examples(15),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
