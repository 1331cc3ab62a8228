"""Any rounds of change leave the answers of a fresh build; the long form is a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.changes.rounds import Mirror, fresh_build, same_answers


@pytest.mark.parametrize("seed", [1, 2])
def test_changes_then_optimize_are_a_fresh_build(tmp_path: Path, seed: int) -> None:
    mirror = Mirror(tmp_path / "grown", seed)
    for number in range(100):
        mirror.round()
        if number % 10 == 0:
            mirror.check()
    mirror.catalog.seal()
    mirror.embedded = dict.fromkeys(mirror.titles, True)
    mirror.catalog.optimize()
    with mirror.catalog, fresh_build(tmp_path / "fresh", mirror) as fresh:
        same_answers(mirror.catalog, fresh, mirror.chance, 12)
    assert {"add", "change", "delete"} <= set(mirror.done)
