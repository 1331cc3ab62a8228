"""The fetcher against a provider on this machine that refuses and fails as real ones do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.upstream.standin.server import Faults, Handler, Standin
from tv5core.errors import (
    BreakerOpenError,
    ClosedError,
    DeadlineError,
    ForbiddenTargetError,
    InvalidInputError,
    MalformedResponseError,
    RateLimitedError,
    ResponseTooLargeError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)
from tv5core.observing import Tally
from tv5core.upstream import (
    Backoff,
    CircuitBreaker,
    Fetcher,
    Priority,
    Provider,
    ProviderLimiter,
    RetryBudget,
)


class Setting:
    """A server, a fetcher for it, and what was counted."""

    def __init__(self, server: Standin, fetcher: Fetcher, tally: Tally) -> None:
        self.server, self.fetcher, self.tally = server, fetcher, tally

    def outcome(self, name: str) -> int:
        return self.tally.counted("upstream.request", outcome=name)


@contextlib.asynccontextmanager
async def serving(
    shares: dict[str, float] | None = None,
    *,
    server: dict[str, Any] | None = None,
    rate: float = 45,
    **fetching: Any,
) -> AsyncIterator[Setting]:
    standin = Standin(faults=Faults(shares=shares or {}, latency_s=0.3), **(server or {}))
    standin.app.router.add_get("/3/movie/{id}", movie)
    standin.app.router.add_get("/3/slow/{id}", slow)
    standin.app.router.add_get("/3/missing", missing)
    standin.app.router.add_get("/3/packed", packed)
    standin.app.router.add_get("/3/hop/{left}", hop)
    standin.app.router.add_get("/file", file)
    standin.app.router.add_post("/3/graphql", echo)
    async with standin:
        provider = Provider(
            name="tmdb", base_url=standin.url + "/3", contract=50, rate=rate, burst=5,
            allow_private=True, bulk_share=1.0,
        )  # fmt: skip
        tally = Tally()
        given = {"backoff": Backoff(0.01, 0.05), "observer": tally, **fetching}
        async with Fetcher(provider, **given) as fetcher:
            yield Setting(standin, fetcher, tally)


class LateStandin(Standin):
    """Counts requests late: half of them at once, half after a while, as behind a busy proxy."""

    def __init__(self, *, late_s: float, **options: Any) -> None:
        super().__init__(**options)
        self.app.middlewares.insert(0, self._late)
        self._late_s, self._random = late_s, random.Random(1)

    @web.middleware
    async def _late(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(self._random.choice([0.0, self._late_s]))
        return await handler(request)


@pytest.mark.parametrize(
    ("contract", "rate", "burst"), [(50, 45.0, 5), (10, 8.0, 2)], ids=["tmdb", "justwatch"]
)
@pytest.mark.parametrize("per_machine", [True, False])
async def test_requests_that_are_counted_late_keep_the_contract(
    contract: int, rate: float, burst: int, *, per_machine: bool
) -> None:
    standin = LateStandin(contract=contract, late_s=0.4)
    standin.app.router.add_get("/3/movie/{id}", movie)
    async with standin:
        provider = Provider(
            name="late", base_url=standin.url + "/3", contract=contract, rate=rate, burst=burst,
            allow_private=True, bulk_share=1.0, max_connections=50,
        )  # fmt: skip
        async with Fetcher(provider, per_machine=per_machine) as fetcher:
            asked = (
                fetcher.get(f"movie/{number}", priority=Priority.BULK, deadline_s=60)
                for number in range(contract * 3)
            )
            await asyncio.gather(*asked)
        assert standin.busiest_second() <= contract
        assert standin.refused == 0


async def movie(request: web.Request) -> web.Response:
    return web.json_response({"id": request.match_info["id"], "query": dict(request.query)})


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(0.3)
    return await movie(request)


async def missing(request: web.Request) -> web.Response:
    return web.json_response({"status_code": 34, "status_message": "no"}, status=404)


async def packed(request: web.Request) -> web.Response:
    body = gzip.compress(b'{"a":') + gzip.compress(b"1}") + b"\n<!-- served by a proxy -->"
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


async def hop(request: web.Request) -> web.Response:
    left = int(request.match_info["left"])
    target = f"/3/hop/{left - 1}" if left else "/3/movie/1"
    return web.Response(status=302, headers={"Location": target})


async def file(request: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(b"line\n" * 100_000), content_type="application/gzip")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


# -- answers ---------------------------------------------------------------------------------------


async def test_get_and_post() -> None:
    async with serving() as at:
        found = await at.fetcher.get("movie/603", {"language": "de", "a": "b c"})
        assert found.status == 200
        assert found.headers["content-TYPE"].startswith("application/json")
        assert json.loads(found.body) == {"id": "603", "query": {"language": "de", "a": "b c"}}
        assert found.url == at.server.url + "/3/movie/603?a=b+c&language=de"
        assert (await at.fetcher.post("graphql", b'{"q":1}')).body == b'{"q":1}'
        assert at.outcome("ok") == 2
        assert at.tally.timed("upstream.request", provider="tmdb", outcome="ok").count == 2
        assert at.tally.timed("upstream.wait", provider="tmdb", priority="user").count == 2


async def test_a_status_below_500_is_an_answer() -> None:
    async with serving() as at:
        found = await at.fetcher.get("missing")
        assert (found.status, json.loads(found.body)["status_code"]) == (404, 34)
        assert len(at.server.arrivals) == 1


async def test_packed_bodies_are_unpacked() -> None:
    async with serving() as at:
        assert (await at.fetcher.get("packed")).body == b'{"a":1}'
        assert at.server.headers[0]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("url", ["https://elsewhere.test/x", "http://[", "ftp://a", "x", ""])
async def test_a_stream_of_a_forbidden_url_is_counted(url: str) -> None:
    async with serving() as at:
        with pytest.raises(ForbiddenTargetError):
            [each async for each in at.fetcher.stream(url, max_bytes=99)]
        assert at.outcome("forbidden") == 1
        assert not at.server.arrivals


async def test_paths_stay_below_the_base() -> None:
    async with serving() as at:
        for path in ("../x", "a/../../x", "", "a//b", "a?b", "a#b", "%2e%2e/x", "a\\b", "./a"):
            with pytest.raises(InvalidInputError, match="expected a path such as"):
                await at.fetcher.get(path)
        for deadline_s in (0, -1, float("nan"), float("inf")):
            with pytest.raises(InvalidInputError, match="expected a deadline"):
                await at.fetcher.get("movie/1", deadline_s=deadline_s)
        assert not at.server.arrivals


async def test_streams_keep_what_is_packed() -> None:
    async with serving() as at:
        pieces = [
            each async for each in at.fetcher.stream(at.server.url + "/file", max_bytes=9_999)
        ]
        assert gzip.decompress(b"".join(pieces)) == b"line\n" * 100_000
        with pytest.raises(ResponseTooLargeError):
            [each async for each in at.fetcher.stream(at.server.url + "/file", max_bytes=99)]
        with pytest.raises(UpstreamStatusError) as caught:
            [each async for each in at.fetcher.stream(at.server.url + "/no", max_bytes=99)]
        assert caught.value.status == 404
        assert at.fetcher.limiter.snapshot().in_flight == 0


# -- failures --------------------------------------------------------------------------------------

FAILING = {
    "status_500": UpstreamStatusError,
    "status_502": UpstreamStatusError,
    "status_503": UpstreamStatusError,
    "reset": UnreachableError,
    "truncated": UnreachableError,
    "broken_gzip": MalformedResponseError,
}


@pytest.mark.parametrize("fault", FAILING)
async def test_failures_are_retried_and_then_raised(fault: str) -> None:
    async with serving({fault: 1.0}) as at:
        with pytest.raises(FAILING[fault]) as caught:
            await at.fetcher.get("movie/1")
        assert type(caught.value) is FAILING[fault]
        assert str(caught.value).startswith("tmdb 3/movie/1: expected")
        assert at.tally.counted("upstream.retry") == 3
        with pytest.raises(UpstreamError):
            await at.fetcher.post("graphql", b"{}")
        posts = [path for path in at.server.paths.elements() if "graphql" in path]
        if fault != "reset":
            # aiohttp sends on a new connection what a kept one lost before it was written.
            assert len(posts) == 1, "a call that may not be repeated is not"
        with pytest.raises(UpstreamError):
            await at.fetcher.post("graphql", b"{}", idempotent=True)
        assert len(list(at.server.paths.elements())) >= 4 + 1 + 4


@pytest.mark.parametrize("fault", ["gzip_bomb", "endless"])
async def test_floods_are_cut_off(fault: str) -> None:
    async with serving({fault: 1.0}, max_bytes=1 << 20, max_compressed_bytes=1 << 20) as at:
        started = time.monotonic()
        with pytest.raises(ResponseTooLargeError, match="expected at most 1048576 bytes"):
            await at.fetcher.get("movie/1")
        assert time.monotonic() - started < 5
        assert len(at.server.arrivals) == 1, "asking again would not help"
        assert at.outcome("too_large") == 1


async def test_a_call_that_opens_the_breaker_is_told_what_it_met() -> None:
    breaker = CircuitBreaker("tmdb", consecutive_failures=2)
    async with serving({"status_500": 1.0}, breaker=breaker) as at:
        with pytest.raises(UpstreamStatusError, match="got 500"):
            await at.fetcher.get("movie/1")
        assert len(at.server.arrivals) == 2
        with pytest.raises(BreakerOpenError):
            await at.fetcher.get("movie/1")


async def test_faults_now_and_then_are_overcome() -> None:
    shares = {"status_500": 0.05, "reset": 0.05, "truncated": 0.05, "broken_gzip": 0.05}
    async with serving(
        shares,
        retry_budget=RetryBudget(ratio=1.0, reserve=99),
        backoff=Backoff(0.01, 0.05),
        max_retries=9,
    ) as at:
        calls = (at.fetcher.get(f"movie/{number}", priority=Priority.BULK) for number in range(100))
        found = await asyncio.gather(*calls)
        assert [json.loads(each.body)["id"] for each in found] == [
            str(number) for number in range(100)
        ]
        assert at.tally.counted("upstream.retry") >= 10


async def test_the_budget_bounds_retries() -> None:
    budget = RetryBudget(ratio=0.0, reserve=5)
    breaker = CircuitBreaker("tmdb", consecutive_failures=1_000)
    async with serving({"status_500": 1.0}, retry_budget=budget, breaker=breaker) as at:
        for number in range(10):
            with pytest.raises(UpstreamStatusError):
                await at.fetcher.get(f"movie/{number}", priority=Priority.BULK)
        assert len(at.server.arrivals) == 10 + 5


# -- 429 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["seconds", "date", "absent"])
async def test_429_pauses_everybody_and_opens_no_breaker(form: str) -> None:
    server = {"contract": 2, "retry_after": (form,)}
    breaker = CircuitBreaker("tmdb", consecutive_failures=1)
    async with serving(server=server, breaker=breaker) as at:
        found = await asyncio.gather(*(at.fetcher.get(f"movie/{number}") for number in range(3)))
        assert [each.status for each in found] == [200] * 3
        assert at.server.refused == 1
        arrivals = at.server.arrivals
        pause_s = arrivals[3] - arrivals[2]
        assert pause_s >= 0.9
        assert at.fetcher.limiter.snapshot().limit == 22, "half the rate for a while"
        assert breaker.state == "closed"
        assert at.tally.counted("upstream.attempt", status="429") == 1


async def test_endless_429_is_raised() -> None:
    async with serving(server={"contract": 0, "retry_after": ("seconds",)}) as at:
        with pytest.raises(RateLimitedError, match="got 429") as caught:
            await at.fetcher.get("movie/1", deadline_s=1.5)
        assert caught.value.retry_after_s == 1
        assert at.outcome("rate_limited") == 1


async def test_what_would_wait_too_long_is_refused_by_the_own_limiter() -> None:
    async with serving() as at:
        at.fetcher.limiter.pause(30)
        started = time.monotonic()
        with pytest.raises(RateLimitedError, match=r"at most 2\.00 s for user requests"):
            await at.fetcher.get("movie/1")
        assert time.monotonic() - started < 20, "and not when the pause ends"
        assert not at.server.arrivals


# -- deadlines and the breaker ---------------------------------------------------------------------


async def test_a_deadline_ends_what_hangs() -> None:
    async with serving({"hang": 1.0}) as at:
        started = time.monotonic()
        with pytest.raises(DeadlineError, match=r"tmdb 3/movie/1: expected a response by"):
            await at.fetcher.get("movie/1", deadline_s=0.4)
        assert 0.3 < time.monotonic() - started < 8
        assert at.outcome("deadline") == 1
        await asyncio.sleep(0.05)
        assert at.fetcher.limiter.snapshot().in_flight == 0, "and its connection is free"


async def test_an_answer_that_does_not_begin_is_asked_for_again() -> None:
    async with serving({"hang": 1.0}, read_timeout_s=0.1) as at:
        with pytest.raises(UnreachableError, match="SocketTimeoutError"):
            await at.fetcher.get("movie/1")
        assert len(at.server.arrivals) == 4


async def test_dead_provider_everybody_is_answered_by_the_deadline() -> None:
    breaker = CircuitBreaker("tmdb", open_s=0.3, max_open_s=0.3)
    async with serving(breaker=breaker) as at:
        at.server.dead = True
        started = time.monotonic()
        calls = (at.fetcher.get(f"movie/{number}", deadline_s=2) for number in range(60))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert time.monotonic() - started < 20
        assert all(isinstance(each, UpstreamError) for each in found)
        assert sum(isinstance(each, BreakerOpenError) for each in found) > 30
        assert len(at.server.arrivals) < 40, "and not by everybody"
        assert breaker.state == "open"
        asked = len(at.server.arrivals)
        with pytest.raises(BreakerOpenError):
            await at.fetcher.get("movie/1")
        assert len(at.server.arrivals) == asked, "it is left alone"
        at.server.dead = False
        await asyncio.sleep(0.4)
        assert (await at.fetcher.get("movie/1")).status == 200
        assert breaker.state == "closed"


async def test_nobody_listens() -> None:
    provider = Provider(
        name="tmdb", base_url="http://127.0.0.1:1/3", contract=50, rate=45, burst=5,
        allow_private=True,
    )  # fmt: skip
    async with Fetcher(provider, backoff=Backoff(0.01, 0.02)) as fetcher:
        with pytest.raises(UnreachableError, match="got ClientConnectorError"):
            await fetcher.get("movie/1")


# -- sharing ---------------------------------------------------------------------------------------


async def test_identical_calls_share_one_request() -> None:
    async with serving() as at:
        params = [{"a": "1", "b": "2"}, {"b": "2", "a": "1"}]
        calls = (at.fetcher.get("slow/1", params[n % 2]) for n in range(200))
        found = await asyncio.gather(*calls)
        assert len({each.body for each in found}) == 1
        assert len(at.server.arrivals) == 1
        assert at.tally.counted("upstream.shared") == 199
        await at.fetcher.get("slow/1", params[0])
        assert len(at.server.arrivals) == 2, "what is over is not shared"


async def test_the_first_callers_end_is_not_the_others() -> None:
    async with serving() as at:
        first = asyncio.ensure_future(at.fetcher.get("slow/1"))
        await asyncio.sleep(0.1)
        others = [asyncio.ensure_future(at.fetcher.get("slow/1")) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        found = await asyncio.gather(*others)
        assert first.cancelled()
        assert [each.status for each in found] == [200] * 5
        assert len(at.server.arrivals) == 1
        assert at.outcome("cancelled") == 1


async def test_deadlines_are_each_callers_own() -> None:
    async with serving() as at:
        short = asyncio.ensure_future(at.fetcher.get("slow/1", deadline_s=0.1))
        await asyncio.sleep(0)
        long = asyncio.ensure_future(at.fetcher.get("slow/1", deadline_s=5))
        with pytest.raises(DeadlineError):
            await short
        assert (await long).status == 200
        assert len(at.server.arrivals) == 1


async def test_when_the_last_caller_is_gone_the_request_is_given_up() -> None:
    async with serving() as at:
        tasks = [asyncio.ensure_future(at.fetcher.get("slow/1")) for _ in range(3)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert at.fetcher.limiter.snapshot().in_flight == 0
        assert (await at.fetcher.get("slow/1")).status == 200


async def test_a_user_who_joins_a_queued_bulk_call_does_not_queue() -> None:
    limiter = ProviderLimiter(bulk_share=0.01)
    async with serving(limiter=limiter) as at:
        bulk = [
            asyncio.ensure_future(
                at.fetcher.get(f"movie/{number}", priority=Priority.BULK, deadline_s=6_000)
            )
            for number in range(50)
        ]
        await asyncio.sleep(0.1)
        assert not bulk[40].done()
        started = time.monotonic()
        assert (await at.fetcher.get("movie/40")).status == 200
        assert time.monotonic() - started < 20
        assert (await bulk[40]).status == 200
        assert at.server.paths["/3/movie/40"] == 1
        for task in bulk:
            task.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)


async def test_each_caller_gets_an_error_of_its_own() -> None:
    async with serving({"status_500": 1.0}) as at:
        calls = (at.fetcher.get("movie/1") for _ in range(5))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert len({id(each) for each in found}) == 5
        for each in found:
            assert isinstance(each, UpstreamStatusError)
            assert each.status == 500
            assert "got 500" in str(each)


async def test_closing_ends_what_is_under_way() -> None:
    async with serving() as at:
        task = asyncio.ensure_future(at.fetcher.get("slow/1"))
        await asyncio.sleep(0.05)
        await at.fetcher.close()
        with pytest.raises(ClosedError):
            await task
        with pytest.raises(ClosedError):
            await at.fetcher.get("movie/1")


async def test_at_most_the_contract_through_slow_connections() -> None:
    """All connections are new, and answers take longer than the connections allow.

    At 30 of 50 the way to the provider may take 0.6 s longer or shorter, which leaves room for a
    busy machine.
    """
    async with serving(server={"latency_s": 0.6}, rate=30) as at:
        calls = (
            at.fetcher.get(f"movie/{number}", priority=Priority.BULK, deadline_s=60)
            for number in range(80)
        )
        await asyncio.gather(*calls)
        assert at.server.refused == 0
        assert at.server.busiest_second() <= 50
        assert at.server.max_open <= 20
