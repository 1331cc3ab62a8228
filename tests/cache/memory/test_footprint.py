"""The estimated memory of values and dicts."""

from __future__ import annotations

import random
import sys

import msgspec
import pytest

from tv5core.cache.memory.footprint import SizedDict, SizeEstimator, footprint
from tv5core.types import Person, Title


def title(n: int, rng: random.Random) -> Title:
    """Make a title of about 3 KB as encoded, all of whose strings are its own."""
    return Title(
        id=f"tmdb:movie:{n}",
        kind="movie",
        title=f"The title of {n}",
        overview="".join(rng.choices("abcdefgh ", k=rng.randint(300, 2500))),
        keywords=tuple(f"keyword {n} {i}" for i in range(rng.randint(2, 20))),
        cast=tuple(Person(f"Person {n} {i}", f"Part {n} {i}") for i in range(rng.randint(2, 40))),
        external_ids={"imdb": f"tt{n}", "tmdb": str(n)},
        popularity=n / 7,
    )


@pytest.mark.parametrize(
    "value",
    ["", "grüße", b"abc", 7, None, (), ("a", ("b", "c")), {"a": ["x", 1.5]}, frozenset({"q"})],
)
def test_a_footprint_covers_every_part(value: object) -> None:
    def shallow(part: object) -> int:
        inner = part.items() if isinstance(part, dict) else part
        nested = isinstance(part, tuple | list | dict | frozenset)
        return sys.getsizeof(part) + (sum(map(deep, inner)) if nested else 0)

    def deep(part: object) -> int:
        # A pair that only .items() made is not there.
        if isinstance(part, tuple) and isinstance(value, dict):
            return sum(map(shallow, part))
        return shallow(part)

    assert shallow(value) <= footprint(value) <= shallow(value) + 8 * 6


def test_an_estimator_finds_the_sum_of_many_values() -> None:
    rng, estimator = random.Random(3), SizeEstimator()
    titles = [title(n, rng) for n in range(2_000)]
    sizes = [len(msgspec.msgpack.encode(value)) for value in titles]
    estimated = sum(map(estimator.estimate, ["title"] * len(titles), titles, sizes))
    assert estimated == pytest.approx(sum(map(footprint, titles)), rel=0.03)


@pytest.mark.parametrize("item_bytes", [16, 24])
def test_a_table_is_never_larger_than_charged(item_bytes: int) -> None:
    rng = random.Random(7)
    table: SizedDict[object, None] = SizedDict(item_bytes)
    charged = table.bytes
    for n in range(20_000):
        if table.items and rng.random() < (0.4 if n < 10_000 else 0.6):
            del table.items[next(iter(table.items))]
            charged -= table.shrink()
        else:
            table.items[f"{n}" if item_bytes == 16 else (n,)] = None
            charged += table.grow()
        assert sys.getsizeof(table.items) <= charged == table.bytes
    for item in list(table.items):
        del table.items[item]
        charged -= table.shrink()
    assert charged == table.bytes < 600 + 64 * 120
