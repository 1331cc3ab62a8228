"""What the catalogue promises when processes die, files rot and several processes share it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.catalog.generations import PRESENT, check, fill, vector
from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.store import embeddings

# -- killed -------------------------------------------------------------------------------

WORKER = """
import sys
import numpy as np
from tv5core.catalog import Catalog
from tv5core.types import Title

def vector(i):
    return np.random.default_rng(i).standard_normal(16).astype(np.float32)

with Catalog.open(sys.argv[1]) as catalog:
    at = int(sys.argv[2])
    print("ready", flush=True)
    while True:
        some = range(at, at + 40)
        print("adding", at, flush=True)
        catalog.add([Title(f"id{i}", "movie", f"Film {i}", year=2000) for i in some],
                    [vector(i) for i in some])
        print("added", at, flush=True)
        print("deleting", at, flush=True)
        catalog.delete([f"id{i}" for i in range(at, at + 4)])
        print("deleted", at, flush=True)
        if at % 80 == 0:
            catalog.seal()
        at += 40
"""


def run_and_kill(path: Path, start: int, after_s: float) -> list[list[str]]:
    """Let a worker add, delete and seal, kill it, and return what it said."""
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), str(start)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(after_s)
        os.kill(child.pid, signal.SIGKILL)
        return [line.split() for line in child.stdout.read().splitlines()]


def test_killed_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(5)
    sure: set[int] = set()
    start = 0
    for _ in range(5):
        said = run_and_kill(tmp_path, start, chance.uniform(0.02, 0.4))
        for what, at in said:
            if what == "added":
                sure |= set(range(int(at), int(at) + 40))
            elif what == "deleted":
                sure -= set(range(int(at), int(at) + 4))
        with Catalog.open(tmp_path) as catalog:
            if said and said[-1][0] in {"adding", "deleting"}:
                # Not acknowledged: it may have happened, but then wholly.
                at = int(said[-1][1])
                changed = set(range(at, at + (40 if said[-1][0] == "adding" else 4)))
                present = {i for i in changed if f"id{i}" in catalog}
                assert present in (set(), changed)
                sure = sure - changed | present
            check(catalog, sure)
            assert catalog.info()["recovered"] == []
            names = {p.name for p in tmp_path.iterdir()}
            assert not [n for n in names if n.endswith(".tmp") or n.startswith(".sealing")]
        start = max([start, *(int(at) + 40 for _, at in said)])
        start += -start % 80


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.95])
def test_the_store_itself_cut_short(sealed: Path, keep: float, read_only: bool) -> None:
    path = sealed / "data.mdb"
    os.truncate(path, int(path.stat().st_size * keep))
    with pytest.raises(errors.CorruptFileError, match=r"data\.mdb"):
        Catalog.open(sealed, read_only=read_only)
    if not read_only:  # and the lock was given back
        with pytest.raises(errors.CorruptFileError):
            Catalog.open(sealed)


def test_vectors_of_an_abandoned_space_are_removed(sealed: Path) -> None:
    with Catalog.open(sealed) as catalog:
        env = catalog._store.environment
        env.write(lambda txn: embeddings.put(txn, 7, 3, vector(3)))
    with Catalog.open(sealed) as catalog:
        with catalog._store.read() as txn:
            assert not embeddings.has_other_spaces(txn, (0,))
        check(catalog, PRESENT)


def test_a_change_that_was_committed_but_not_indexed(sealed: Path) -> None:
    """As after an exception between the commit and the index: the next search catches up."""
    with Catalog.open(sealed) as catalog:
        index = catalog._manager.served.index
        assert index is not None
        real = index.add
        index.add = None  # type: ignore[assignment, method-assign]
        with pytest.raises(TypeError):
            fill(catalog, 90, 95)
        index.add = real  # type: ignore[method-assign]
        check(catalog, PRESENT | set(range(90, 95)))


def test_an_interrupt_between_commit_and_index(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog.open(sealed) as catalog:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(catalog._manager, "apply", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fill(catalog, 90, 95)
        monkeypatch.undo()
        fill(catalog, 95, 96)  # the next change brings the index up to date
        check(catalog, PRESENT | set(range(90, 96)))


# -- several processes --------------------------------------------------------------------

READER = """
import sys
import numpy as np
from tv5core.catalog import Catalog
with Catalog.open(sys.argv[1], read_only=True) as catalog:
    print("ready", flush=True)
    for line in sys.stdin:
        i = int(line)
        vector = np.random.default_rng(i).standard_normal(16).astype(np.float32)
        hits = catalog.search(vector, 1)
        catalog._manager.wait()
        info = catalog.info()
        found = hits[0].id if hits else "-"
        print(found, catalog.count(), info["generation"], info["recovered"], flush=True)
"""


def test_a_reader_process_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv5core.store.environment.INITIAL_MAP_BYTES", 1 << 17)
    with Catalog.open(tmp_path) as catalog:
        child = subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        stdin, stdout = child.stdin, child.stdout

        def ask(i: int) -> list[str]:
            stdin.write(f"{i}\n")
            stdin.flush()
            return stdout.readline().strip().split(maxsplit=3)

        with child:
            assert stdout.readline() == "ready\n"
            assert ask(0)[:2] == ["-", "0"]
            fill(catalog, 0, 50)
            assert ask(7)[:2] == ["id7", "50"]
            catalog.seal()
            assert ask(8)[:3] == ["id8", "50", "1"]
            fill(catalog, 50, 500)  # the map grows
            assert ask(321)[:2] == ["id321", "500"]
            catalog.delete("id321")
            assert ask(321)[0] != "id321"
            for i in range(500, 504):
                fill(catalog, i, i + 1)
                catalog.seal()  # the journal and the files the reader knew are gone
            assert ask(503) == ["id503", "503", "5", "[]"]
            stdin.close()


def test_a_reader_in_the_writers_process(sealed: Path) -> None:
    with (
        Catalog.open(sealed, read_only=True) as early,
        Catalog.open(sealed) as catalog,
        Catalog.open(sealed, read_only=True) as late,
    ):
        fill(catalog, 90, 95)
        catalog.seal()
        for reader in (early, late):
            assert reader.search(vector(93), 1)[0].id == "id93"
            reader._manager.wait()
            assert reader.info()["generation"] == 3
    assert early._closed


def test_a_reader_left_behind_reopens(sealed: Path) -> None:
    with Catalog.open(sealed) as catalog, Catalog.open(sealed, read_only=True) as reader:
        for i in range(90, 95):
            fill(catalog, i, i + 1)
            catalog.seal()
        assert reader.search(vector(94), 1)[0].id == "id94"
        assert reader.info()["generation"] == 7
        check(reader, PRESENT | set(range(90, 95)))


def test_forks(sealed: Path) -> None:
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from tv5core.catalog import Catalog
from tv5core.errors import CatalogError, CatalogLockedError
path = sys.argv[1]
vector = np.random.default_rng(33).standard_normal(16).astype(np.float32)

def child_of(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

with Catalog.open(path, read_only=True) as reader:
    def read():
        assert reader.search(vector, 1)[0].id == "id33"
        assert reader.get("id33").id == "id33"
    child_of(read)
    read()
    child_of(read)

with Catalog.open(path) as writer:
    def write():
        try:
            writer.delete("id33")
        except CatalogError as error:
            assert "child" in str(error), error
        else:
            raise AssertionError
        with Catalog.open(path, read_only=True) as own:
            assert own.search(vector, 1)[0].id == "id33"
        try:
            Catalog.open(path)
        except CatalogLockedError:
            pass
        else:
            raise AssertionError
    child_of(write)
    writer.delete("id33")
    assert writer.verify().ok
    # A child that outlives the writer must not keep the lock.
    grandchild = os.fork()
    if grandchild == 0:
        import time
        time.sleep(30)
        os._exit(0)
Catalog.open(path).close()
os.kill(grandchild, 9)
os.waitpid(grandchild, 0)
print("sound")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(sealed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "sound", done.stderr


def test_a_writer_killed_gives_up_its_lock(tmp_path: Path) -> None:
    run_and_kill(tmp_path, 0, 0.05)
    Catalog.open(tmp_path).close()
    with pytest.raises(errors.NotACatalogError):
        Catalog.open(tmp_path / "other", create=False)
