"""Short forms of the crash harness; ``python -m tests.crash`` does any number of rounds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tv5core
from tests.crash import checking, faults, model, publishing, shim, worker
from tests.crash.model import Op, State
from tv5core.catalog import Catalog
from tv5core.embedding import LsaEmbedder
from tv5core.errors import DiskFullError

pytestmark = pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "can run")

ROOT = Path(__file__).parents[2]
GIVEN = model.Kind(False, "cosine", "int8")


def harness(*arguments: str) -> dict[str, Any]:
    """Run the harness as users do, away from the checkout."""
    code = (
        f"import sys; sys.path.append({str(ROOT)!r}); "
        "from tests.crash.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures["violations"] == 0, figures["violations listed"]
    assert done.returncode == 0, done.stderr
    return figures


def test_fifty_rounds() -> None:
    figures = harness("--rounds", "50", "--each", "13", "--seed", "11")
    assert figures["rounds"] == 50
    assert figures["acknowledged writes"] > 50
    assert figures["damage detected"] == figures["files damaged"] > 5
    assert figures["recall@10 worst"] >= 0.9
    assert set(figures["kills"]) == {"failpoint", "file", "power", "signal", "time"}
    assert figures["writes dropped"] > 3
    assert sum(figures["bits flipped"].values()) > 3


def test_some_publications() -> None:
    figures = harness("--publish", "--rounds", "12", "--seed", "3")
    assert figures["rounds"] == 12
    assert sum(figures["killed"].values()) >= 12


def test_some_faults() -> None:
    figures = harness("--faults", "--some", "40", "--seed", "5")
    assert 30 <= figures["faults injected"] <= 40
    assert figures["errors raised"]["DiskFullError"] > 2
    assert figures["errors raised"]["DiskFailureError"] > 2


def test_every_failpoint_is_known() -> None:
    source = "\n".join(p.read_text("utf-8") for p in Path(tv5core.__file__).parent.rglob("*.py"))
    named = set(re.findall(r'failpoint\(\s*"([^"]+)"', source))
    # Those of a vector database are of a server beside: tests/catalog/collections/test_faults.py.
    beside = {"outbox: applied", "outbox: recorded"}
    assert named == {*worker.FAILPOINTS, *publishing.FAILPOINTS, *beside}


# -- the harness itself sees what it must -------------------------------------------------


def test_a_cut_call_leaves_whole_transactions() -> None:
    items = tuple((f"t:{n}:a", 1) for n in range(model.CHUNK + 4))
    states = model.outcomes(State(), Op("add", items), GIVEN)
    assert [len(state.titles) for state in states] == [0, model.CHUNK, model.CHUNK + 4]
    gone = model.outcomes(states[-1], Op("delete", ids=tuple(n for n, _ in items)), GIVEN)
    assert [len(state.titles) for state in gone] == [model.CHUNK + 4, 4, 0]


LOSSES = {
    # What is lost or spoiled in the store behind the back of a catalogue that is closed.
    "title": "txn.raw.delete((3).to_bytes(8), db=txn.dbs.titles)",
    "alias": 'txn.raw.delete(b"imdb:tt0000001", db=txn.dbs.derived["aliases"])',
    "vector": "embeddings.delete(txn, 0, 3)",
    "other vector": "embeddings.put(txn, 0, 3, model.vector('t:99:a', 1))",
    "stray vector": "embeddings.put(txn, 0, 90, model.vector('t:99:a', 1))",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_check_sees_a_loss(loss: str, tmp_path: Path) -> None:
    from tv5core.store import embeddings

    state = State()
    op = Op("add", tuple((name, 0) for n in range(10) for name in model.pair(n)))
    with worker.open_catalog(tmp_path, GIVEN) as catalog:
        worker.perform(catalog, op, GIVEN)
        state = model.apply(state, op, GIVEN)
        catalog.seal()
    sound = checking.check(tmp_path, GIVEN, [state], seed=1, damaged=False)
    assert sound["violations"] == []
    with worker.open_catalog(tmp_path, GIVEN) as catalog:
        scope = {"embeddings": embeddings, "model": model}
        catalog._store.environment.write(lambda txn: eval(LOSSES[loss], {**scope, "txn": txn}))
    found = checking.check(tmp_path, GIVEN, [state], seed=1, damaged=False)
    assert found["violations"]


def test_the_check_compares_vectors_of_one_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, state = model.Kind(True, "cosine", "int8"), State()
    with worker.open_catalog(tmp_path, kind) as catalog:
        monkeypatch.setattr(
            catalog._manager.background, "start", lambda *_: None
        )  # a fit stays due
        for numbers in (range(2), range(2, 37)):
            op = Op("add", tuple((name, 0) for n in numbers for name in model.pair(n)))
            worker.perform(catalog, op, kind)
            state = model.apply(state, op, kind)
        assert catalog._text.fitting.is_due()
    verified = checking._check_verified

    def later(catalog: Catalog, *rest: Any) -> list[str]:
        catalog.wait()  # the fit that opening began ends after the contents were read
        return verified(catalog, *rest)

    monkeypatch.setattr(checking, "_check_verified", later)
    assert checking.check(tmp_path, kind, [state], seed=1, damaged=False)["violations"] == []


def test_titles_wait_where_an_addition_reports_that_its_fit_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shim, "disarm", lambda: None)  # not under the shim here
    run = faults.Run(tmp_path, model.Kind(True, "cosine", "int8"), None)
    names = tuple(name for n in range(6) for name in model.pair(n))
    add = Op("add", tuple((name, 0) for name in names))
    with monkeypatch.context() as patched:
        patched.setattr(LsaEmbedder, "fit", _without_room)
        assert not run._attempt(Op("open"))
        assert not run._attempt(add)
        assert run.state.pending == set(names)
        assert run._attempt(Op("seal"))
        assert run.violations == []
        run._lift(add)
        run._attempt(add)
        assert "fitting fails with the fault gone" in run.violations.pop()
    assert not run._attempt(add)
    assert run.state.pending == set()
    assert not run._attempt(Op("close"))
    found = checking.check(tmp_path, run._kind, [run.state], seed=1, damaged=False)
    assert run.violations + found["violations"] == []


def _without_room(*_: object) -> None:
    raise DiskFullError("expected room to write, got none")


def test_the_shim_traces_the_order_of_a_sealing(tmp_path: Path) -> None:
    """Files are synced before they are renamed, renames before the record names them."""
    code = f"""
import sys
sys.path.append({str(ROOT)!r})
from tests.crash import shim, worker, model
from tests.crash.model import Kind, Op
from pathlib import Path
kind = Kind(False, "cosine", "int8")
with worker.open_catalog(Path(sys.argv[1]), kind) as catalog:
    worker.perform(catalog, Op("add", tuple((f"t:{{n}}:a", 0) for n in range(12))), kind)
    shim.arm(sys.argv[1])
    catalog.seal()
    for op, path in shim.trace():
        print(op, path.removeprefix(sys.argv[1]).lstrip("/") or "folder")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=shim.environment(),
    )
    steps = [line for line in done.stdout.splitlines() if ".sealing" not in line]
    steps = [s for n, s in enumerate(steps) if not n or steps[n - 1] != s]  # runs of writes
    at = {step: n for n, step in enumerate(steps)}
    for name in ("graph", "rows"):
        new = f"{name}.000001.tv5"
        assert at[f"write {new}.tmp"] < at[f"fsync {new}.tmp"] < at[f"rename {new}"]
        assert steps[at[f"rename {new}"] + 1] == "fsync folder"
    record = [n for n, s in enumerate(steps) if s == "fsync data.mdb"]
    renamed = max(at["rename graph.000001.tv5"], at["rename rows.000001.tv5"])
    assert record
    assert all(n > renamed for n in record)
