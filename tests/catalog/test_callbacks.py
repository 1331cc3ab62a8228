"""Foreign code within an operation: what it may do, and that nothing hangs whatever it does."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tv5core import Catalog, CatalogError, Title
from tv5core.errors import ClosedError
from tv5core.store import environment as module

WAIT_S = 30
ROWS = np.random.default_rng(0).standard_normal((1_000, 16)).astype(np.float32)


def some_titles(start: int, count: int, text: str = "") -> list[Title]:
    return [Title(f"t:{i}", "movie", f"T{i}", overview=text) for i in range(start, start + count)]


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    monkeypatch.setattr(module, "INITIAL_MAP_BYTES", 1 << 18)
    with Catalog.open(tmp_path / "c", embedder=None) as opened:
        opened.add(some_titles(0, 300), ROWS[:300])
        yield opened


def in_time(work: Callable[[], object]) -> list[object]:
    """Run in a thread; return what it returns or raises."""
    out: list[object] = []

    def run() -> None:
        try:
            out.append(work())
        except Exception as error:
            out.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(WAIT_S)
    assert out, "it hangs"
    return out


def fork(use: Callable[[], object]) -> int:
    """Run something in a child; its status is 0 where that works, 1 for a CatalogError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            use()
        except CatalogError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def grow(catalog: Catalog) -> None:
    for start in range(10_000, 14_000, 1_000):
        catalog.add(some_titles(start, 1_000, "x" * 1_000), ROWS)


# -- within an export, which is one transaction -------------------------------------------


def test_growing_from_within_an_export_is_refused(catalog: Catalog) -> None:
    (error,) = in_time(lambda: catalog.export_lines(lambda _: grow(catalog)))
    assert isinstance(error, CatalogError)
    assert "another thread" in str(error)
    grow(catalog)  # afterwards it works
    assert len(catalog) >= 4_300


def test_reading_from_within_an_export_works_while_others_wait_to_grow(catalog: Catalog) -> None:
    first, go_on = threading.Event(), threading.Event()

    def slow(_: bytes) -> None:
        first.set()
        go_on.wait(WAIT_S)

    def reading(_: bytes) -> None:
        assert catalog.get("t:5").id == "t:5"
        assert len(catalog.search(ROWS[0], 3)) == 3

    exporting = threading.Thread(target=catalog.export_lines, args=(slow,), daemon=True)
    exporting.start()
    first.wait(WAIT_S)
    growing = threading.Thread(target=grow, args=(catalog,), daemon=True)
    growing.start()
    while catalog._store.environment._gate._owner is None:
        assert growing.is_alive()
    assert in_time(lambda: catalog.export_lines(reading)) == [300]
    go_on.set()
    growing.join(WAIT_S)
    exporting.join(WAIT_S)
    assert len(catalog) == 4_300


def test_a_change_from_within_an_export_never_waits_for_who_waits_for_it(catalog: Catalog) -> None:
    growing: list[threading.Thread] = []

    def sink(_: bytes) -> None:
        if not growing:
            growing.append(threading.Thread(target=grow, args=(catalog,), daemon=True))
            growing[0].start()
            while catalog._store.environment._gate._owner is None:
                assert growing[0].is_alive()
            catalog.delete("t:1")

    (error,) = in_time(lambda: catalog.export_lines(sink))
    assert isinstance(error, CatalogError)
    growing[0].join(WAIT_S)
    assert len(catalog) == 4_300


def test_a_fork_from_within_an_export(catalog: Catalog) -> None:
    with Catalog.open(catalog._store.folder, read_only=True) as reader:
        statuses: list[int] = []

        def sink(_: bytes) -> None:
            if len(statuses) < 2:
                statuses.append(fork(lambda: reader.get("t:5")))

        assert in_time(lambda: reader.export_lines(sink)) == [300]
        assert statuses == [1, 1]  # at once, and politely
        assert fork(lambda: reader.get("t:5")) == 0
        assert reader.get("t:5").id == "t:5"
        assert catalog.verify().ok


# -- within a backup ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fork", "grow"])
def test_from_within_a_backup_it_works(catalog: Catalog, tmp_path: Path, how: str) -> None:
    calls: list[int] = []

    def progress(*_: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            if how == "fork":
                assert fork(lambda: None) == 0
            else:
                grow(catalog)

    (report,) = in_time(lambda: catalog.backup(tmp_path / "b", check=False, progress=progress))
    assert not isinstance(report, Exception), report
    with Catalog.open(tmp_path / "b", read_only=True) as copy:
        assert len(copy) >= 300
        assert copy.verify().ok


# -- within a sealing ---------------------------------------------------------------------


@pytest.mark.parametrize("call", ["seal", "optimize"])
def test_a_sealing_from_within_a_sealing_is_refused(catalog: Catalog, call: str) -> None:
    (error,) = in_time(lambda: catalog.seal(lambda *_: getattr(catalog, call)() and None))
    assert isinstance(error, CatalogError)
    assert "another thread" in str(error)
    catalog.seal()


# -- everything at once -------------------------------------------------------------------


class Alarm(Exception):  # noqa: N818
    """Raised out of a signal handler."""


def ring(*_: object) -> None:
    raise Alarm


def interrupted(work: Callable[[], object]) -> None:
    """Run something that an alarm cuts short, mostly."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 3e-3))
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Alarm:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def use(catalog: Catalog, reader: Catalog) -> None:
    for i in range(20):
        assert reader.get(f"t:{i}").id == f"t:{i}"
        catalog.search(ROWS[i], 3)
    catalog.add(some_titles(0, 2), ROWS[:2])


def test_callbacks_forks_growth_and_interrupts_together(  # noqa: C901 - one crowd
    catalog: Catalog, tmp_path: Path
) -> None:
    reader = Catalog.open(tmp_path / "c", read_only=True)
    stop, errors = threading.Event(), list[BaseException]()

    def forever(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                while not stop.is_set():
                    work()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def sink(_: bytes) -> None:
        if random.random() < 0.02:
            reader.get("t:7")

    added = iter(range(20_000, 1_000_000, 100))

    def add() -> None:
        catalog.add(some_titles(next(added), 100, "y" * 500), ROWS[:100])

    threads = [
        forever(lambda: reader.export_lines(sink)),
        forever(lambda: catalog.search(ROWS[3], 5)),
        forever(add),
    ]

    before, end = signal.signal(signal.SIGALRM, ring), time.monotonic() + 4
    try:
        while time.monotonic() < end:
            interrupted(lambda: use(catalog, reader))
            if random.random() < 0.02:
                assert fork(lambda: reader.get("t:9")) in {0, 1}
    finally:
        signal.signal(signal.SIGALRM, before)
        stop.set()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert not errors, errors
    assert catalog.verify().ok
    assert len(reader) == len(catalog)
    assert in_time(reader.close) == [None]


# -- close from within a report of progress ------------------------------------------------


def closing_at(catalog: Catalog, at: int) -> tuple[Callable[[int, int, str], None], list[str]]:
    """Return a progress function that closes at a report, and what came after."""
    seen: list[str] = []

    def report(done: int, total: int, stage: str) -> None:
        seen.append(stage)
        if len(seen) == at:
            catalog.close()

    return report, seen


@pytest.mark.parametrize("work", ["seal", "optimize", "verify", "backup"])
@pytest.mark.parametrize("at", [1, 2, 4, 7])
def test_closing_from_within_a_report_ends_the_work(tmp_path: Path, work: str, at: int) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, auto_seal=False) as catalog:
        catalog.add(some_titles(0, 300), ROWS[:300])
        catalog.delete([f"t:{i}" for i in range(20)])
        report, seen = closing_at(catalog, at)
        if work == "backup":
            (error,) = in_time(lambda: catalog.backup(tmp_path / "copy", progress=report))
        else:
            (error,) = in_time(lambda: getattr(catalog, work)(report))
        assert isinstance(error, ClosedError), error
        assert len(seen) == at  # nothing was reported afterwards
    assert not (tmp_path / "copy").exists()
    with Catalog.open(tmp_path / "c", embedder=None, auto_seal=False) as catalog:
        assert catalog.verify().ok
        assert len(catalog) == 280


def test_closing_from_within_an_export_is_refused_and_works_afterwards(catalog: Catalog) -> None:
    (error,) = in_time(lambda: catalog.export_lines(lambda _: catalog.close()))
    assert isinstance(error, CatalogError)
    assert "afterwards" in str(error)
    assert in_time(catalog.close) == [None]


def test_a_child_forked_from_within_an_export_says_what_it_cannot(catalog: Catalog) -> None:
    """Its callback goes on in the child, too, whose transaction is the parent's."""
    statuses: list[int] = []

    def write(line: bytes) -> None:
        if not statuses:
            statuses.append(-1)
            statuses.append(fork(lambda: catalog.get("t:5")))

    assert catalog.export_lines(write) == 300
    assert statuses == [-1, 1]
    assert catalog.get("t:5").id == "t:5"


def count_of(copy: Path) -> int:
    """Count the titles of a copy of any kind."""
    if copy.suffix in {".jsonl", ".csv"}:
        return len(copy.read_bytes().splitlines()) - (copy.suffix == ".csv")
    if copy.suffix == ".parquet":
        return int(parquet.read_table(copy).num_rows)
    Catalog.restore(copy, copy.with_name("restored"))
    with Catalog.open(copy.with_name("restored"), embedder=None) as restored:
        return len(restored)


@pytest.mark.parametrize("name", ["copy", "copy.jsonl", "copy.csv", "copy.parquet", "backup"])
def test_a_child_forked_from_within_a_report_leaves_the_files_to_its_parent(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The callback returns in the child, too, whose files are the parent's."""
    monkeypatch.setattr("tv5core.catalog.copies.table_files._STEP", 100)
    child = -1

    def report(*_: object) -> None:
        nonlocal child
        if child < 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child:  # so that all the child does comes first
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1

    def work() -> object:
        if name == "backup":
            return catalog.backup(tmp_path / name, progress=report)
        return catalog.export(tmp_path / name, report)

    try:
        done = work()
    except CatalogError as error:
        if child:
            raise
        os._exit(1 if "forked child" in str(error) else 2)
    finally:
        if child == 0:
            os._exit(3)
    assert done.titles == 300
    assert count_of(tmp_path / name) == 300
    assert not list(tmp_path.glob("*.partial"))
    catalog.delete("t:1")  # and the lock is still held
