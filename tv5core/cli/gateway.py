"""``tv5 warm`` and ``tv5 check``: a running gateway before a demonstration, and every night."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from tv5core.cli.output import AsJson, print_json, print_status, results
from tv5core.errors import InvalidInputError

if TYPE_CHECKING:
    from tv5core.server.readiness.checks import Check
    from tv5core.server.readiness.plan import Plan
    from tv5core.server.readiness.warming import PhaseReport
    from tv5core.upstream.provider import Secret

__all__ = ["COMMANDS", "check", "warm"]

UrlOption = Annotated[str, typer.Option(envvar="TV5_URL", help="Address of the gateway.")]
_URL = "http://127.0.0.1:8080"
_CHECK_RATE = 20.0
"""Requests a second, below what a client is allowed by default."""


def warm(
    plan: Annotated[str, typer.Option(help="demo, or a file of TOML.")] = "demo",
    url: UrlOption = _URL,
    phase: Annotated[
        list[str] | None, typer.Option(help="Only this phase, by name; may repeat.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="When the demonstration is, such as 2027-01-31T10:00Z: each phase waits "
                     "for its time. Without it all run now."),
    ] = None,
    off_peak: Annotated[
        bool, typer.Option("--off-peak", help="Ask only between 02:00 and 06:00 UTC.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the plan; ask nothing.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Warm a running gateway by a plan, at the pace that the plan allows."""
    from tv5core.server.readiness.plan import load_plan

    loaded = load_plan(plan, today=datetime.now(UTC).date())
    loaded = msgspec.structs.replace(loaded, phases=_chosen(loaded, phase or []))
    if show:
        print_json(msgspec.to_builtins(loaded))
        return
    reports = asyncio.run(_warm(loaded, url, _moment(at), off_peak=off_peak))
    if as_json:
        print_json(msgspec.to_builtins(reports))
    raise typer.Exit(1 if any(report.failed for report in reports) else 0)


def _chosen(plan: Plan, names: list[str]) -> tuple[object, ...]:
    known = {phase.name: phase for phase in plan.phases}
    for name in names:
        if name not in known:
            raise InvalidInputError(f"expected a phase among {', '.join(known)}, got {name!r}")
    return tuple(phase for phase in plan.phases if not names or phase.name in names)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"expected a time such as 2027-01-31T10:00Z, got {text!r}"
        ) from None
    return found if found.tzinfo is not None else found.astimezone()


async def _warm(plan: Plan, url: str, at: datetime | None, *, off_peak: bool) -> list[PhaseReport]:
    from tv5core.server.readiness.asking import Asking
    from tv5core.server.readiness.warming import run_phase, sleep_until_off_peak, wait_s

    reports = []
    allowed = sleep_until_off_peak if off_peak else None
    async with Asking(url, rate=plan.rate) as asking:
        for phase in plan.phases:
            await asyncio.sleep(wait_s(phase, at, datetime.now(UTC)))
            reports.append(await run_phase(phase, plan, asking, allowed=allowed))
            _print(reports[-1])
    return reports


def _print(report: PhaseReport) -> None:
    print_status(
        f"{report.name}: {report.titles} titles, {report.searches} searches, {report.profiles} "
        f"profiles by {report.requests} requests, {report.bytes / 1e6:.1f} MB, "
        f"{report.failed} failed"
    )
    for name, count in report.lists.items():
        print_status(f"  {name}: {count}")
    for error in report.errors:
        print_status(f"  failed: {error}")


def check(
    url: UrlOption = _URL,
    metrics_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="TV5_METRICS_TOKEN_FILE", help="A file with the token that /metrics requires."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the checklist against a running gateway; exit code 1 where anything fails."""
    from tv5core.server.settings import Settings

    given = None if metrics_token_file is None else str(metrics_token_file)
    found = asyncio.run(_check(url, Settings(metrics_token_file=given).metrics_token))
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("result", "check", "target", "measured"):
            table.add_column(name)
        for each in found:
            table.add_row(each.result, each.name, each.target, each.measured)
        results().print(table)
    raise typer.Exit(1 if any(each.result != "pass" for each in found) else 0)


async def _check(url: str, metrics_token: Secret | None) -> list[Check]:
    from tv5core.server.readiness.asking import Asking
    from tv5core.server.readiness.checks import check_gateway
    from tv5core.server.readiness.failover import try_failover

    async with Asking(url, rate=_CHECK_RATE, metrics_token=metrics_token) as asking:
        found = await check_gateway(asking)
    return [*found, await try_failover()]


COMMANDS = (warm, check)
