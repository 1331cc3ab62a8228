"""Exceptions at any step of any change or read: what was acknowledged stays, and nothing hangs.

Each step of an operation is interrupted in turn, on one catalogue that stays in use. After
each, the operation happened or it did not; all else is as a model says. ``TV5_INTERRUPT_STRIDE=1``
takes every step; by default one in so many, beginning at a random one.
"""

from __future__ import annotations

import gc
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.documents import problems
from tests.catalog.interrupting import Injector
from tv5core import Catalog, Title
from tv5core.errors import UnknownIdError
from tv5core.lmdb_env import registry
from tv5core.store.environment import Environment

# One raised while a generator is thrown away goes nowhere: as good as none.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STRIDE = int(os.environ.get("TV5_INTERRUPT_STRIDE", "13"))
DIM = 16


def vector(name: str) -> np.ndarray:
    seed = int.from_bytes(name.encode()[-6:], "big")
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


def title(name: str, votes: int = 0) -> Title:
    return Title(name, "movie", f"Film {name}", external_ids={"imdb": f"tt{name}"}, votes=votes)


class Model:
    """What a catalogue must hold, and what it may."""

    def __init__(self, catalog: Catalog, reader: Catalog) -> None:
        self.catalog, self.reader = catalog, reader
        self.votes: dict[str, int] = {}
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"n{self.names:05d}"

    def add(self, *names: str, votes: int = 0) -> None:
        some = [title(name, votes) for name in names]
        self.catalog.add(some, [vector(name + str(votes)) for name in names])
        self.votes |= dict.fromkeys(names, votes)

    def delete(self, *names: str) -> None:
        self.catalog.delete(names)
        for name in names:
            self.votes.pop(name, None)

    def settle(self, names: list[str]) -> None:
        """Take over what is stored of titles whose change was interrupted."""
        for name in names:
            self.votes.pop(name, None)
            if name in self.catalog:
                self.votes[name] = self.catalog.get(name).votes

    def check(self, catalog: Catalog) -> None:
        assert set(catalog.ids()) == set(self.votes)
        assert len(catalog) == len(self.votes)
        names = list(self.votes)
        for name, stored in zip(names, catalog.get_many(names), strict=True):
            assert stored == title(name, self.votes[name])
            assert catalog.get(f"imdb:tt{name}") == stored
        vectors = np.stack([vector(name + str(self.votes[name])) for name in names])
        found = catalog.search_many(vectors, 1)
        assert [[hit.id for hit in hits] for hits in found] == [[name] for name in names]

    def check_all(self) -> None:
        self.check(self.catalog)
        self.check(self.reader)
        for catalog in (self.catalog, self.reader):
            gate = catalog._store.environment._gate
            gate.sweep()
            assert not gate._holders
            assert len(catalog.search(vector("any"), len(self.votes) + 9)) == len(self.votes)
            assert sorted(_document_votes(catalog)) == sorted(self.votes.values())


def _document_votes(catalog: Catalog) -> list[int]:
    """Return the votes that the documents of all titles say."""
    found: list[int] = []
    for segment in catalog._current().view().documents.segments:
        votes = segment.columns.numeric("votes")[segment.documents()]
        found += votes.astype(int).tolist()
    return found


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    with Catalog.open(tmp_path, embedder=None) as catalog:
        catalog.add([title("first")], [vector("first0")])
        with Catalog.open(tmp_path, read_only=True) as reader:
            made = Model(catalog, reader)
            made.votes["first"] = 0
            made.add(*(made.name() for _ in range(12)))
            catalog.seal()
            made.add(*(made.name() for _ in range(4)))
            yield made
    with Catalog.open(tmp_path, embedder=None) as catalog:
        made.check(catalog)
        assert problems(catalog) == []
        report = catalog.verify()
        assert report.ok, report.problems


def interrupt_every_step(operation: Callable[[Injector], None], check: Callable[[], None]) -> int:
    """Interrupt an operation at one step after another, until it completes."""
    at = random.randint(1, STRIDE)
    while True:
        injector = Injector(at)
        operation(injector)
        check()
        if not injector.raised:
            return at
        at += STRIDE


def close_in_time(model: Model) -> None:
    done = threading.Event()

    def close() -> None:
        model.reader.close()
        model.catalog.close()
        done.set()

    threading.Thread(target=close, daemon=True).start()
    assert done.wait(30)


def test_adding(model: Model) -> None:
    def add(injector: Injector) -> None:
        names = [model.name(), model.name(), "first"]
        vectors = [vector(name + "7") for name in names]
        injector.run(lambda: model.catalog.add([title(n, 7) for n in names], vectors))
        after = model.name()
        model.add(after)  # acknowledged: must stay
        model.settle(names)
        assert after in model.votes

    def check() -> None:
        model.check_all()
        model.delete(*sorted(model.votes)[20:])

    assert interrupt_every_step(add, check) > 200


def test_deleting(model: Model) -> None:
    def delete(injector: Injector) -> None:
        gone = [*list(model.votes)[-2:], "first"]
        injector.run(lambda: model.catalog.delete(gone))
        model.add(model.name())
        model.settle(gone)
        model.add(*(n for n in ("first",) if n not in model.votes), *(model.name(),) * 1)

    assert interrupt_every_step(delete, model.check_all) > 100


def test_sealing(model: Model) -> None:
    def seal(injector: Injector) -> None:
        model.add(model.name())
        model.delete(list(model.votes)[-2])
        injector.run(model.catalog.seal)

    stride = 40 * STRIDE
    for at in range(random.randint(1, stride), 10**9, stride):
        injector = Injector(at)
        seal(injector)
        model.check_all()
        if not injector.raised:
            break


def test_reading(model: Model) -> None:
    def read(injector: Injector) -> None:
        def some() -> None:
            for catalog in (model.catalog, model.reader):
                assert catalog.get("first").id == "first"
                assert "first" in catalog
                assert catalog.search(vector("first0"), 1)[0].id == "first"
                with pytest.raises(UnknownIdError):
                    catalog.get("nothing")

        model.add(model.name())
        injector.run(some)

    interrupt_every_step(read, model.check_all)
    for at in range(1, 200):  # without anything between that would give tickets back
        Injector(at).run(lambda: model.reader.get("first"))
    close_in_time(model)


def test_sync_checkpoints(model: Model) -> None:
    last = b"0"
    for at in range(random.randint(1, STRIDE), 10**6, STRIDE):
        injector, value, name = Injector(at), str(at).encode(), model.name()
        injector.run(
            lambda name=name, value=value: model.catalog.add(
                [title(name)], [vector(name + "0")], checkpoint=("sync", value)
            )
        )
        model.settle([name])
        stored = model.catalog.checkpoint("sync") or b"0"
        assert (stored == value) == (name in model.votes)  # both or neither
        assert stored in (last, value)
        last = stored
        if not injector.raised:
            break
    model.check_all()


def test_closing(tmp_path: Path) -> None:
    """A close that is cut short can be repeated, and the folder opened by others."""
    at, raised = 1, True
    while raised:
        catalog = Catalog.open(tmp_path, embedder=None)
        catalog.add([title(f"c{at}")], [vector(f"c{at}0")])
        injector = Injector(at)
        injector.run(catalog.close)
        catalog.close()
        raised = injector.raised
        at += STRIDE
    with Catalog.open(tmp_path, embedder=None) as catalog:
        assert catalog.verify().ok


def test_opening(tmp_path: Path) -> None:
    """An interrupted opening does not lock the catalogue."""
    with Catalog.open(tmp_path, embedder=None) as catalog:
        catalog.add([title("a")], [vector("a0")])
        catalog.seal()
    stride = 20 * STRIDE  # each step opens twice, which syncs to the disk
    at, raised = random.randint(1, stride), True
    while raised:
        injector, opened = Injector(at), list[Catalog]()
        injector.run(lambda opened=opened: opened.append(Catalog.open(tmp_path, embedder=None)))
        raised = injector.raised
        for catalog in opened:
            catalog.close()
        with Catalog.open(tmp_path, embedder=None) as catalog:
            assert catalog.get("a").id == "a"
        del catalog, opened
        gc.collect()
        assert not registry.is_open(Environment.identity(tmp_path))
        at += stride
