"""The memory tier: bounded in bytes, and always the value that was put."""

from __future__ import annotations

import gc
import itertools
import random
import sys
import threading
import tracemalloc
import weakref

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cache.made import EPOCH_S, Clock
from tests.examples import examples
from tv5core.cache.memory.tier import MemoryTier
from tv5core.errors import InvalidInputError
from tv5core.types import Person, Title

KIB = 1 << 10


FOREVER = EPOCH_S + 1e9


def put(tier: MemoryTier, key: str, size: int = 100, kind: str = "title", **more: object) -> bool:
    """Put bytes that are their own length."""
    options: dict = {"fresh_until": FOREVER, "stale_until": FOREVER, **more}
    return tier.put(kind, key, bytes(size), size=size, **options)


def recount(tier: MemoryTier) -> tuple[int, dict[str, int]]:
    """Return bytes and entries by kind, counted from what is held."""
    nodes = [node for items in tier._items.values() for node in items.values()]
    tables = [*tier._tables.items(), *tier._tags.items()]
    taken = sum(node.cost for node in nodes) + tier._policy.ghosts.bytes
    taken += sum(table.bytes + sys.getsizeof(name) for name, table in tables)
    return taken, {kind: len(items) for kind, items in tier._items.items()}


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


@pytest.fixture
def tier(clock: Clock) -> MemoryTier:
    return MemoryTier(256 * KIB, clock=clock, timer=lambda: 0.0)


def test_what_is_put_is_got_with_all_that_was_said_of_it(tier: MemoryTier) -> None:
    value = ("a", "value")
    assert tier.put(
        "search", "q", value, size=9, fresh_until=EPOCH_S + 5, stale_until=EPOCH_S + 9,
        tags=("a", "b"), load_s=0.5, stored_at=EPOCH_S - 1, negative=True,
    )  # fmt: skip
    slot = tier.get("search", "q")
    assert slot is not None
    assert slot.value is value
    said = (slot.size, slot.fresh_until, slot.stale_until, slot.tags, slot.load_s, slot.stored_at)
    assert said == (9, EPOCH_S + 5, EPOCH_S + 9, ("a", "b"), 0.5, EPOCH_S - 1)
    assert slot.negative
    assert tier.get("title", "q") is None
    assert tier.get("search", "other") is None


def test_stale_is_returned_and_what_is_past_is_gone(tier: MemoryTier, clock: Clock) -> None:
    put(tier, "a", fresh_until=EPOCH_S + 1, stale_until=EPOCH_S + 3)
    clock.now += 2
    assert tier.get("title", "a") is not None
    clock.now += 1
    assert tier.get("title", "a") is None
    assert (len(tier), tier.evictions) == (0, {"expired": 1})
    assert not put(tier, "b", stale_until=clock.now)
    assert len(tier) == 0


def test_a_new_value_takes_the_place_of_the_old(tier: MemoryTier) -> None:
    put(tier, "a", 100, tags=("x",))
    held = tier.get("title", "a")
    put(tier, "a", 200, tags=("y",))
    assert len(tier) == 1
    slot = tier.get("title", "a")
    assert slot is not None
    assert slot.size == 200
    assert tier.delete_tag("x") == 0
    assert held is not None
    assert held.value == bytes(100), "what a caller holds stays as it was"
    assert tier.bytes == recount(tier)[0]


def test_too_large_is_not_kept_and_the_old_value_goes(tier: MemoryTier) -> None:
    assert put(tier, "a", 100)
    assert not put(tier, "a", 64 * KIB)
    assert tier.get("title", "a") is None
    assert tier.entries == 0


def test_too_small_a_cap_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected cap_bytes of at least 16384, got 1000"):
        MemoryTier(1000)


def test_delete_by_key_kind_tag_and_all(tier: MemoryTier) -> None:
    for n in range(10):
        put(tier, f"{n}", kind="title", tags=("even" if n % 2 == 0 else "odd", "all", "all"))
        put(tier, f"{n}", kind="search", tags=("all",))
    assert tier.delete("title", "3")
    assert not tier.delete("title", "3")
    assert tier.delete_tag("even") == 5
    assert tier.delete_tag("even") == 0
    assert tier.stats()["kinds"]["title"]["entries"] == 4
    assert tier.delete_kind("search") == 10
    assert tier.delete_kind("search") == 0
    assert tier.delete_tag("all") == 4
    assert len(tier) == 0
    put(tier, "a", tags=("x",))
    tier.clear()
    assert (len(tier), tier.delete_tag("x"), tier.get("title", "a")) == (0, 0, None)
    assert tier.bytes == recount(tier)[0]


def test_a_scan_does_not_push_out_what_is_asked_for(tier: MemoryTier) -> None:
    hot = [f"hot {n}" for n in range(20)]
    for key in hot:
        put(tier, key, 1000)
        tier.get("title", key)
    for n in range(5_000):
        put(tier, f"scanned once {n}", 1000)
    assert all(tier.get("title", key) for key in hot)
    assert tier.evictions["capacity"] > 4_000


def test_what_comes_back_soon_enters_the_main_queue(tier: MemoryTier) -> None:
    for n in range(400):
        put(tier, f"{n}", 1000)
    gone = max(n for n in range(400) if f"{n}" not in tier._items["title"])
    put(tier, f"{gone}", 1000)
    assert tier._items["title"][f"{gone}"].main
    put(tier, "new", 1000)
    assert not tier._items["title"]["new"].main


def test_evictions_are_reported(clock: Clock) -> None:
    evicted: list[tuple[str, str]] = []
    tier = MemoryTier(
        64 * KIB, clock=clock, timer=lambda: 0.0, on_evict=lambda *what: evicted.append(what)
    )
    for n in range(200):
        put(tier, f"{n}", 1000, stale_until=EPOCH_S + 5)
    clock.now += 5
    left = len(tier)
    assert tier.sweep() == left
    assert evicted == [("title", "capacity")] * (200 - left) + [("title", "expired")] * left
    assert tier.evictions == {"capacity": 200 - left, "expired": left}


def test_a_sweep_checks_no_more_than_its_limit_and_resumes(clock: Clock) -> None:
    tier = MemoryTier(4 << 20, clock=clock, timer=lambda: 0.0)
    for n in range(1000):
        put(tier, f"{n}", 10, stale_until=EPOCH_S + (1 if n % 2 else 100))
    clock.now += 1
    removed = [tier.sweep(100) for _ in range(10)]
    assert sum(removed) == 500
    assert max(removed) <= 50
    assert len(tier) == 500
    assert tier.sweep(1000) == 0
    clock.now += 100
    assert sum(tier.sweep(100) for _ in range(6)) == 500


def test_a_sweep_ends_when_its_time_is_up(clock: Clock) -> None:
    ticks = itertools.count()
    tier = MemoryTier(4 << 20, clock=clock, timer=lambda: next(ticks) * 0.000_4)
    for n in range(1000):
        put(tier, f"{n}", 10, stale_until=EPOCH_S + 1)
    clock.now += 1
    assert tier.sweep(1000) == 96, "looked at its watch three times, every 32 entries"
    assert tier.sweep(1000) == 96
    assert len(tier) == 808


KEYS = st.sampled_from([f"{n}" for n in range(60)])


KINDS = st.sampled_from(["title", "search"])


TAGS = st.lists(st.sampled_from("xyz"), max_size=3).map(tuple)


STEPS = st.one_of(
    st.tuples(st.just("put"), KINDS, KEYS, st.integers(0, 8000), TAGS, st.integers(-1, 20)),
    st.tuples(st.just("get"), KINDS, KEYS),
    st.tuples(st.just("delete"), KINDS, KEYS),
    st.tuples(st.just("delete_kind"), KINDS),
    st.tuples(st.just("delete_tag"), st.sampled_from("xyz")),
    st.tuples(st.just("sweep"), st.integers(1, 20)),
    st.tuples(st.just("wait"), st.integers(1, 10)),
    st.tuples(st.just("clear")),
)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(STEPS, max_size=120))
def test_never_over_its_bound_and_never_a_wrong_value(steps: list[tuple]) -> None:
    clock = Clock()
    tier = MemoryTier(64 * KIB, clock=clock)
    model: dict[tuple[str, str], tuple[int, tuple[str, ...], float]] = {}
    for name, *rest in steps:
        if name == "put":
            kind, key, size, tags, ttl_s = rest
            until = clock.now + ttl_s
            model.pop((kind, key), None)
            if put(tier, key, size, kind, tags=tags, stale_until=until):
                model[kind, key] = (size, tags, until)
        elif name == "get":
            slot = tier.get(*rest)
            expected = model.get(tuple(rest))
            assert slot is None or (slot.size, slot.tags, slot.stale_until) == expected
            assert slot is None or slot.stale_until > clock.now
        elif name == "wait":
            clock.now += rest[0]
        else:
            getattr(tier, name)(*rest)
            model = {
                at: entry
                for at, entry in model.items()
                if not (
                    name == "clear"
                    or (name == "delete" and at == tuple(rest))
                    or (name == "delete_kind" and at[0] == rest[0])
                    or (name == "delete_tag" and rest[0] in entry[1])
                )
            }
        bytes_, entries = recount(tier)
        assert tier.bytes == bytes_ <= tier.cap_bytes
        assert len(tier) == sum(entries.values())
        assert {kind: held["entries"] for kind, held in tier.stats()["kinds"].items()} == entries


def test_what_it_counts_is_what_it_takes() -> None:
    """At most 25 % above what the interpreter asks for, and never below, for decoded titles."""
    rng = random.Random(5)
    encoded = [msgspec.msgpack.encode(title(n, rng)) for n in range(3_000)]
    decoder = msgspec.msgpack.Decoder(Title)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tier = MemoryTier(16 << 20, clock=Clock())
        for n, data in enumerate(encoded):
            tier.put(
                "title", f"tmdb:movie:{n}", decoder.decode(data), size=len(data),
                fresh_until=FOREVER + n, stale_until=FOREVER + n / 3,
                load_s=n / 9, stored_at=EPOCH_S + n / 7, tags=(f"provider:{n % 50}", f"own:{n}"),
            )  # fmt: skip
        del data
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert tier.evictions["capacity"] > 100
    assert taken <= tier.bytes <= tier.cap_bytes
    assert tier.bytes <= 1.25 * taken


def test_a_tier_that_goes_lets_go_of_its_values() -> None:
    class Value:
        pass

    tier = MemoryTier(64 * KIB)
    values = [Value() for _ in range(20)]
    for n, value in enumerate(values):
        tier.put("title", f"{n}", value, size=1, fresh_until=FOREVER, stale_until=FOREVER)
    watched = [weakref.ref(value) for value in values]
    del values, value
    assert all(ref() for ref in watched)
    del tier
    assert not any(ref() for ref in watched)


def test_threads_do_no_harm() -> None:
    tier = MemoryTier(128 * KIB)
    trouble: list[BaseException] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(1_500):
                key, roll = f"{rng.randrange(300)}", rng.random()
                if roll < 0.5:
                    slot = tier.get("title", key)
                    assert slot is None or slot.value == key
                elif roll < 0.95:
                    tier.put(
                        "title", key, key, size=rng.randrange(2_000), tags=(key[-1],),
                        fresh_until=FOREVER, stale_until=FOREVER,
                    )  # fmt: skip
                elif roll < 0.97:
                    tier.delete_tag(key[-1])
                else:
                    tier.sweep(50)
        except BaseException as error:
            trouble.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not trouble
    assert tier.bytes == recount(tier)[0] <= tier.cap_bytes
