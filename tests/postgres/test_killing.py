"""One round of each kind of ``python -m tests.postgres``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.killing import KINDS, Killing


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    folder: Path = tmp_path_factory.mktemp("killing")
    made = Killing(folder, random.Random(1))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_whatever_is_killed(killing: Killing, kind: str) -> None:
    shown = killing.round(kind)
    assert shown.writes
    assert shown.wrong == 0, shown
