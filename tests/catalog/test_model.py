"""Any sequence of changes leaves the catalogue equal to a dict."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.examples import examples
from tv5core.catalog import Catalog
from tv5core.types import Title

DIM = 8
names = st.integers(0, 11).map(lambda i: f"id{i}")
changes = st.dictionaries(names, st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5)


def vector(name: str, version: int) -> np.ndarray:
    seed = (int(name[2:]), version)
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


class Model(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tv5-test-"))
        self.titles: dict[str, Title] = {}
        self.versions: dict[str, int] = {}
        self.catalog = Catalog.open(self.folder, rescoring="float32")
        self.reader = Catalog.open(self.folder, read_only=True)

    def teardown(self) -> None:
        self.reader.close()
        self.catalog.close()
        shutil.rmtree(self.folder)

    @rule(some=changes)
    def add(self, some: dict[str, tuple[int, int]]) -> None:
        titles = [Title(n, "movie", f"Film {t}", year=1990 + t) for n, (t, _) in some.items()]
        rows = [vector(n, v) for n, (_, v) in some.items()]
        result = self.catalog.add(titles, np.reshape(rows, (len(rows), DIM)) if rows else None)
        assert result.added == len(set(some) - set(self.titles))
        self.titles |= {t.id: t for t in titles}
        self.versions |= {n: v for n, (_, v) in some.items()}

    @rule(some=st.dictionaries(names, st.integers(0, 3), max_size=3))
    def add_without_vectors(self, some: dict[str, int]) -> None:
        titles = [Title(n, "movie", f"Film {t}", year=1990 + t) for n, t in some.items()]
        self.catalog.add(titles, embed=False)
        self.titles |= {t.id: t for t in titles}

    @rule(some=st.sets(names, max_size=4))
    def delete(self, some: set[str]) -> None:
        assert self.catalog.delete(some) == len(some & set(self.titles))
        for name in some:
            self.titles.pop(name, None)
            self.versions.pop(name, None)

    @precondition(lambda self: self.versions)
    @rule()
    def seal(self) -> None:
        self.catalog._manager.seal()

    @rule(damage=st.booleans())
    def reopen(self, damage: bool) -> None:
        self.reader.close()
        self.catalog.close()
        newest = max(self.folder.glob("graph.*.tv5"), default=None)
        if damage and newest is not None:
            newest.write_bytes(newest.read_bytes()[:-1])
        self.catalog = Catalog.open(self.folder)
        self.reader = Catalog.open(self.folder, read_only=True)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "catalog"):
            return
        for catalog in (self.catalog, self.reader):
            assert list(catalog.ids()) == sorted(self.titles)
            assert catalog.get_many(self.titles) == list(self.titles.values())
            hits = catalog.search(np.ones(DIM, np.float32), 20, exact=True)
            assert {h.id for h in hits} == set(self.versions)
            for name, version in self.versions.items():
                best = catalog.search(vector(name, version), 1)[0]
                assert best.id == name
                assert best.title == self.titles[name]
        for year in range(1990, 1994):
            carriers = {n for n, t in self.titles.items() if t.year == year}
            assert set(self.catalog.find(f"name:movie:{year}:film-{year - 1990}")) == carriers
        report = self.catalog.verify()
        assert report.ok, report.problems


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=examples(12),
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
