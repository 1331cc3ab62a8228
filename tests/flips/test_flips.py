"""A sample of flipped bits; ``python -m tests.flips`` flips one of every byte."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.flips import scan, subject
from tests.flips.scan import Flip
from tv5core import Catalog


def sample(sound: Path, count: int, seed: int) -> list[Flip]:
    """Choose flips of whole nodes of all pages, more of them where pages begin."""
    chance, size = random.Random(seed), (sound / "data.mdb").stat().st_size
    heads = [4096 * chance.randrange(size // 4096) + chance.randrange(160) for _ in range(count)]
    bodies = [chance.randrange(size) for _ in range(count)]
    return [Flip(byte, chance.randrange(8)) for byte in heads + bodies]


@pytest.mark.parametrize("writing", [False, True])
def test_no_flip_gives_a_wrong_answer(tmp_path: Path, writing: bool) -> None:
    totals = scan.run(tmp_path, lambda sound: sample(sound, 45, 5), writing=writing)
    assert totals.violations == []
    assert totals.flips == 90
    assert totals.outcomes["detected"] > 5
    assert totals.outcomes["refused"] > 2


def test_a_flip_in_a_file_of_the_second_space_is_detected(tmp_path: Path) -> None:
    def in_each(sound: Path) -> list[Flip]:
        chance, names = random.Random(6), subject.second_files(sound)
        assert {name.split(".")[0] for name in names} == {"graph", "rows"}
        sizes = [(sound / name).stat().st_size for name in names]
        pairs = zip(names * 6, sizes * 6, strict=True)
        return [Flip(chance.randrange(size), chance.randrange(8), name) for name, size in pairs]

    totals = scan.run(tmp_path, in_each, writing=False)
    assert totals.violations == []
    assert totals.outcomes["detected"] >= totals.flips - 2  # padding between sections
    assert totals.flips >= 12


def test_the_scan_sees_a_wrong_answer_a_foreign_exception_and_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def answers(catalog: Catalog) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 4:  # of the child: the first two of the flip before were answered well
            raise KeyError("foreign")
        if asked == 6:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        return {"asked": asked >= 2}

    monkeypatch.setattr(subject, "answers", answers)
    flips = [Flip(0, 0, "writer.lock")] * 3  # which mean nothing
    totals = scan.run(tmp_path, lambda _: flips, writing=False)
    assert set(totals.outcomes) <= {*scan.VIOLATIONS, "harmless"}
    assert totals.outcomes["foreign exception"]
    assert totals.outcomes["signal"]
