"""A few thousand mutations; ``python -m tests.fuzz`` does any number."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.mutate import put_together, rows_of, spoil_inside, take_apart
from tests.fuzz.targets import Sealed
from tv5core.errors import CorruptFileError
from tv5core.vectors import VectorIndex


def test_a_few_thousand_mutations() -> None:
    workers = fuzz.Workers(seed=3, mutations=3_000, count=2)
    workers.run()
    assert workers.failures == []
    assert sum(workers.outcomes.values()) == 3_000
    reached = {name for name, _ in workers.outcomes}
    assert len(reached) == 17, reached


def _crashes(_: random.Random) -> str:
    import os
    import signal

    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest's tells about every crash
    os.kill(os.getpid(), signal.SIGSEGV)
    return ""


def _is_silent(chance: random.Random) -> str:
    if chance.random() < 0.5:
        raise fuzz.SilentError("taken for sound")
    return "refused"


def test_what_crashes_or_is_silent_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = {"crashes": (1, _crashes), "is silent": (9, _is_silent)}
    monkeypatch.setattr(fuzz, "all_targets", lambda folder: targets)
    workers = fuzz.Workers(seed=1, mutations=60, count=2)
    workers.run()
    figures = fuzz._figures(workers, 1.0)
    assert figures["crashes"] >= 1
    assert figures["silent"] >= 10
    assert figures["mutations"] == 60


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return Sealed(tmp_path_factory.mktemp("sealed"), "int8")


def test_taking_apart_and_putting_together(sealed: Sealed) -> None:
    for data in sealed.data:
        identity, header, parts = take_apart(data)
        assert put_together(identity, header.meta, rows_of(header), parts) == data
        chance = random.Random(1)
        assert len({spoil_inside(data, chance) for _ in range(50)}) > 40


def _other_keys(parts: dict[str, bytes]) -> None:
    keys = np.frombuffer(parts["keys"], "<i8").copy()
    keys[3] = keys[4]
    parts["keys"] = keys.tobytes()


def _other_order(parts: dict[str, bytes]) -> None:
    order = np.frombuffer(parts["by_key"], "<u4").copy()
    order[[0, 1]] = order[[1, 0]]
    parts["by_key"] = order.tobytes()


def _row_past_the_end(parts: dict[str, bytes]) -> None:
    order = np.frombuffer(parts["by_key"], "<u4").copy()
    order[5] = len(order)
    parts["by_key"] = order.tobytes()


@pytest.mark.parametrize("change", [_other_keys, _other_order, _row_past_the_end])
def test_sections_against_themselves(sealed: Sealed, change: Any, tmp_path: Path) -> None:
    identity, header, parts = take_apart(sealed.data[0])
    change(parts)
    spoiled = tmp_path / "graph"
    spoiled.write_bytes(put_together(identity, header.meta, rows_of(header), parts))
    with pytest.raises(CorruptFileError, match="expected"):
        VectorIndex.open_files(spoiled, sealed.paths[1])


@pytest.mark.parametrize(
    ("which", "name", "dtype"),
    [
        (0, "center", "<i4"),
        (0, "keys", "<f8"),
        (0, "by_key", "<i4"),
        (1, "factors", "<i4"),
        (1, "values", "<i4"),
    ],
)
def test_sections_of_other_types(
    sealed: Sealed, which: int, name: str, dtype: str, tmp_path: Path
) -> None:
    identity, header, parts = take_apart(sealed.data[which])
    rows = [[n, o, dtype if n == name else d, *r] for n, o, d, *r in rows_of(header)]
    spoiled = tmp_path / "spoiled"
    spoiled.write_bytes(put_together(identity, header.meta, rows, parts))
    paths = [*sealed.paths]
    paths[which] = spoiled
    with pytest.raises(CorruptFileError, match=name):
        VectorIndex.open_files(*paths)
