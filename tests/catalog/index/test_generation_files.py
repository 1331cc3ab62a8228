"""Damaged, lost and left-over files of generations."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalog.generations import PRESENT, check, vector
from tv5core.catalog import Catalog


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def swap_in_another(path: Path) -> None:
    """A sound file of ours, but not the one recorded."""
    older = path.with_name(path.name.replace("2", "1"))
    path.write_bytes(older.read_bytes())


DAMAGE: list[Callable[[Path], None]] = [
    flip,
    truncate,
    Path.unlink,
    lambda path: path.write_bytes(b""),
    swap_in_another,
]


@pytest.mark.parametrize("part", ["graph", "rows"])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_generation(
    sealed: Path, part: str, damage: Callable[[Path], None], read_only: bool
) -> None:
    damage(sealed / f"{part}.000002.tv5")
    with Catalog.open(sealed, read_only=read_only) as catalog:
        info = catalog.info()
        assert info["generation"] == 1
        assert "generation 2 cannot be used" in info["recovered"][0]
        check_open(catalog, read_only)
    if not read_only:
        with Catalog.open(sealed) as catalog:
            assert catalog.info()["recovered"] == []
            catalog.seal()
            assert catalog.info()["generation"] == 3
            check(catalog, PRESENT)


def check_open(catalog: Catalog, read_only: bool) -> None:
    if not read_only:
        check(catalog, PRESENT)
        return
    assert set(catalog.ids()) == {f"id{i}" for i in PRESENT}
    assert catalog.search(vector(85), 1)[0].id == "id85"
    assert not catalog.verify().ok  # the damaged file is still there


@pytest.mark.parametrize("read_only", [False, True])
def test_both_generations_damaged(sealed: Path, read_only: bool) -> None:
    flip(sealed / "graph.000001.tv5")
    truncate(sealed / "rows.000002.tv5")
    with Catalog.open(sealed, read_only=read_only) as catalog:
        info = catalog.info()
        assert (info["generation"], info["live"]) == (0, 88)
        assert "rebuilt from the stored vectors" in info["recovered"][-1]
        check_open(catalog, read_only)


def test_many_random_flips_never_lose_nor_crash(sealed: Path) -> None:
    chance = random.Random(0)
    originals = {p: p.read_bytes() for p in sealed.glob("*.tv5")}
    for _ in range(25):
        for path, data in originals.items():
            damaged = bytearray(data)
            if chance.random() < 0.6:
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
        with Catalog.open(sealed, read_only=True) as catalog:
            assert len(catalog.search(vector(3), 88)) == 88
            assert catalog.search(vector(33), 1)[0].id == "id33"


def test_left_overs_are_removed_and_the_rest_left_alone(sealed: Path) -> None:
    ours = ["graph.000009.tv5", "rows.000003.tv5.tmp", "lsa.000001.tv5"]
    for name in [*ours, "notes.txt"]:
        (sealed / name).write_bytes(b"x")
    (sealed / ".sealing-abc").mkdir()
    (sealed / ".sealing-abc" / "rows").write_bytes(b"x")
    with Catalog.open(sealed, read_only=True):
        assert (sealed / ours[0]).exists()  # a reader removes nothing
    with Catalog.open(sealed) as catalog:
        check(catalog, PRESENT)
    names = {p.name for p in sealed.iterdir()}
    assert not names & {*ours, ".sealing-abc"}
    assert "notes.txt" in names
