"""The cache against a model: any order of asking, failing, invalidating and waiting.

Two processes, each with memory and a disk of its own, share a tier; loads are quick, slow, hang
or fail; the tiers below work, are slow, hang or raise. The model knows when each value began to
be loaded and what was invalidated since. Whatever happens:

- no caller gets a value older than its policy allows, or one declared old before it asked, or
  one whose load began before a value was put in its place;
- each answer says truly whether it is fresh, stale (and how old) or from the static set;
- a load that works is answered with, soon, whatever state the tiers are in;
- a value is loaded once at a time, over both processes while the tiers work;
- memory stays within its bound, and the statistics add up.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.cache import timeless
from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import Clock
from tests.examples import examples
from tv5core.cache.answer import Answer, Loaded
from tv5core.cache.entry import Invalidation
from tv5core.cache.loading import life_cycle
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import Policy
from tv5core.cache.tiered import TieredCache
from tv5core.errors import UnavailableError

T = TypeVar("T")

MEMORY_BYTES = 16_384
LIFE_S, JITTER_S, STALE_S, NEGATIVE_S = 100.0, 20.0, 50.0, 10.0
HARD_S = 10.0
HANGS_S = 1_000.0
HURRIED_S = 1.0  # what an answer may take when its load takes no time, in any state of the tiers


def policy(**changes: Any) -> Policy:
    return Policy(
        ttl_s=LIFE_S,
        jitter_s=JITTER_S,
        stale_s=STALE_S,
        negative_ttl_s=NEGATIVE_S,
        hard_timeout_s=HARD_S,
        **changes,
    )


POLICIES = {
    "plain": policy(early_refresh=0, events=("changed",)),
    "eager": policy(early_refresh=0, stale_while_revalidate=True),
    "early": policy(early_refresh=1, events=("changed",)),
    "fixed": policy(early_refresh=0),
}
STATIC = {"fixed": {"a": "static"}}

kinds = st.sampled_from(["plain", "plain", "plain", "eager", "early", "fixed"])
keys = st.sampled_from(["a", "b"])
tags = st.sampled_from(["red", "blue"])
processes = st.sampled_from([0, 1])


class Flawed(FakeTier):
    """A tier whose reads, writes and leases may fail or hang; no invalidation is ever lost."""

    async def _invalidate(self, what: Invalidation) -> int:
        was = self.broken, self.slow_s
        self.broken, self.slow_s = False, min(self.slow_s, 0.05)
        try:
            return await super()._invalidate(what)
        finally:
            self.broken, self.slow_s = was


@dataclass(eq=False)
class Made:
    """One load (or put), from when it began."""

    kind: str
    key: str
    tag: str
    born: int
    began_at: float
    none: bool = False
    blur_s: float = 1e-3  # how much younger it may seem
    dead_from: int | None = None
    parted: bool = False
    sure: bool = True  # it takes no time and works


@dataclass
class Upstream:
    """What the loaders do now."""

    slow_s: float = 0.0
    outcome: str = "value"
    size: int = 10
    tag: str = "red"


@dataclass
class Process:
    """One cache and what the model counts of it."""

    cache: TieredCache
    memory: MemoryTier
    tiers: list[Flawed]
    asked: Counter[str] = field(default_factory=Counter)
    reported: Counter[tuple[str, str]] = field(default_factory=Counter)
    loads: Counter[tuple[str, str]] = field(default_factory=Counter)


class Model(RuleBasedStateMachine):
    """See this module."""

    def __init__(self) -> None:
        super().__init__()
        self.sweep_every_s = life_cycle._SWEEP_EVERY_S
        life_cycle._SWEEP_EVERY_S = 2.0  # waking up costs more than all else here
        self.clock = Clock()
        self.runner = asyncio.Runner(loop_factory=lambda: timeless._Loop(self.clock))
        self.upstream = Upstream()
        self.now = 0
        self.made: list[Made] = []
        self.running: defaultdict[tuple[str, str], list[tuple[int, Made]]] = defaultdict(list)
        self.asking: list[asyncio.Task[None]] = []
        self.tiers_work = True
        self.faults: list[str] = []
        self.parted_at = 0
        shared = Storage()
        self.processes = [self.run(self.start(shared)) for _ in range(2)]

    async def start(self, shared: Storage) -> Process:
        disk, remote = Flawed(self.clock), Flawed(self.clock, shared)
        disk.name, remote.name = "disk", "remote"
        memory = MemoryTier(MEMORY_BYTES, clock=self.clock)
        cache = TieredCache(
            memory, [disk, remote], policies=POLICIES, fallbacks=STATIC, clock=self.clock
        )
        return Process(cache, memory, [disk, remote])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def tick(self) -> int:
        self.now += 1
        return self.now

    def teardown(self) -> None:
        try:
            self.settle()
            for process in self.processes:
                self.run(process.cache.close())
        finally:
            self.runner.close()
            life_cycle._SWEEP_EVERY_S = self.sweep_every_s

    # -- what upstream does -------------------------------------------------------------------

    def loader(
        self, number: int, kind: str, asked: int
    ) -> Callable[[str], Coroutine[Any, Any, Any]]:
        async def load(key: str) -> Any:
            up, process = self.upstream, self.processes[number]
            slow_s, outcome, size = up.slow_s, up.outcome, up.size
            made = self.begin(kind, key, up.tag)
            made.none = outcome == "none"
            made.sure = slow_s == 0.0 and outcome != "failure"
            made.parted = asked < self.parted_at  # while it was still looking below
            self.check_alone(number, made)
            self.running[kind, key].append((number, made))
            failed = True
            try:
                if slow_s:
                    await asyncio.sleep(slow_s)
                if outcome == "failure":
                    raise OSError("upstream is down")
                failed = False
            finally:
                self.running[kind, key].remove((number, made))
                process.loads[kind, "failed" if failed else "load"] += 1
            return Loaded(None if made.none else self.value(made, size), (made.tag,))

        return load

    def begin(self, kind: str, key: str, tag: str) -> Made:
        made = Made(kind, key, tag, self.tick(), self.clock())
        self.made.append(made)
        return made

    def value(self, made: Made, size: int) -> Any:
        return [self.made.index(made), "x" * size]

    def check_alone(self, number: int, made: Made) -> None:
        """No key is loaded twice at once, except after an invalidation."""
        for other, load in self.running[made.kind, made.key]:
            waited_s = self.clock() - load.began_at
            excused = (
                load.parted
                or made.parted
                or (other != number and (not self.tiers_work or waited_s >= 1.9))
            )
            # Raised later: what a loader raises reaches nobody here.
            if not excused:
                self.faults.append(f"expected one load of {made.kind} {made.key}, got two")

    @rule(
        slow_s=st.sampled_from([0.0, 0.0, 0.2, 1.0, 5.0, HANGS_S]),
        outcome=st.sampled_from(["value", "value", "value", "none", "failure"]),
        size=st.sampled_from([10, 1_000, 4_000]),
        tag=tags,
    )
    def upstream_becomes(self, slow_s: float, outcome: str, size: int, tag: str) -> None:
        self.upstream = Upstream(slow_s, outcome, size, tag)

    @rule(
        number=processes,
        place=st.sampled_from([0, 1]),
        how=st.sampled_from(["works", "slow", "hangs", "raises"]),
    )
    def tier_becomes(self, number: int, place: int, how: str) -> None:
        tier = self.processes[number].tiers[place]
        tier.broken = how == "raises"
        tier.slow_s = {"slow": 0.02, "hangs": HANGS_S}.get(how, 0.0)
        self.tiers_work = False  # until all have settled, see settle()

    # -- asking -------------------------------------------------------------------------------

    async def ask(self, number: int, kind: str, key: str) -> None:
        process, asked, began_at = self.processes[number], self.tick(), self.clock()
        up = self.upstream
        sure = up.slow_s == 0.0 and up.outcome != "failure" and not self.running[kind, key]
        sure = sure and not process.cache.stats()["loading"]
        process.asked[kind] += 1
        before = len(self.made)
        answer: Answer | None = None
        with suppress(UnavailableError):
            answer = await process.cache.answer(kind, key, self.loader(number, kind, asked))
        # Upstream may change while the tiers are read: what counts is what it was to the loads.
        loads = [made for made in self.made[before:] if (made.kind, made.key) == (kind, key)]
        sure = sure and all(made.sure for made in loads)
        if answer is None:
            process.reported[kind, "unavailable"] += 1
            assert not sure, "expected what was loaded, got UnavailableError"
            return
        took_s = self.clock() - began_at
        assert took_s <= (HURRIED_S if sure else HARD_S + 2.5)
        assert not sure or answer.state == "fresh" or POLICIES[kind].stale_while_revalidate, answer
        self.check(process, kind, key, asked, answer)

    def check(self, process: Process, kind: str, key: str, asked: int, answer: Answer) -> None:
        if answer.state == "fallback":
            process.reported[kind, "served_fallback"] += 1
            assert answer == Answer(STATIC[kind].get(key), "fallback", None, "static")
            return
        if answer.state == "stale":
            process.reported[kind, "served_stale"] += 1
        made = self.source(kind, key, answer)
        assert made.dead_from is None or made.dead_from > asked, "declared old before it was asked"
        age_s = self.clock() - made.began_at
        assert answer.age_s is not None
        assert -1e-3 < age_s - answer.age_s < made.blur_s
        assert age_s <= self.limit_s(made, answer.state) + 1e-3, (answer, age_s)

    def source(self, kind: str, key: str, answer: Answer) -> Made:
        """Return what the answer was made by; of several answers "none", the one of its age."""
        if answer.value is not None:
            made = self.made[answer.value[0]]
        else:
            at = self.clock() - (answer.age_s or 0.0)
            nones = [m for m in self.made if m.none and (m.kind, m.key) == (kind, key)]
            made = min(nones, key=lambda m: (abs(m.began_at - at) > 1e-3, m.dead_from is not None))
        assert (made.kind, made.key) == (kind, key)
        return made

    def limit_s(self, made: Made, state: str) -> float:
        if made.none:
            # It may have been loaded slowly, by one who waited all that time.
            return max(NEGATIVE_S, HARD_S)
        return LIFE_S + JITTER_S + (STALE_S if state == "stale" else 0.0)

    @rule(number=processes, kind=kinds, key=keys)
    def ask_and_wait(self, number: int, kind: str, key: str) -> None:
        self.run(self.ask(number, kind, key))

    @rule(number=processes, kind=kinds, key=keys, cancelled=st.booleans())
    def ask_at_once(self, number: int, kind: str, key: str, cancelled: bool) -> None:
        """Several callers ask at once; the first, which started the load, may give up."""

        async def work() -> None:
            tasks = [asyncio.ensure_future(self.ask(number, kind, key)) for _ in range(4)]
            await asyncio.sleep(0.01)
            if cancelled:
                tasks[0].cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            for result in done[1:] if cancelled else done:
                if result is not None:
                    raise result

        self.run(work())

    @rule(number=processes, kind=kinds, key=keys)
    def ask_in_the_background(self, number: int, kind: str, key: str) -> None:
        async def work() -> None:
            self.asking.append(asyncio.ensure_future(self.ask(number, kind, key)))
            await asyncio.sleep(0.001)

        self.run(work())

    @rule(number=processes, kind=kinds, key=keys)
    def get(self, number: int, kind: str, key: str) -> None:
        process, asked = self.processes[number], self.tick()
        process.asked[kind] += 1
        value = self.run(process.cache.get(kind, key))
        if value is not None:
            made = self.made[value[0]]
            self.check(
                process, kind, key, asked, Answer(value, "fresh", self.clock() - made.began_at, "")
            )

    @rule(number=processes, kind=kinds, key=keys, tag=tags)
    def put(self, number: int, kind: str, key: str, tag: str) -> None:
        began = self.part()
        made = self.begin(kind, key, tag)
        value = self.value(made, 10)
        self.run(self.processes[number].cache.put(kind, key, value, tags=(tag,)))
        # It is as old as it was when what it replaces had been declared old.
        made.blur_s += self.clock() - made.began_at
        self.bury(began, lambda other: (other.kind, other.key) == (kind, key))

    # -- invalidating -------------------------------------------------------------------------

    def invalidate(self, work: Coroutine[Any, Any, None], names: Callable[[Made], bool]) -> None:
        began = self.part()
        self.run(work)
        self.bury(began, names)

    def part(self) -> int:
        """Note that loads under way may restart, whatever is invalidated; say when."""
        for loads in self.running.values():
            for _, load in loads:
                load.parted = True
        self.parted_at = self.tick()
        return self.parted_at

    def bury(self, began: int, names: Callable[[Made], bool]) -> None:
        """No caller from now on may get a load that began before."""
        ended = self.tick()
        for made in self.made:
            if made.born < began and made.dead_from is None and names(made):
                made.dead_from = ended

    @rule(number=processes, kind=kinds, some=st.lists(keys, min_size=1, max_size=2))
    def invalidate_keys(self, number: int, kind: str, some: list[str]) -> None:
        self.invalidate(
            self.processes[number].cache.invalidate(kind, some),
            lambda made: made.kind == kind and made.key in some,
        )

    @rule(number=processes, kind=kinds)
    def invalidate_kind(self, number: int, kind: str) -> None:
        cache = self.processes[number].cache
        self.invalidate(cache.invalidate_kind(kind), lambda made: made.kind == kind)

    @rule(number=processes, tag=tags)
    def invalidate_tag(self, number: int, tag: str) -> None:
        cache = self.processes[number].cache
        self.invalidate(cache.invalidate_tag(tag), lambda made: made.tag == tag)

    @rule(number=processes, key=keys)
    def event(self, number: int, key: str) -> None:
        self.invalidate(
            self.processes[number].cache.invalidate_event("changed", key),
            lambda made: made.key == key and "changed" in POLICIES[made.kind].events,
        )

    @rule(number=processes)
    def clear(self, number: int) -> None:
        self.invalidate(self.processes[number].cache.clear(), lambda _: True)

    # -- what chance alone seldom brings about --------------------------------------------------

    @rule(
        number=processes,
        other=processes,
        kind=kinds,
        key=keys,
        how=st.sampled_from(["key", "kind", "tag", "all", "put"]),
    )
    def overtake(self, number: int, other: int, kind: str, key: str, how: str) -> None:
        """Something is invalidated while it is loaded."""
        self.upstream = Upstream(slow_s=1.0, tag="red")
        self.ask_in_the_background(number, kind, key)
        {
            "key": lambda: self.invalidate_keys(other, kind, [key]),
            "kind": lambda: self.invalidate_kind(other, kind),
            "tag": lambda: self.invalidate_tag(other, "red"),
            "all": lambda: self.clear(other),
            "put": lambda: self.put(other, kind, key, "blue"),
        }[how]()
        if how != "put":
            self.ask_in_the_background(number, kind, key)
        self.wait(3.0)
        self.upstream = Upstream()
        for process in (number, 1 - number):
            self.ask_and_wait(process, kind, key)

    @rule(
        number=processes,
        kind=kinds,
        key=keys,
        outcome=st.sampled_from(["value", "none"]),
        seconds=st.sampled_from([11.0, 85.0, 125.0, 175.0]),
        then=st.sampled_from(["failure", "value"]),
    )
    def lapse(
        self, number: int, kind: str, key: str, outcome: str, seconds: float, then: str
    ) -> None:
        """Something is read around the time it expires."""
        self.upstream = Upstream(outcome=outcome)
        self.ask_and_wait(number, kind, key)
        self.long_after(seconds)
        self.upstream = Upstream(slow_s=0.0 if then == "failure" else HANGS_S, outcome=then)
        self.ask_and_wait(number, kind, key)

    @rule(number=processes, kind=kinds)
    def fill(self, number: int, kind: str) -> None:
        """More is stored than memory has room for."""
        self.upstream = Upstream(size=3_000)
        for at in range(8):
            self.ask_and_wait(number, kind, f"filler {at}")

    @rule(kind=kinds, key=keys, slow_s=st.sampled_from([0.2, 1.0]))
    def race(self, kind: str, key: str, slow_s: float) -> None:
        """Both processes read the same key."""
        self.upstream = Upstream(slow_s=slow_s)
        for number in (0, 1):
            self.ask_in_the_background(number, kind, key)
        self.wait(3.0)

    # -- time ---------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([5.0, 50.0, 90.0, 105.0, 130.0]))
    def long_after(self, seconds: float) -> None:
        self.settle()
        self.clock.now += seconds

    @rule()
    def settle(self) -> None:
        """Let everything under way finish."""

        async def until_quiet() -> None:
            for _ in range(40):
                if not any(p.cache.stats()["loading"] for p in self.processes):
                    return
                await asyncio.sleep(1.0)

        self.run(until_quiet())
        assert not any(self.running.values())
        self.collect()
        self.tiers_work = not any(
            tier.broken or tier.slow_s for process in self.processes for tier in process.tiers
        )
        # One that failed is left alone for a while, and keeps no leases until that is over.
        self.tiers_work &= self.run(self.available())

    async def available(self) -> bool:
        return all(tier.available for process in self.processes for tier in process.cache._tiers)

    # -- always -------------------------------------------------------------------------------

    def collect(self) -> None:
        """Raise errors found by callers in the background."""
        for task in [task for task in self.asking if task.done()]:
            self.asking.remove(task)
            task.result()

    @invariant()
    def nothing_went_wrong_behind(self) -> None:
        assert not self.faults
        self.collect()

    @invariant()
    def memory_is_within_its_bound(self) -> None:
        for process in self.processes:
            assert process.memory.stats()["bytes"] <= MEMORY_BYTES

    @invariant()
    def statistics_add_up(self) -> None:
        for process in self.processes:
            kinds = process.cache.stats()["kinds"]
            for kind in POLICIES:
                tiers = kinds.get(kind, {})
                memory, loader = tiers.get("memory", {}), tiers.get("loader", {})
                assert memory.get("hit", 0) + memory.get("miss", 0) == process.asked[kind]
                for what in ("load", "failed"):
                    assert loader.get(what, 0) == process.loads[kind, what], what
                for what in ("served_stale", "served_fallback", "unavailable"):
                    counted = sum(
                        counts.get(what, 0) for counts in tiers.values() if isinstance(counts, dict)
                    )
                    assert counted == process.reported[kind, what], what


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=examples(60),
    stateful_step_count=25,
    deadline=None,
    derandomize=True,  # the same cases each time
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
