"""What a catalogue does on a failing disk; run under the shim by ``test_failing_disk.py``.

    python failing_disk.py SHIM.PY FOLDER SCENE OPERATION NTH ERROR

It prints "sound" at the end, and a traceback where something does not hold.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import Catalog, Title
from tv5core.errors import DiskFailureError, DiskFullError


def load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("shim", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shim = load(sys.argv[1])
folder, scene, operation = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
nth, code = int(sys.argv[5]), getattr(shim, sys.argv[6])
operations = {name: op for op, name in shim.NAMES.items()}


def vector(i: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(i).standard_normal(16).astype(np.float32)


def fill(catalog: Catalog, start: int, stop: int) -> None:
    some = range(start, stop)
    catalog.add([Title(f"id{i}", "movie", f"Film {i}") for i in some], [vector(i) for i in some])


def found(catalog: Catalog, i: int) -> bool:
    hits = catalog.search(vector(i), 1, exact=True)
    assert catalog.get("id3").title == "Film 3"
    return f"id{i}" in catalog and hits[0].id == f"id{i}"


def raises(kind: type[Exception], work: Any, *arguments: Any) -> str:
    try:
        work(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError(f"expected {kind.__name__}")


def check(catalog: Catalog, sure: set[int]) -> set[int]:
    """Acknowledged ids are present; ids 90 to 94, whose addition failed, all or none."""
    late = {i for i in range(90, 95) if found(catalog, i)}
    assert late in (set(), set(range(90, 95))), late
    assert all(found(catalog, i) for i in sure)
    assert {int(name[2:]) for name in catalog.ids()} == sure | late
    report = catalog.verify()
    assert report.ok, report.problems
    return sure | late


def fail(where: str) -> None:
    shim.arm(where, nth, shim.FAIL, ops=operations[operation], error=code)


def io_error(catalog: Catalog) -> None:
    """Nothing more is written, reads still succeed, and reopening recovers."""
    sure = set(range(90))
    with Catalog.open(folder, read_only=True) as beside:
        fail("data.mdb")
        assert "Input/output" in raises(DiskFailureError, fill, catalog, 90, 95)
        assert shim.fired() == 1
        shim.disarm()  # from here on the disk would take everything, as real ones do
        shim.arm("/")
        for work in (
            lambda: fill(catalog, 100, 101),
            lambda: catalog.delete("id3"),
            catalog.seal,
            lambda: catalog.calibrate(np.stack([vector(3)])),
            lambda: catalog.clear_checkpoints(""),
        ):
            assert "opened again" in raises(DiskFailureError, work)
        written = [s for s in shim.trace() if "lock.mdb" not in s.path]
        assert not written, written
        for handle in (catalog, beside):
            check(handle, sure)
        assert "Input/output" in catalog.info()["failure"]
        catalog.close()
        # A reader of this process keeps LMDB open meanwhile.
        with Catalog.open(folder) as again:
            assert again.info()["failure"] == ""
            sure = check(again, sure)
            fill(again, 200, 210)
            again.seal()
            check(again, sure | set(range(200, 210)))
        assert found(beside, 205)


def full(catalog: Catalog) -> None:
    """Reads succeed, and writes do as soon as there is room, without reopening."""
    sure = set(range(90))
    fail("data.mdb")
    raises(DiskFullError, fill, catalog, 90, 95)
    assert shim.fired() == 1
    shim.disarm()
    assert catalog.info()["failure"] == ""
    sure = check(catalog, sure)
    fill(catalog, 200, 210)
    catalog.delete("id5")
    sure = (sure | set(range(200, 210))) - {5}
    check(catalog, sure)
    catalog.close()
    with Catalog.open(folder) as again:
        check(again, sure)


def sealing(catalog: Catalog) -> None:
    """A failed sealing leaves no file and changes no answer; additions still succeed."""
    sure = set(range(90))
    before = {p.name for p in folder.iterdir()}
    kind = DiskFullError if code == shim.ENOSPC else DiskFailureError
    fail(".tv5")
    raises(kind, catalog.seal)
    assert shim.fired() == 1
    shim.disarm()
    assert {p.name for p in folder.iterdir()} == before
    assert catalog.info()["generation"] == 1
    check(catalog, sure)
    fill(catalog, 200, 210)
    sure |= set(range(200, 210))
    catalog.seal()
    assert catalog.info()["generation"] == 2
    check(catalog, sure)


def recording(catalog: Catalog) -> None:
    """A sealing whose record fails leaves no files and changes no answer."""
    before = {p.name for p in folder.iterdir()}
    kind = DiskFullError if code == shim.ENOSPC else DiskFailureError
    fail("data.mdb")
    raises(kind, catalog.seal)
    assert shim.fired() == 1
    shim.disarm()
    assert {p.name for p in folder.iterdir()} == before
    check(catalog, set(range(90)))
    catalog.close()
    with Catalog.open(folder) as again:
        again.optimize()
        assert again.info()["generation"] == 2
        check(again, set(range(90)))


def opening_full(catalog: Catalog) -> None:
    """A writer can open a catalogue on a full disk, even one with something to repair."""
    catalog.seal()
    catalog.close()
    path = folder / "graph.000002.tv5"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    (folder / "graph.000009.tv5").write_bytes(b"left over")
    shim.arm("data.mdb", 1, shim.FAIL, ops=shim.NEEDS_ROOM, error=shim.ENOSPC, on=True)
    with Catalog.open(folder) as again:
        assert shim.fired()
        assert again.info()["generation"] == 1
        assert not (folder / "graph.000009.tv5").exists()
        assert all(found(again, i) for i in range(90))
        raises(DiskFullError, fill, again, 90, 95)
        shim.disarm()
        again.delete("id5")
        again.optimize()  # the damaged generation becomes the older of two
        again.delete("id6")
        again.optimize()
        check(again, set(range(90)) - {5, 6})


def others_read_on(catalog: Catalog) -> None:
    """Threads that search while LMDB is reopened see no error."""
    stop, errors = threading.Event(), []

    def search() -> None:
        try:
            while not stop.is_set():
                assert found(catalog, 7)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    fail("data.mdb")
    raises(DiskFailureError, fill, catalog, 90, 95)
    shim.disarm()
    threading.Event().wait(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors, errors


with Catalog.open(folder) as opened:
    fill(opened, 0, 60)
    opened.seal()
    fill(opened, 60, 90)
    globals()[scene](opened)
print("sound")
