"""How often a client may ask, in memory and in Redis; what it is told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import http_sf
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from tests.cache.redis_server import RedisServer
from tests.server.conftest import make_settings, running
from tv5core.errors import InvalidInputError
from tv5core.server.client_limits.buckets import MemoryBuckets
from tv5core.server.client_limits.clients import Clients
from tv5core.server.client_limits.fields import limit_fields
from tv5core.server.client_limits.gcra import RedisBuckets
from tv5core.server.client_limits.quota import Quota, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_burst_then_a_rate() -> None:
    clock, quota = Clock(), Quota("address", 2.0, 3)
    buckets = MemoryBuckets(clock=clock)
    assert [(await buckets.take("a", quota)).remaining for _ in range(3)] == [2, 1, 0]
    refused = await buckets.take("a", quota)
    assert not refused.allowed
    assert refused.retry_after_s == pytest.approx(0.5)
    assert (await buckets.take("b", quota)).allowed, "another client"
    clock.now += 0.5
    assert (await buckets.take("a", quota)).allowed
    assert not (await buckets.take("a", quota)).allowed


@given(
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=60),
    rate=st.floats(0.5, 20),
    burst=st.integers(1, 10),
)
async def test_it_is_a_token_bucket(steps: list[float], rate: float, burst: int) -> None:
    """Compare with a bucket that counts tokens."""
    clock, quota = Clock(), Quota("q", rate, burst)
    buckets, tokens = MemoryBuckets(clock=clock), float(burst)
    for step in steps:
        clock.now += step
        tokens = min(float(burst), tokens + step * rate)
        verdict = await buckets.take("a", quota)
        if abs(tokens - 1) > 1e-6:
            assert verdict.allowed == (tokens > 1)
        if verdict.allowed:
            tokens -= 1
            assert verdict.remaining == pytest.approx(int(tokens), abs=1)


async def test_clients_that_ask_no_more_are_forgotten() -> None:
    clock, quota = Clock(), Quota("q", 10.0, 1)
    buckets = MemoryBuckets(most=50, clock=clock)
    for number in range(200):
        await buckets.take(str(number), quota)
    assert len(buckets._full_at) <= 50
    clock.now += 10
    for _ in range(100):
        await buckets.take("x", quota)
        clock.now += 1
    assert len(buckets._full_at) <= 1


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


async def test_processes_share_a_bucket_in_redis(redis_url: str) -> None:
    quota = Quota("q", 5.0, 4)
    one, other = (RedisBuckets(redis_url, MemoryBuckets()) for _ in range(2))
    verdicts = [await each.take("shared", quota) for each in (one, other, one, other, one)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 4 + [False]
    assert 0 < verdicts[-1].retry_after_s <= 0.2
    assert [verdict.remaining for verdict in verdicts[:4]] == [3, 2, 1, 0]
    await one.close()
    await other.close()


async def test_without_redis_the_gateway_limits_alone() -> None:
    buckets, quota = RedisBuckets("redis://127.0.0.1:1", MemoryBuckets()), Quota("q", 1.0, 2)
    assert [(await buckets.take("a", quota)).allowed for _ in range(3)] == [True, True, False]
    await buckets.close()


def test_the_fields_are_those_of_the_draft() -> None:
    fields = limit_fields(Quota("key", 4.0, 10), Verdict(True, 7, 0.6), lambda: 100.2)
    assert fields == {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "7",
        "X-RateLimit-Reset": "101",
        "RateLimit-Policy": '"key";q=10;w=3',
        "RateLimit": '"key";r=7;t=1',
    }


def item_of(field: bytes) -> tuple[Any, dict[str, Any]]:
    """Parse a list of one item as RFC 9651 has it; return its value and its parameters."""
    parsed: Any = http_sf.parse(field, tltype="list")
    ((value, parameters),) = parsed
    return value, parameters


@given(
    steps=st.lists(st.floats(0, 3), min_size=1, max_size=30),
    rate=st.floats(0.05, 100),
    burst=st.integers(1, 50),
)
async def test_the_fields_are_structured_and_true(
    steps: list[float], rate: float, burst: int
) -> None:
    """Parse them as RFC 9651; within ``t`` there is no more, and ``Retry-After`` is no sooner."""
    clock, quota = Clock(), Quota("address", rate, burst)
    buckets = MemoryBuckets(clock=clock)
    for step in steps:
        clock.now += step
        verdict = await buckets.take("a", quota)
        fields = {name: value.encode() for name, value in limit_fields(quota, verdict).items()}
        name, policy = item_of(fields["RateLimit-Policy"])
        assert (name, policy) == ("address", {"q": burst, "w": max(1, math.ceil(burst / rate))})
        name, limit = item_of(fields["RateLimit"])
        assert name == "address"
        assert set(limit) == {"r", "t"}
        assert 0 <= limit["r"] == verdict.remaining < burst
        assert 0 <= limit["t"] <= math.ceil(1 / rate + 1e-6)
        assert isinstance(limit["t"], int)
        if not verdict.allowed:
            assert (limit["r"], limit["t"]) == (0, math.ceil(verdict.retry_after_s))


def test_clients_are_told_apart(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("known\n")
    clients = Clients(
        make_settings(api_keys_file=str(keys), trusted_proxies="127.0.0.0/8,10.0.0.1")
    )

    def who(remote: str, **headers: str) -> str:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = make_mocked_request("GET", "/", headers=given).clone(remote=remote)
        return clients.of(request)[0]

    assert who("1.2.3.4", X_Api_Key="drawn") == "address:1.2.3.4"
    assert who("1.2.3.4", X_Api_Key="known").startswith("key:")
    assert "known" not in who("1.2.3.4", X_Api_Key="known")
    assert who("1.2.3.4", X_Forwarded_For="9.9.9.9") == "address:1.2.3.4", "nobody trusts it"
    assert who("127.0.0.1", X_Forwarded_For="9.9.9.9") == "address:9.9.9.9"
    assert who("127.0.0.1", X_Forwarded_For="6.6.6.6, 9.9.9.9, 10.0.0.1") == "address:9.9.9.9"
    assert who("127.0.0.1", X_Forwarded_For="junk") == "address:127.0.0.1"
    assert who("2001:db8:1:2:3::4") == who("2001:db8:1:2:ffff::1") == "address:2001:db8:1:2::/64"
    assert who("::ffff:1.2.3.4") == "address:1.2.3.4"


@pytest.mark.parametrize("name", ["trusted_proxies", "api_keys_file"])
def test_a_wrong_setting_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match=name):
        Clients(make_settings(**{name: "nothing"}))


async def test_one_request_too_many_is_told_when_to_come_back(folder: Path) -> None:
    async with running(folder, providers=False, client_rate=0.5, client_burst=2) as gateway:
        for left in ("1", "0"):
            response, _ = await gateway.get("/v1/suggest?q=jaw")
            assert response.status == 200
            assert response.headers["X-RateLimit-Remaining"] == left
        response, body = await gateway.get("/v1/suggest?q=jaw")
        assert response.status == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 2
        assert body["violated-policies"] == ["address"]
        assert response.headers["RateLimit"] == f'"address";r=0;t={response.headers["Retry-After"]}'
        assert response.headers["RateLimit-Policy"] == '"address";q=2;w=4'
        response, _ = await gateway.get("/healthz")
        assert response.status == 200, "health has no limit"
