"""The phases of a plan: at once, or each at its time before a demonstration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec

from tv5core.server.readiness.asking import Answered, Asking, listed_ids, title_path
from tv5core.server.readiness.plan import Phase, Plan, TitleList

__all__ = ["PhaseReport", "off_peak_wait_s", "run_phase", "sleep_until_off_peak", "wait_s"]

_PAGE = 100
_OFF_PEAK = (2, 6)
"""Hours of the day, in UTC, that count as off-peak."""


class PhaseReport(msgspec.Struct):
    """What a phase loaded.

    Attributes
    ----------
    name : str
    titles, searches, profiles : int
        How many there are now, each once.
    lists : dict of str to int
        Titles of each list.
    requests, bytes, failed : int
    errors : list of str
        The first ten.
    """

    name: str
    titles: int = 0
    searches: int = 0
    profiles: int = 0
    lists: dict[str, int] = msgspec.field(default_factory=dict)
    requests: int = 0
    bytes: int = 0
    failed: int = 0
    errors: list[str] = msgspec.field(default_factory=list)


def wait_s(phase: Phase, at: datetime | None, now: datetime) -> float:
    """Return how long until a phase is due; 0 where no time was given, or it is past."""
    if at is None:
        return 0.0
    return max(0.0, (at - timedelta(hours=phase.hours_before) - now).total_seconds())


def off_peak_wait_s(now: datetime) -> float:
    """Return how long until 02:00 to 06:00 UTC; 0 within."""
    now = now.astimezone(UTC)
    if _OFF_PEAK[0] <= now.hour < _OFF_PEAK[1]:
        return 0.0
    start = now.replace(hour=_OFF_PEAK[0], minute=0, second=0, microsecond=0)
    return ((start if start > now else start + timedelta(days=1)) - now).total_seconds()


async def run_phase(
    phase: Phase,
    plan: Plan,
    asking: Asking,
    *,
    allowed: Callable[[], Awaitable[None]] | None = None,
) -> PhaseReport:
    """Load what a phase names.

    Parameters
    ----------
    phase : Phase
    plan : Plan
    asking : Asking
    allowed : callable, optional
        Awaited before each request, such as until it is off-peak.
    """
    report, before = PhaseReport(phase.name), asking.sent
    get = _Getting(asking, report, allowed)
    ids: dict[str, None] = {}
    for some in phase.titles:
        found = await _ids(some, get)
        if not found and some.otherwise:
            found = await _ids(msgspec.structs.replace(some, where=some.otherwise), get)
        report.lists[some.name] = len(found)
        ids |= dict.fromkeys(found)
    for name in ids:
        report.titles += await get.ok(title_path(name), region=plan.region)
        await get.ok(f"{title_path(name)}/availability", region=plan.region)
    for query in phase.queries:
        report.searches += await get.ok("/v1/search", q=query, k=phase.results)
    for profile in phase.profiles:
        report.profiles += await get.ok("/v1/recommendations", profile=profile, k=phase.results)
    report.requests = asking.sent - before
    return report


class _Getting:
    """Gets paths, and counts what fails."""

    def __init__(
        self,
        asking: Asking,
        report: PhaseReport,
        allowed: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._asking, self._report, self._allowed = asking, report, allowed

    async def get(self, path: str, /, **query: object) -> Answered:
        if self._allowed is not None:
            await self._allowed()
        answer = await self._asking.get(path, **query)
        if answer.status == 200:
            self._report.bytes += len(msgspec.json.encode(answer.body))
        else:
            self._report.failed += 1
            if len(self._report.errors) < 10:
                self._report.errors.append(f"{answer.status} {path}")
        return answer

    async def ok(self, path: str, /, **query: object) -> bool:
        return (await self.get(path, **query)).status == 200


async def _ids(some: TitleList, get: _Getting) -> list[str]:
    """Return the ids of a list, at most as many as it wants."""
    found: list[str] = []
    while len(found) < some.count:
        page = min(_PAGE, some.count - len(found))
        answer = await get.get(_path(some), **_query(some, page, len(found)))
        listed = listed_ids(answer.body) if answer.status == 200 else []
        found += listed
        is_paged = some.query is None and some.list == "browse"
        if len(listed) < page or not is_paged:
            break
    return found


def _path(some: TitleList) -> str:
    return "/v1/search" if some.query is not None else f"/v1/{some.list}"


def _query(some: TitleList, page: int, offset: int) -> dict[str, object]:
    query: dict[str, object] = {"k": page}
    if some.where:
        query["where"] = some.where
    if some.query is not None:
        query["q"] = some.query
    elif some.list == "browse":
        query |= {"sort": some.sort, "offset": offset}
    return query


async def sleep_until_off_peak() -> None:
    """Sleep until it is off-peak."""
    while (left := off_peak_wait_s(datetime.now(UTC))) > 0:
        await asyncio.sleep(min(left, 60.0))
