"""Threads and processes at work on one catalogue at once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.catalog.index import seal_policy
from tv5core.store import environment, journal
from tv5core.types import Title

DIM = 16
JOIN_S = 60


def film(i: int, votes: int = 0) -> Title:
    return Title(f"id{i}", "movie", f"Film {i}", year=2000, votes=votes)


def vector(i: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(i).standard_normal(DIM).astype(np.float32)


def fill(catalog: Catalog, start: int, stop: int) -> None:
    some = range(start, stop)
    catalog.add([film(i) for i in some], [vector(i) for i in some])


# -- what a search promises ---------------------------------------------------------------


@pytest.fixture
def stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """Deletions are committed, and the index does not know of them yet."""
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        fill(catalog, 0, 200)
        catalog.seal()
        fill(catalog, 200, 300)
        monkeypatch.setattr(catalog._manager, "apply", lambda *_: None)
        yield catalog


def nearest(catalog: Catalog, query: int, count: int) -> list[str]:
    return [hit.id for hit in catalog.search(vector(query), count, exact=True)]


@pytest.mark.parametrize("exact", [False, True])
def test_an_answer_is_filled_up_where_titles_were_deleted(stale: Catalog, exact: bool) -> None:
    before = nearest(stale, 7, 60)
    gone = before[:25]
    stale.delete(gone)
    hits = stale.search(vector(7), 10, exact=exact)
    assert [hit.id for hit in hits] == before[25:35]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    many = stale.search_many(np.stack([vector(7), vector(8)]), 10, exact=exact)
    assert [hit.id for hit in many[0]] == before[25:35]
    assert len(many[1]) == 10
    # Allowed are some of the deleted and five others.
    few = stale.search(vector(7), 10, exact=exact, allow=before[20:30])
    assert [hit.id for hit in few] == before[25:30]
    assert len(stale.search(vector(7), 500, exact=exact)) == 275


def test_similar_titles_are_filled_up_too(stale: Catalog) -> None:
    before = [hit.id for hit in stale.similar("id7", 40)]
    stale.delete(before[:12])
    assert [hit.id for hit in stale.similar("id7", 10)] == before[12:22]


def test_a_forgotten_iterator_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "INITIAL_MAP_BYTES", 1 << 17)
    with Catalog.open(tmp_path) as catalog:
        fill(catalog, 0, 50)
        iterator = catalog.ids()
        assert next(iterator) == "id0"
        before = catalog._store.environment.map_bytes
        fill(catalog, 50, 1_500)  # grows the map, which waits for every transaction
        assert catalog._store.environment.map_bytes > before
        catalog.optimize()
        assert len(list(iterator)) >= 49


# -- one writer ---------------------------------------------------------------------------


def test_a_second_writer_learns_who_the_first_is(tmp_path: Path) -> None:
    code = """
import sys
from tv5core import Catalog, CatalogLockedError
try:
    Catalog.open(sys.argv[1])
except CatalogLockedError as error:
    print(error)
"""
    with Catalog.open(tmp_path) as catalog:
        pid = str(catalog._store._writer and __import__("os").getpid())
        with pytest.raises(errors.CatalogLockedError, match=f"process {pid} on .* since 20"):
            Catalog.open(tmp_path)
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert f"process {pid} on" in done.stdout, done.stderr
        fill(catalog, 0, 3)
    Catalog.open(tmp_path).close()


# -- all at once --------------------------------------------------------------------------


class Crowd:
    """Threads that each do one thing again and again, until they are stopped."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.failures: list[BaseException] = []
        self.rounds: dict[str, int] = {}
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[random.Random], object], count: int = 1) -> None:
        for number in range(count):
            label = f"{name} {number}"
            thread = threading.Thread(target=self._run, args=(label, work), daemon=True)
            self._threads.append(thread)
            self.rounds[label] = 0
            thread.start()

    def _run(self, label: str, work: Callable[[random.Random], object]) -> None:
        chance = random.Random(label)
        while not self.stop.is_set():
            try:
                work(chance)
            except errors.ClosedError:
                return  # the catalogue was closed under us: that is the error for it
            except BaseException as error:
                self.failures.append(error)
                return
            self.rounds[label] += 1

    def finish(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(JOIN_S)
        assert not [thread for thread in self._threads if thread.is_alive()], "a deadlock"
        assert not self.failures, self.failures


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growing, folding and sealing happen often."""
    monkeypatch.setattr(environment, "INITIAL_MAP_BYTES", 1 << 17)
    monkeypatch.setattr(journal, "FOLD_ENTRIES", 50)
    monkeypatch.setattr(journal, "KEPT_ENTRIES", 10)
    monkeypatch.setattr(seal_policy, "MAX_LIVE_ROWS", 300)
    monkeypatch.setattr(seal_policy, "MIN_REMOVED_ROWS", 100)
    monkeypatch.setattr("tv5core.vectors.live_rows._MAX_DELETED", 50)


class Owner:
    """One thread's own ids, and what it knows of them."""

    def __init__(self, catalog: Catalog, start: int) -> None:
        self._catalog, self._ids = catalog, range(start, start + 400)
        self.votes: dict[int, int] = {}
        self._version = 0

    def work(self, chance: random.Random) -> None:
        some = chance.sample(self._ids, 8)
        self._version += 1
        if chance.random() < 0.4:
            count = self._catalog.delete(f"id{i}" for i in some)
            assert count == sum(self.votes.pop(i, None) is not None for i in some)
            i = some[0]
            assert f"id{i}" not in self._catalog
            assert self._catalog.search(vector(i), 1)[0].id != f"id{i}"
            return
        self._catalog.add([film(i, self._version) for i in some], [vector(i) for i in some])
        self.votes.update(dict.fromkeys(some, self._version))
        hit = self._catalog.search(vector(some[0]), 1)[0]
        assert (hit.id, hit.title.votes) == (f"id{some[0]}", self._version)


def search(catalog: Catalog, chance: random.Random) -> None:
    hits = catalog.search(vector(chance.randrange(10_000, 10_100)), 5)
    assert len(hits) == 5
    assert all(hit.title.title == f"Film {hit.id[2:]}" for hit in hits)


def test_everything_at_once(tmp_path: Path, busy: None) -> None:
    with (
        Catalog.open(tmp_path) as catalog,
        Catalog.open(tmp_path, read_only=True) as reader,
    ):
        fill(catalog, 10_000, 10_100)
        owners = [Owner(catalog, 0), Owner(catalog, 1_000)]
        crowd = Crowd()
        for number, owner in enumerate(owners):
            crowd.start(f"owner {number}", owner.work)
        crowd.start("search", lambda chance: search(catalog, chance), 2)
        crowd.start("read", lambda chance: search(reader, chance), 2)
        crowd.start("seal", lambda _: catalog.seal())
        crowd.start("optimize", lambda _: catalog.optimize())
        crowd.start("list", lambda _: [*catalog.ids()] and catalog.info())
        crowd.start("check", lambda _: check_sound(reader))
        time.sleep(6)
        crowd.finish()
        assert all(crowd.rounds.values()), crowd.rounds
        for handle in (catalog, reader):
            known = {f"id{i}": votes for owner in owners for i, votes in owner.votes.items()}
            known |= {f"id{i}": 0 for i in range(10_000, 10_100)}
            assert set(handle.ids()) == set(known)
            stored = handle.get_many(known)
            assert [title and title.votes for title in stored] == list(known.values())
            assert handle.verify().ok
    with Catalog.open(tmp_path) as catalog:
        assert catalog.info()["recovered"] == []
        assert set(catalog.ids()) == set(known)
        assert catalog.verify().ok


def check_sound(catalog: Catalog) -> None:
    report = catalog.verify()
    assert report.ok, report.problems


@pytest.mark.parametrize("after_s", [0.05, 0.3, 0.8])
def test_closing_under_everything(tmp_path: Path, busy: None, after_s: float) -> None:
    catalog = Catalog.open(tmp_path)
    fill(catalog, 10_000, 10_100)
    owners = [Owner(catalog, 0), Owner(catalog, 1_000)]
    crowd = Crowd()
    for number, owner in enumerate(owners):
        crowd.start(f"owner {number}", owner.work)
    crowd.start("search", lambda chance: search(catalog, chance), 2)
    crowd.start("seal", lambda _: catalog.seal())
    crowd.start("optimize", lambda _: catalog.optimize())
    time.sleep(after_s)
    catalog.close()
    crowd.finish()
    with pytest.raises(errors.ClosedError):
        catalog.search(vector(1))
    with Catalog.open(tmp_path) as again:
        # What returned is there; the last change of each owner may have been cut off anywhere.
        known = {i: votes for owner in owners for i, votes in owner.votes.items()}
        stored = dict(zip(known, again.get_many(f"id{i}" for i in known), strict=True))
        wrong = [i for i, votes in known.items() if getattr(stored[i], "votes", 0) < votes]
        assert len(wrong) <= 16
        assert again.verify().ok


# -- forks and the interpreter's lock -----------------------------------------------------

FORKS = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np
from tv5core import Catalog, CatalogError

def vector(i):
    return np.random.default_rng(i).standard_normal(16).astype(np.float32)

path, stop, errors = sys.argv[1], threading.Event(), []

def search(catalog):
    try:
        while not stop.is_set():
            assert catalog.search(vector(33), 1)[0].id == "id33"
    except BaseException as error:
        errors.append(error)

with Catalog.open(path) as writer, Catalog.open(path, read_only=True) as reader:
    threads = [threading.Thread(target=search, args=(c,)) for c in (writer, reader, reader)]
    for thread in threads:
        thread.start()
    for round in range(8):
        child = os.fork()
        if child == 0:
            try:
                for _ in range(20):
                    assert reader.search(vector(33), 1)[0].id == "id33"
                assert reader.get("id7").title == "Film 7"
                try:
                    writer.delete("id7")
                except CatalogError as error:
                    assert "child" in str(error), error
                else:
                    raise AssertionError("a child wrote")
                # A child of the child, too.
                if os.fork() == 0:
                    os._exit(0 if reader.search(vector(5), 1)[0].id == "id5" else 1)
                assert os.wait()[1] == 0
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        writer.add([writer.get("id7")], [vector(7)])
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert writer.verify().ok
    # Children that end without closing leave places like killed processes do.
    writer._store.environment.check_readers()
    assert writer._store.environment.check_readers() == 0
print("sound")
"""


def test_forking_while_threads_search(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        fill(catalog, 0, 60)
        catalog.seal()
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip() == "sound", done.stderr


def test_a_writer_gets_its_turn_beside_busy_readers(tmp_path: Path) -> None:
    """Threads that do nothing but tiny reads must not keep a writer waiting for ever."""
    with Catalog.open(tmp_path) as catalog:
        fill(catalog, 0, 60)
        crowd = Crowd()
        crowd.start("get", lambda _: catalog.get("id7"), 4)
        for i in range(40):
            fill(catalog, 100 + i, 101 + i)
        crowd.finish()
        assert catalog.count() == 100
