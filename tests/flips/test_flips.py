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


def sample(size: int, count: int, seed: int) -> list[Flip]:
    """Choose flips of whole nodes of all pages, more of them where pages begin."""
    chance = random.Random(seed)
    heads = [4096 * chance.randrange(size // 4096) + chance.randrange(160) for _ in range(count)]
    bodies = [chance.randrange(size) for _ in range(count)]
    return [Flip(byte, chance.randrange(8)) for byte in heads + bodies]


@pytest.mark.parametrize("writing", [False, True])
def test_no_flip_gives_a_wrong_answer(tmp_path: Path, writing: bool) -> None:
    totals = scan.run(tmp_path, lambda size: sample(size, 60, 5), writing=writing)
    assert totals.violations == []
    assert totals.flips == 120
    assert totals.outcomes["detected"] > 5
    assert totals.outcomes["refused"] > 2


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
    flips = [Flip(-1, 0)] * 3  # the last byte, which means nothing
    totals = scan.run(tmp_path, lambda _: flips, writing=False)
    assert set(totals.outcomes) <= {*scan.VIOLATIONS, "harmless"}
    assert totals.outcomes["foreign exception"]
    assert totals.outcomes["signal"]
