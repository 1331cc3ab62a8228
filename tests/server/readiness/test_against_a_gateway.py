"""Warming and checking a real gateway."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.server.conftest import Gateway, running
from tv5core.errors import UnreachableError
from tv5core.server.readiness.asking import Asking
from tv5core.server.readiness.checks import check_gateway
from tv5core.server.readiness.failover import try_failover
from tv5core.server.readiness.plan import Phase, Plan, TitleList, load_plan
from tv5core.server.readiness.warming import run_phase

PLAN = Plan(
    phases=(
        Phase(
            name="all",
            titles=(TitleList(name="films", where="kind:movie", count=12),
                    TitleList(name="again", where="kind:movie", count=5),
                    TitleList(name="hot", list="trending", count=5),
                    TitleList(name="heists", query="heist", count=3)),
            queries=("action movies with AI",),
            profiles=("action_fan", "nobody"),
        ),
    )
)  # fmt: skip


async def test_a_phase_loads_each_title_once_and_reports_what_failed(alone: Gateway) -> None:
    async with Asking(alone.url) as asking:
        report = await run_phase(PLAN.phases[0], PLAN, asking)
    assert report.lists == {"films": 12, "again": 5, "hot": 5, "heists": 3}
    assert 12 <= report.titles <= 20
    assert (report.searches, report.profiles, report.failed) == (1, 1, 1)
    assert report.errors[0].endswith("/v1/recommendations")
    assert report.requests == 4 + 2 * report.titles + 3
    assert report.bytes > 1_000


async def test_a_list_without_a_match_takes_the_other_filter(alone: Gateway) -> None:
    future = TitleList(name="new", where="year:2999", otherwise="kind:movie", count=3)
    none = TitleList(name="none", where="year:2999", count=3)
    phase = Phase(name="lists", titles=(future, none))
    async with Asking(alone.url) as asking:
        report = await run_phase(phase, PLAN, asking)
    assert report.lists == {"new": 3, "none": 0}
    assert report.titles == 3


async def test_what_was_warmed_is_in_the_cache(alone: Gateway) -> None:
    async with Asking(alone.url) as asking:
        await run_phase(PLAN.phases[0], PLAN, asking)
        before = alone.resources.cached.stats()["kinds"]["title"]["loader"]["load"]
        await run_phase(PLAN.phases[0], PLAN, asking)
    assert alone.resources.cached.stats()["kinds"]["title"]["loader"]["load"] == before


async def test_every_request_of_the_plan_that_ships_is_accepted(alone: Gateway) -> None:
    plan = load_plan("demo", today=date(2026, 11, 30))
    async with Asking(alone.url) as asking:
        reports = [await run_phase(phase, plan, asking) for phase in plan.phases]
    assert [report.failed for report in reports] == [0, 0, 0], [r.errors for r in reports]


async def test_requests_keep_their_pace(alone: Gateway) -> None:
    async with Asking(alone.url, rate=50.0) as asking:
        times = [(await asking.get("/healthz")).status for _ in range(3)]
        assert times == [200, 200, 200]
        assert asking._next_s > 0


async def test_the_checklist_shows_figures_and_never_calls_the_unknown_a_pass(
    alone: Gateway,
) -> None:
    async with Asking(alone.url) as asking:
        found = {check.name: check for check in await check_gateway(asking)}
    assert found["answers"].result == "pass"
    assert found["answers"].measured.startswith("0 of ")
    assert found["p95"].measured.endswith(" ms")
    shown = found["metrics"].result == "pass"
    assert (found["429 of providers"].result == "pass") == shown


async def test_failover_answers_what_ships(tmp_path: Path) -> None:
    check = await try_failover()
    assert check.result == "pass", check


async def test_without_a_gateway_there_is_an_error(unused_tcp_port: int) -> None:
    async with Asking(f"http://127.0.0.1:{unused_tcp_port}") as asking:
        with pytest.raises(UnreachableError, match="expected a gateway at"):
            await asking.get("/healthz")


async def test_metrics_that_need_a_token_are_seen_with_it(folder: Path) -> None:
    async with running(folder, providers=False, metrics_token="a-token-for-metrics") as gateway:
        async with Asking(gateway.url) as asking:
            found = {check.name: check for check in await check_gateway(asking)}
        assert found["metrics"].result == "fail"
        assert "metrics_token" in found["metrics"].measured
        token = gateway.resources.settings.metrics_token
        async with Asking(gateway.url, metrics_token=token) as asking:
            found = {check.name: check for check in await check_gateway(asking)}
        assert found["metrics"].result == "pass"
