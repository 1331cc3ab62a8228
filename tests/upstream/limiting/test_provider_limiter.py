"""The limiter, in virtual time: its promises hold whatever comes, in whatever order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.upstream.limiting.virtual_loop import VirtualLoop, run
from tests.upstream.standin.server import busiest
from tv5core.errors import ClosedError, InvalidInputError, RateLimitedError
from tv5core.upstream import Priority, Provider, ProviderLimiter
from tv5core.upstream import limiter_for as _limiter_for
from tv5core.upstream.limiting.in_flight import COUNTED_S, SECOND_S, TRANSIT_S
from tv5core.upstream.limiting.priority import off_peak_delay_s
from tv5core.upstream.limiting.queues import STARVATION_S

BULK, USER = Priority.BULK, Priority.USER
# A file shared with other processes knows no virtual time.
limiter_for = partial(_limiter_for, per_machine=False)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def now() -> float:
    return asyncio.get_running_loop().time()


def clock_from(start: datetime) -> Callable[[], datetime]:
    """A time of day that passes with the loop's time."""
    began: list[float] = []

    def clock() -> datetime:
        began.append(now())
        return start + timedelta(seconds=now() - began[0])

    return clock


class Log:
    """What happened to each request: when it came, was sent, or was refused."""

    def __init__(self, limiter: ProviderLimiter, hold_s: float = 0.0) -> None:
        self.limiter, self.hold_s = limiter, hold_s
        self.sent: list[tuple[float, Priority, float]] = []
        self.refused: list[tuple[Priority, float, float]] = []

    async def ask(self, priority: Priority, timeout_s: float | None = None) -> None:
        came = now()
        try:
            async with self.limiter.permit(priority, timeout_s=timeout_s) as permit:
                await permit.wait_to_send()
                self.sent.append((now(), priority, came))
                permit.answered()
                await asyncio.sleep(self.hold_s)
        except RateLimitedError as error:
            self.refused.append((priority, now() - came, error.retry_after_s))

    def times(self, priority: Priority | None = None) -> list[float]:
        return [at for at, of, _ in self.sent if priority in (None, of)]

    def waits(self, priority: Priority) -> list[float]:
        return sorted(at - came for at, of, came in self.sent if of is priority)


async def at_rate(
    ask: Callable[[], Awaitable[None]], per_s: float, seconds: float, seed: int
) -> None:
    """Ask at random moments, so many times a second on average."""
    rng, tasks, end = random.Random(seed), [], now() + seconds
    while now() < end:
        tasks.append(asyncio.ensure_future(ask()))
        await asyncio.sleep(rng.expovariate(per_s))
    await asyncio.gather(*tasks)


# -- the contract ----------------------------------------------------------------------------------

requests = st.lists(
    st.tuples(
        st.sampled_from([USER, Priority.AVAILABILITY, Priority.BACKGROUND, BULK]),
        st.floats(0, 4),  # when it comes
        st.floats(0, 2),  # when it is cancelled, if it is
        st.booleans(),
        st.integers(1, 60),  # how many at once
    ),
    max_size=20,
)


class StrictProvider:
    """Counts each request at a random moment between its being sent and its answer."""

    def __init__(self, limiter: ProviderLimiter, rng: random.Random, longest_s: float) -> None:
        self.limiter, self.rng, self.longest_s = limiter, rng, longest_s
        self.arrivals: list[float] = []

    async def ask(self, priority: Priority) -> None:
        with contextlib.suppress(RateLimitedError):
            async with self.limiter.permit(priority) as permit:
                await asyncio.sleep(self._some_s(0.1))  # the connection
                for _ in range(1 + (self.rng.random() < 0.1)):  # some kept connections are broken
                    await permit.wait_to_send()
                    transit_s = self._some_s(min(self.longest_s, TRANSIT_S))
                    self.arrivals.append(now() + transit_s)
                await asyncio.sleep(transit_s)
                await asyncio.sleep(self._some_s(0.3))
                permit.answered()

    def _some_s(self, longest_s: float) -> float:
        """Often nothing, often the longest: those at the edge of a second break a limit."""
        return self.rng.choice([0.0, longest_s, self.rng.uniform(0, longest_s)])


@settings(max_examples=examples(60), deadline=None)
@given(
    requests,
    st.integers(0, 10_000),
    st.sampled_from([(45, 5, 50), (8, 2, 10), (48, 1, 50)]),
    st.sampled_from([0.0, 0.15, 0.9, TRANSIT_S]),
)
def test_never_more_than_the_contract_in_any_second_as_the_provider_counts(
    plan: list[tuple[Priority, float, float, bool, int]],
    seed: int,
    limits: tuple[int, int, int],
    longest_s: float,
) -> None:
    """Wake-ups are late, requests are counted late, given up, sent twice."""
    rng = random.Random(seed)
    rate, burst, contract = limits

    async def main() -> list[float]:
        limiter = ProviderLimiter(rate, burst, contract, bulk_share=1.0)
        provider = StrictProvider(limiter, rng, longest_s)

        async def one(priority: Priority, at: float, stop_at: float, stops: bool) -> None:
            await asyncio.sleep(at)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(stop_at if stops else None):
                    await provider.ask(priority)

        await asyncio.gather(*(one(*each[:4]) for each in plan for _ in range(each[4])))
        return provider.arrivals

    arrivals = run(main(), late=lambda: rng.expovariate(300))
    assert busiest(arrivals) <= contract


@pytest.mark.parametrize(("answer_s", "expected"), [(0.05, 45), (0.1, 45), (0.3, 50 / 1.305)])
def test_what_slow_answers_cost(answer_s: float, expected: float) -> None:
    async def main() -> float:
        limiter = ProviderLimiter(bulk_share=1.0)

        async def one() -> None:
            async with limiter.permit(BULK) as permit:
                await permit.wait_to_send()
                await asyncio.sleep(answer_s)
                permit.answered()

        started = now()
        await asyncio.gather(*(one() for _ in range(1_000)))
        return 1_000 / (now() - started)

    assert run(main()) == pytest.approx(expected, rel=0.03)


def test_a_request_that_waited_long_for_its_connection_waits_for_another_place() -> None:
    async def main() -> None:
        limiter = ProviderLimiter(rate=8, burst=2, contract=10)
        async with limiter.permit(USER) as slow:
            await asyncio.sleep(COUNTED_S)  # its place is free again
            for _ in range(10):
                await limiter.acquire(USER)
            started = now()
            await slow.wait_to_send()
            assert now() - started == pytest.approx(SECOND_S - 1.0, abs=1e-4)

    run(main())


def test_what_is_not_sent_does_not_count() -> None:
    async def main() -> None:
        limiter, started = ProviderLimiter(rate=8, burst=2, contract=10), now()
        for _ in range(40):
            async with limiter.permit(USER):
                pass
        assert now() - started == pytest.approx(38 / 8, abs=0.1), "the pace alone holds them back"

    run(main())


@settings(max_examples=examples(3), deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.2, 0.5]))
def test_bulk_keeps_its_share_in_any_minute_and_uses_it(seed: int, share: float) -> None:
    async def main() -> Log:
        log = Log(ProviderLimiter(bulk_share=share))
        bulk = [asyncio.ensure_future(log.ask(BULK)) for _ in range(2_000)]
        await at_rate(lambda: log.ask(USER), 10, 100, seed)
        await gone(bulk)
        return log

    log = run(main())
    most = busiest(log.times(BULK), 60)
    assert most <= 45 * 60 * share
    assert most >= 0.97 * 45 * 60 * share, "and no less than it may have"
    assert not log.refused


async def gone(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_full_share_runs_at_the_configured_rate() -> None:
    rng = random.Random(3)

    async def main() -> float:
        log, started = Log(ProviderLimiter(bulk_share=1.0), hold_s=0.02), now()
        await asyncio.gather(*(log.ask(BULK) for _ in range(2_000)))
        return now() - started

    assert run(main(), late=lambda: rng.expovariate(500)) <= 2_000 / 45 * 1.01


def test_rate_and_burst_must_fit_the_contract() -> None:
    for rate, burst in ((46, 5), (50, 1), (0, 5), (45, 0), (float("nan"), 1)):
        with pytest.raises(InvalidInputError):
            ProviderLimiter(rate, burst, 50)
    for share in (0, 1.1, -1):
        with pytest.raises(InvalidInputError):
            ProviderLimiter(bulk_share=share)


# -- classes ---------------------------------------------------------------------------------------


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.sampled_from([USER, Priority.AVAILABILITY, BULK]), min_size=1, max_size=60))
def test_who_waits_goes_by_class_and_within_it_by_turn(classes: list[Priority]) -> None:
    async def main() -> list[tuple[float, Priority, float]]:
        limiter = ProviderLimiter(bulk_share=1.0)
        while limiter.snapshot().remaining:
            await limiter.acquire(USER)
        granted: list[tuple[Priority, int]] = []

        async def one(priority: Priority, number: int) -> None:
            with contextlib.suppress(RateLimitedError):
                await limiter.acquire(priority)
                granted.append((priority, number))

        await asyncio.gather(*(one(each, number) for number, each in enumerate(classes)))
        return granted  # type: ignore[return-value]

    granted = run(main())
    order = list(Priority)
    assert granted == sorted(granted, key=lambda each: (order.index(each[0]), each[1]))


@pytest.mark.parametrize("per_s", [5, 10, 20])
def test_users_hardly_wait_while_ten_thousand_bulk_requests_queue(per_s: float) -> None:
    async def main() -> Log:
        log = Log(ProviderLimiter(), hold_s=0.05)
        bulk = [asyncio.ensure_future(log.ask(BULK)) for _ in range(10_000)]
        await asyncio.sleep(1)
        await at_rate(lambda: log.ask(USER), per_s, 30, seed=1)
        assert log.limiter.snapshot().queued[BULK] > 9_000
        await gone(bulk)
        return log

    waits = run(main()).waits(USER)
    assert len(waits) > 20 * per_s
    assert waits[int(0.99 * len(waits))] <= 0.05


@pytest.mark.parametrize(("priority", "bound_s"), [(USER, 2.0), (Priority.AVAILABILITY, 1.0)])
def test_a_call_that_would_wait_too_long_is_refused_at_once(
    priority: Priority, bound_s: float
) -> None:
    async def main() -> Log:
        log = Log(ProviderLimiter())
        await asyncio.gather(*(log.ask(priority) for _ in range(200)))
        return log

    log = run(main())
    assert max(log.waits(priority)) <= bound_s
    assert len(log.sent) >= 45 * bound_s, "nobody was refused too early"
    # The last that was let in may be a microsecond late.
    assert sum(after_s > 0.001 for _, after_s, _ in log.refused) <= 1
    for _, _, retry_after_s in log.refused:
        assert bound_s <= retry_after_s < bound_s + 0.1


def test_a_caller_may_ask_for_a_shorter_wait() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()
        waiting = [asyncio.ensure_future(limiter.acquire(USER)) for _ in range(30)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimitedError, match=r"at most 0\.10 s for user requests, got"):
            await limiter.acquire(USER, timeout_s=0.1)
        await asyncio.gather(*waiting)

    run(main())


def test_a_wait_that_was_underestimated_still_ends_at_its_bound() -> None:
    async def main() -> float:
        limiter, started = ProviderLimiter(), now()
        for _ in range(5):
            await limiter.acquire(USER)
        waiting = asyncio.ensure_future(limiter.acquire(Priority.AVAILABILITY))
        await asyncio.sleep(0)
        limiter.pause(30)
        with pytest.raises(RateLimitedError) as caught:
            await waiting
        assert caught.value.retry_after_s > 29
        return now() - started

    assert run(main()) == pytest.approx(1.0, abs=0.01)


def test_background_goes_at_once_or_not_at_all() -> None:
    async def main() -> Log:
        log = Log(ProviderLimiter())
        for _ in range(8):
            await log.ask(Priority.BACKGROUND)
        assert [len(log.sent), len(log.refused)] == [5, 3]
        await asyncio.sleep(1)
        waiting = [asyncio.ensure_future(log.ask(USER)) for _ in range(6)]
        await asyncio.sleep(0)
        await log.ask(Priority.BACKGROUND)
        assert len(log.refused) == 4, "users go first"
        await asyncio.gather(*waiting)
        return log

    log = run(main())
    assert max(log.waits(Priority.BACKGROUND)) < 0.001
    assert all(after_s < 0.001 < retry_after_s for _, after_s, retry_after_s in log.refused)


def test_off_peak_work_goes_from_two_to_six() -> None:
    async def main(start: datetime) -> list[float]:
        began = now()
        log = Log(ProviderLimiter(now=clock_from(start)))
        tasks = [asyncio.ensure_future(log.ask(Priority.OFF_PEAK)) for _ in range(10)]
        await asyncio.wait(tasks, timeout=13 * 3600)
        await gone(tasks)
        return [at - began for at in log.times()]

    assert max(run(main(datetime(2026, 3, 1, 3, tzinfo=UTC)))) < 1
    evening = run(main(datetime(2026, 3, 1, 22, tzinfo=UTC)))
    assert len(evening) == 10
    assert 4 * 3600 <= min(evening) < max(evening) < 4 * 3600 + 2
    assert run(main(datetime(2026, 3, 1, 6, tzinfo=UTC))) == []


def test_off_peak_work_stops_at_six() -> None:
    async def main() -> float:
        began, log = now(), Log(ProviderLimiter(now=clock_from(NOON.replace(hour=5, minute=59))))
        tasks = [asyncio.ensure_future(log.ask(Priority.OFF_PEAK)) for _ in range(3_000)]
        await asyncio.wait(tasks, timeout=3600)
        await gone(tasks)
        return max(log.times()) - began

    assert 55 < run(main()) <= 60


@pytest.mark.parametrize(
    ("hour", "minute", "hours"), [(2, 0, 0), (5, 59, 0), (6, 0, 20), (1, 30, 0.5), (23, 0, 3)]
)
def test_hours(hour: int, minute: int, hours: float) -> None:
    at = datetime(2026, 3, 1, hour, minute, tzinfo=UTC)
    assert off_peak_delay_s(at) == hours * 3600
    assert off_peak_delay_s(at.astimezone()) == hours * 3600, "whatever its time zone"


def test_off_peak_with_a_deadline_gets_a_time_to_retry() -> None:
    async def main() -> None:
        limiter = ProviderLimiter(now=lambda: NOON)
        with pytest.raises(RateLimitedError) as caught:
            await limiter.acquire(Priority.OFF_PEAK, timeout_s=60)
        assert 14 * 3600 <= caught.value.retry_after_s < 14 * 3600 + 1

    run(main())


def test_nobody_starves() -> None:
    """More users than the rate, for two minutes."""
    seconds = 120

    async def main() -> Log:
        log = Log(ProviderLimiter(now=lambda: NOON.replace(hour=3)))
        low = [asyncio.ensure_future(log.ask(BULK)) for _ in range(100)]
        low += [asyncio.ensure_future(log.ask(Priority.OFF_PEAK)) for _ in range(100)]
        await at_rate(lambda: log.ask(USER), 80, seconds, seed=2)
        await gone(low)
        return log

    log = run(main())
    for priority in (BULK, Priority.OFF_PEAK):
        times = log.times(priority)
        gaps = [b - a for a, b in pairwise(times)]
        assert len(times) >= seconds // STARVATION_S - 2
        assert max(gaps) <= STARVATION_S + 1
    assert max(log.waits(USER)) <= 2


def test_cancelled_waiters_leave_their_place() -> None:
    async def main() -> None:
        limiter, started = ProviderLimiter(), now()
        waiting = [asyncio.ensure_future(limiter.acquire(USER)) for _ in range(90)]
        await asyncio.sleep(0)
        assert limiter.snapshot().queued[USER] == 90
        await gone(waiting[5:80])
        assert limiter.snapshot().queued[USER] == 10
        last = asyncio.ensure_future(limiter.acquire(USER))
        await asyncio.gather(*waiting[80:], last)
        assert now() - started == pytest.approx(11 / 45, abs=0.03)

    run(main())


def test_one_who_is_refused_and_gone_at_once_gives_back_nothing() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()

        async def ask() -> None:
            async with limiter.permit(USER, timeout_s=1):
                raise AssertionError("expected no token during a pause")

        for _ in range(5):  # the burst
            await limiter.acquire(USER)
        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)  # it waits, for a moment as it seems
        limiter.pause(10)
        asyncio.get_running_loop().call_later(1, task.cancel)  # in the turn in which it is refused
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limiter.snapshot().in_flight == 0

    run(main())


def test_a_connection_granted_to_one_who_is_gone_comes_back() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()

        async def hold() -> None:
            async with limiter.permit(USER):
                await asyncio.sleep(1)

        for turns in range(12):
            task = asyncio.ensure_future(hold())
            for _ in range(turns):
                await asyncio.sleep(0)
            await gone([task])
            assert limiter.snapshot().in_flight == 0
            assert not limiter.snapshot().queued[USER]
            await asyncio.sleep(0.1)

    run(main())


# -- connections -----------------------------------------------------------------------------------


def test_at_most_twenty_connections_and_some_kept_for_users() -> None:
    most: dict[str, int] = {"all": 0, "bulk": 0}

    async def main() -> Log:
        limiter = ProviderLimiter(bulk_share=1.0)
        log, open_now = Log(limiter), {"all": 0, "bulk": 0}

        async def one(priority: Priority) -> None:
            kinds = ["all", "bulk"] if priority is BULK else ["all"]
            async with limiter.permit(priority) as permit:
                log.sent.append((now(), priority, now() - permit.waited_s))
                for kind in kinds:
                    open_now[kind] += 1
                    most[kind] = max(most[kind], open_now[kind])
                await asyncio.sleep(1)
                for kind in kinds:
                    open_now[kind] -= 1

        bulk = [asyncio.ensure_future(one(BULK)) for _ in range(200)]
        await asyncio.sleep(5)
        await asyncio.gather(*(one(USER) for _ in range(4)))
        assert max(log.waits(USER)) < 0.2, "bulk work left connections"
        await asyncio.gather(*(one(USER) for _ in range(20)))
        await asyncio.gather(*bulk)
        return log

    assert len(run(main()).sent) == 224
    assert most == {"all": 20, "bulk": 15}


# -- 429 -------------------------------------------------------------------------------------------


def test_a_pause_holds_everything_then_the_rate_is_halved_for_a_while() -> None:
    async def main() -> None:
        limiter = ProviderLimiter(bulk_share=1.0)
        log, started = Log(limiter), now()
        tasks = [asyncio.ensure_future(log.ask(BULK)) for _ in range(6_000)]
        await asyncio.sleep(5)
        limiter.pause(3)
        for _ in range(10):
            limiter.pause(1)  # answers to what was under way
        assert limiter.snapshot().paused_s == pytest.approx(3, abs=0.01)
        await asyncio.sleep(95)
        await gone(tasks)

        def per_s(start: float, end: float) -> float:
            return sum(start <= at - started < end for at in log.times()) / (end - start)

        assert per_s(1, 5) == pytest.approx(45, rel=0.03)
        assert per_s(5.1, 8) == 0
        assert per_s(9, 37) == pytest.approx(22.5, rel=0.03)
        assert per_s(40, 95) == pytest.approx(45, rel=0.03)
        assert busiest(log.times()) <= 50

    run(main())


def test_what_was_granted_before_a_pause_waits_too() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()
        async with limiter.permit(USER) as permit:
            limiter.pause(1.5)
            started = now()
            await permit.wait_to_send()
            assert now() - started >= 1.5

    run(main())


def test_429_upon_429_goes_down_to_a_quarter() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()
        for limit in (22, 11, 11, 11):
            limiter.pause(1)
            assert limiter.snapshot().limit == limit
            await asyncio.sleep(1.1)
        await asyncio.sleep(70)
        assert limiter.snapshot().limit == 45
        with pytest.raises(InvalidInputError):
            limiter.pause(float("nan"))

    run(main())


# -- state -----------------------------------------------------------------------------------------


def test_snapshot_and_headers() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()
        fresh = limiter.snapshot()
        assert (fresh.limit, fresh.remaining, fresh.reset_s) == (45, 5, 0.0)
        assert fresh.headers() == {
            "X-RateLimit-Limit": "45",
            "X-RateLimit-Remaining": "5",
            "X-RateLimit-Reset": "0",
        }
        assert fresh.headers(refused=True)["Retry-After"] == "1"
        for _ in range(5):
            await limiter.acquire(USER)
        waiting = [asyncio.ensure_future(limiter.acquire(USER)) for _ in range(80)]
        waiting += [asyncio.ensure_future(limiter.acquire(BULK)) for _ in range(7)]
        await asyncio.sleep(0)
        full = limiter.snapshot()
        assert (full.remaining, full.queued[USER], full.queued[BULK]) == (0, 80, 7)
        assert full.wait_s[USER] == pytest.approx(81 / 45, abs=0.03)
        assert full.headers()["Retry-After"] == "2"
        assert full.headers(Priority.BACKGROUND)["X-RateLimit-Reset"] == "1"
        await gone(waiting)

    run(main())


def test_what_is_predicted_is_what_happens() -> None:
    async def main() -> None:
        log = Log(ProviderLimiter())
        waiting = [asyncio.ensure_future(log.ask(USER)) for _ in range(60)]
        await asyncio.sleep(0)
        predicted = log.limiter.snapshot().wait_s
        came = now()
        await log.ask(Priority.AVAILABILITY) if predicted[Priority.AVAILABILITY] <= 1 else None
        await log.ask(USER)
        assert now() - came == pytest.approx(predicted[USER], abs=0.05)
        await asyncio.gather(*waiting)

    run(main())


def test_closing_ends_every_wait() -> None:
    async def main() -> None:
        limiter = ProviderLimiter()
        waiting = [asyncio.ensure_future(limiter.acquire(BULK)) for _ in range(50)]
        await asyncio.sleep(0)
        await limiter.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(each, ClosedError) for each in outcomes) >= 45
        with pytest.raises(ClosedError):
            await limiter.acquire(USER)

    run(main())


# -- one limiter for each provider -----------------------------------------------------------------


def provider(name: str, **changes: Any) -> Provider:
    limits = {"contract": 50, "rate": 45.0, "burst": 5, **changes}
    return Provider(name=name, base_url=f"https://{name}.test/3", **limits)


def test_fetchers_of_a_provider_share_one_limiter() -> None:
    async def main() -> None:
        one = limiter_for(provider("shared"))
        assert limiter_for(provider("shared")) is one
        assert limiter_for(provider("other")) is not one
        limiter_for(provider("shared", bulk_share=1.0))
        limiter_for(provider("shared"))
        assert one.bulk_share == 1.0, "the largest that was asked for"
        with pytest.raises(InvalidInputError, match=r"expected the limits shared\.test"):
            limiter_for(provider("shared", rate=30.0))

    run(main())


def test_a_later_loop_continues_where_an_earlier_one_stopped() -> None:
    async def burst(times: list[float]) -> None:
        limiter = limiter_for(provider("later"))
        for _ in range(40):
            async with limiter.permit(USER) as permit:
                await permit.wait_to_send()
                times.append(now())
                permit.answered()

    times: list[float] = []
    for _ in range(3):
        run(burst(times))  # each loop starts at the same virtual second
    assert busiest(times) <= 50


def test_two_loops_at_once_are_refused() -> None:
    other = VirtualLoop()

    async def on_other() -> None:
        limiter_for(provider("loops"))

    async def main() -> None:
        with pytest.raises(InvalidInputError, match=r"expected all calls to loops\.test"):
            limiter_for(provider("loops"))

    try:
        other.run_until_complete(on_other())
        run(main())
    finally:
        other.close()
    run(on_other())
