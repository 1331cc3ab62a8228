"""Answers that are given again: the same bytes while nothing changed, and never old ones."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.conftest import TOKEN, Gateway, running
from tests.upstream.standin.server import Standin
from tv5core.cache.policy import Policy
from tv5core.cache.uses import recording
from tv5core.cached import CATALOG_POLICIES
from tv5core.server import resources
from tv5core.server.api import lists, replies, routing
from tv5core.server.api.calls import Reply
from tv5core.server.api.replies import Rendered, render, respond
from tv5core.server.policies import policies_of
from tv5core.server.reuse import RenderedAnswers
from tv5core.server.settings import Settings


class Words(msgspec.Struct):
    words: tuple[str, ...]


MATRIX = "tmdb:movie:603"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
TARGETS = [
    "/v1/search?q=matrix",
    "/v1/suggest?q=mat",
    "/v1/browse?genre=Drama",
    "/v1/trending",
    f"/v1/titles/{MATRIX}",
    f"/v1/titles/{MATRIX}/similar",
    f"/v1/titles/{MATRIX}/availability",
    "/v1/recommendations?profile=action_fan",
]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what the catalogue says now: a busy machine would get the last answer instead."""

    def patient(settings: Settings) -> dict[str, Policy]:
        return {
            kind: msgspec.structs.replace(policy, soft_timeout_s=policy.hard_timeout_s)
            if kind in CATALOG_POLICIES
            else policy
            for kind, policy in policies_of(settings).items()
        }

    monkeypatch.setattr(resources, "policies_of", patient)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Reply]:
    """The replies that were rendered."""
    found: list[Reply] = []

    def counting(reply: Reply, *others: Any) -> Rendered:
        found.append(reply)
        return render(reply, *others)

    monkeypatch.setattr(routing, "render", counting)
    return found


async def twice(gateway: Gateway, target: str, **options: Any) -> tuple[Any, Any]:
    first, body = await gateway.get(target, **options)
    second, again = await gateway.get(target, **options)
    assert first.status == second.status == 200
    volatile = ("date", "x-request-id", "age", "x-upstream-ratelimit")
    kept = [
        {name: value for name, value in each.headers.items() if name.lower() not in volatile}
        for each in (first, second)
    ]
    assert kept[0] == kept[1]
    assert ("X-Upstream-RateLimit" in first.headers) == ("X-Upstream-RateLimit" in second.headers)
    assert body == again
    return second, again


@pytest.mark.parametrize("target", TARGETS)
async def test_the_same_is_rendered_once(
    gateway: Gateway, rendered: list[Reply], target: str
) -> None:
    response, _ = await twice(gateway, target)
    assert len(rendered) == 1
    assert response.headers["X-Tv5-Tier"] == "full"


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
async def test_in_every_encoding(alone: Gateway, rendered: list[Reply], encoding: str) -> None:
    _, plain = await alone.get(TARGETS[0], headers={"Accept-Encoding": "identity"})
    for _ in range(2):
        async with alone.session.get(
            alone.url + TARGETS[0], headers={"Accept-Encoding": encoding}
        ) as response:
            assert response.headers.get("Content-Encoding", "identity") == encoding
            assert await response.json() == plain
    assert len(rendered) == 1


async def test_not_modified_and_head(alone: Gateway, rendered: list[Reply]) -> None:
    first, _ = await alone.get(TARGETS[0])
    again, body = await alone.get(TARGETS[0], headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    head, body = await alone.ask("HEAD", TARGETS[0])
    assert (head.status, body) == (200, b"")
    assert head.headers["ETag"] == first.headers["ETag"]
    assert len(rendered) == 1


async def test_what_is_added_is_seen_at_once(alone: Gateway) -> None:
    for target in (TARGETS[0], TARGETS[4]):
        await twice(alone, target)
    title = alone.resources.catalog.get(MATRIX)
    for number in range(3):
        changed = msgspec.structs.replace(title, overview=f"Version {number}")
        assert alone.resources.writer is not None
        await alone.resources.writer.add([changed])
        _, found = await alone.get(TARGETS[0])
        assert found["hits"][0]["title"]["overview"] == f"Version {number}"
        _, shown = await twice(alone, TARGETS[4])
        assert shown["title"]["overview"] == f"Version {number}"


async def test_what_is_invalidated_is_loaded_again(gateway: Gateway, rendered: list[Reply]) -> None:
    assert gateway.provider is not None
    target = f"/v1/titles/{MATRIX}"
    await twice(gateway, target)
    asked = len(gateway.provider.arrivals)
    response, _ = await gateway.post(
        "/api/admin/cache/invalidate", json={"ids": [MATRIX]}, headers=ADMIN
    )
    assert response.status == 200
    del rendered[:]
    await gateway.get(target)
    assert len(rendered) == 1
    assert len(gateway.provider.arrivals) > asked


@pytest.mark.parametrize("kind", ["search", "browse"])
async def test_a_kind_that_is_invalidated_is_made_again(
    alone: Gateway, rendered: list[Reply], kind: str
) -> None:
    target = {"search": TARGETS[0], "browse": TARGETS[2]}[kind]
    await twice(alone, target)
    await alone.resources.cached.cache.invalidate_kind(kind)
    await twice(alone, target)
    assert len(rendered) == 2


async def test_a_profile_that_is_stored_counts_at_once(
    alone: Gateway, rendered: list[Reply]
) -> None:
    target = "/v1/recommendations?profile=action_fan"
    await twice(alone, target)
    catalog = alone.resources.catalog
    others = [name for name in catalog.profiles() if name != "action_fan"]
    catalog.put_profile("action_fan", catalog.profile(others[0]))
    _, body = await alone.get(target)
    assert len(rendered) == 2
    _, other = await alone.get(f"/v1/recommendations?profile={others[0]}")
    assert body == other


async def test_a_profile_that_is_stored_meanwhile_counts_too(
    alone: Gateway, rendered: list[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, target = alone.resources.catalog, "/v1/recommendations?profile=action_fan"
    other = next(name for name in catalog.profiles() if name != "action_fan")
    answered = lists.answered

    async def stored_meanwhile(*arguments: Any) -> Any:
        found = await answered(*arguments)
        catalog.put_profile("action_fan", catalog.profile(other))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(lists, "answered", stored_meanwhile)
        _, before = await alone.get(target)
    _, after = await alone.get(target)
    _, wanted = await alone.get(f"/v1/recommendations?profile={other}")
    assert after == wanted != before


async def test_what_is_degraded_is_not_kept(folder: Path, provider: Standin) -> None:
    target = f"/v1/titles/{MATRIX}"
    async with running(folder, provider=provider) as gateway:
        provider.dead = True
        response, _ = await gateway.get(target)
        assert response.headers["X-Tv5-Tier"] == "cached"
        provider.dead = False
        await gateway.resources.cached.cache.clear()
        for _ in range(200):  # until the circuit breaker lets a request pass
            response, body = await gateway.get(target)
            if response.headers["X-Tv5-Tier"] == "full":
                break
            assert body["_stale"]
        assert response.status == 200


async def test_age_is_that_of_the_moment(alone: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    await twice(alone, TARGETS[0])
    now = replies.time.monotonic()
    monkeypatch.setattr(replies.time, "monotonic", lambda: now + 7)
    response, _ = await alone.get(TARGETS[0])
    assert int(response.headers["Age"]) >= 7


async def test_it_can_be_switched_off(folder: Path, rendered: list[Reply]) -> None:
    async with running(folder, providers=False, rendered_bytes=0) as gateway:
        await twice(gateway, TARGETS[0])
        assert len(rendered) == 2


async def test_bytes_are_bounded_and_the_oldest_go_first(alone: Gateway) -> None:
    answers = RenderedAnswers(alone.resources, 100_000)
    version = answers.version()
    cache = alone.resources.cached.cache
    with recording() as uses:
        await alone.resources.cached.answers.title(MATRIX)
    reply = Reply(b"x" * 8_000, kind="title", age_s=0.0)
    for number in range(30):
        answers.keep(f"/{number}", render(reply, cache.policies), uses, version)
    assert answers.bytes_used <= 100_000
    assert len(answers) == 100_000 // (8_000 + 2_048)
    answers.keep("/large", render(Reply(b"x" * 20_000, kind="title"), cache.policies), uses, 1)
    assert len(answers) == 100_000 // (8_000 + 2_048), "one answer takes an eighth at most"


async def test_what_is_kept_takes_the_memory_that_is_counted(alone: Gateway) -> None:
    answers = RenderedAnswers(alone.resources, 8 << 20)
    version, cache = answers.version(), alone.resources.cached.cache
    with recording() as uses:
        await alone.resources.cached.answers.title(MATRIX)
    tracemalloc.start()
    try:
        for number in range(100):
            words = Words(tuple(map(str, range(5_000))))  # several times its JSON
            reply = Reply(words, kind="title", age_s=0.0)
            answers.keep(f"/{number}", render(reply, cache.policies), uses, version)
        assert len(answers) == 100
        assert tracemalloc.get_traced_memory()[0] < 1.25 * answers.bytes_used
    finally:
        tracemalloc.stop()


def test_a_response_that_is_not_modified_has_no_body() -> None:
    made = Rendered(Reply(b"{}"), b"{}", {"ETag": 'W/"a"', "Content-Type": "x/y"}, None)
    assert respond(made, 'W/"a"').status == 304
    assert respond(made, '"b"').status == 200
