"""What clients see while something is broken, and how long after its end nothing is any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import psutil
import redis as redis_client

from benchmarks.load.judging import Row, percentile
from benchmarks.load.running import Bench
from benchmarks.load.scenarios import SCENARIOS, Asked, Population
from tv5core import Catalog

__all__ = ["EVENTS", "Seen", "run_event"]

_USERS, _PACE_S = 50, 2.0
_CALM_S = 2.0
_RECOVERY_S = 40.0
_ASKED = 20
"""Connections in a row; with two workers, one of them has none of these once in a million."""
_FIRST_UNKNOWN = 900_000_000
"""Ids that the catalogue has not, so that titles are fetched and stored meanwhile."""


@dataclass
class Seen:
    """What clients saw of one event.

    Attributes
    ----------
    during : list of Row
    after : list of Row
        From the end of the event.
    healed_s : float
        When it ended.
    current_s : float or None
        Seconds from then until all workers had the title that was stored last.
    acknowledged, lost : int
        Titles that an answer said were stored, and those that are not in the catalogue.
    notes : list of str
    """

    during: list[Row] = field(default_factory=list)
    after: list[Row] = field(default_factory=list)
    healed_s: float = 0.0
    current_s: float | None = None
    acknowledged: int = 0
    lost: int = 0
    notes: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it as figures."""
        took = [row[2] for row in self.during if row[3]]
        bad = [row[0] for row in self.after if _is_bad(row)]
        return {
            "requests": len(self.during),
            "statuses": dict(Counter(row[3] for row in self.during)),
            "tiers": dict(Counter(row[4] or "none" for row in self.during)),
            "p95_ms": round(percentile(took, 0.95), 1) if took else None,
            "recovered_s": round(max(bad) - self.healed_s, 2) if bad else 0.0,
            "current_s": None if self.current_s is None else round(self.current_s, 2),
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "notes": self.notes,
        }


def _is_bad(row: Row) -> bool:
    return row[3] == 0 or row[3] >= 500


class _Users:
    """Users of the mixed scenario, and one who asks for titles that nobody has yet."""

    def __init__(self, on: Bench) -> None:
        self._on = on
        self.rows: list[Row] = []
        self.stored: list[str] = []
        self._next = _FIRST_UNKNOWN + int(time.time()) % 10**6 * 50

    async def __aenter__(self) -> Self:
        limit = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(
            connector=limit, timeout=aiohttp.ClientTimeout(total=15)
        )
        self._tasks = [asyncio.create_task(self._use(n)) for n in range(_USERS)]
        self._tasks.append(asyncio.create_task(self._add()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def _use(self, seed: int) -> None:
        who = Population(self._on.ids, seed)
        await asyncio.sleep(who.random.random() * _PACE_S)
        while True:
            await self._ask(SCENARIOS["mixed"].ask(who))
            await asyncio.sleep(_PACE_S)

    async def _add(self) -> None:
        while True:
            self._next += 1
            name = f"tmdb:movie:{self._next}"
            body = await self._ask(Asked("unknown", f"/v1/titles/{name.replace(':', '%3A')}"))
            if body is not None and body.get("sources", {}).get("catalog") == "stored":
                self.stored.append(name)
            await asyncio.sleep(0.25)

    async def _ask(self, asked: Asked) -> dict[str, Any] | None:
        begun, url = time.time(), self._on.gateway.url + asked.path
        method = "GET" if asked.body is None else "POST"
        status, tier, body = 0, "", None
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.request(method, url, json=asked.body) as answer:
                body = await answer.json(content_type=None)
                status, tier = answer.status, answer.headers.get("X-Tv5-Tier", "")
        now = time.time()
        self.rows.append((now, asked.kind, (now - begun) * 1e3, status, tier))
        return body if status == 200 else None


# -- events -----------------------------------------------------------------------------------

Healing = Callable[[], Awaitable[None]]
Event = Callable[[Bench, Seen], Awaitable[Healing]]


def _tmdb(**wanted: Any) -> Event:
    """Change what the stand-in does."""
    calm = {"latency_s": 0.05, "faults": {}, "dead": False, "contract": 50}

    async def begin(on: Bench, _: Seen) -> Healing:
        await asyncio.to_thread(lambda: on.tmdb.control(**wanted))

        async def heal() -> None:
            await asyncio.to_thread(lambda: on.tmdb.control(**calm))

        return heal

    return begin


async def _redis_paused(on: Bench, _: Seen) -> Healing:
    assert on.redis_process is not None
    on.redis_process.send_signal(signal.SIGSTOP)

    async def heal() -> None:
        assert on.redis_process is not None
        on.redis_process.send_signal(signal.SIGCONT)

    return heal


async def _redis_full(on: Bench, _: Seen) -> Healing:
    client = redis_client.Redis.from_url(str(on.redis_url))

    def limit(text: str) -> None:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", text)

    await asyncio.to_thread(limit, "1mb")

    async def heal() -> None:
        await asyncio.to_thread(limit, "0")
        client.close()

    return heal


async def _redis_killed(on: Bench, seen: Seen) -> Healing:
    assert on.redis_process is not None
    on.redis_process.kill()
    seen.notes.append("it stays down: nothing to recover from")
    return _nothing


async def _nothing() -> None:
    """Heal nothing: it heals by itself, or stays."""


async def _disk_full(on: Bench, seen: Seen) -> Healing:
    """Fill the disk that the gateway has to itself; without one, let no file of it grow."""
    if on.disk is None:
        return await _file_limit(on, seen)
    disk = on.disk
    seen.notes.append(f"a tmpfs, filled with {await asyncio.to_thread(disk.fill) >> 20} MiB")

    async def heal() -> None:
        disk.free()

    return heal


async def _file_limit(on: Bench, seen: Seen) -> Healing:
    """Forbid the writer to make any file longer, much as a full disk does."""
    seen.notes.append("a file size limit of the writer")
    writer = psutil.Process(on.gateway.pid("writer"))
    size = sum(path.stat().st_size for path in on.gateway.catalog.glob("data.mdb"))
    writer.rlimit(psutil.RLIMIT_FSIZE, (min(size, 1 << 20), resource.RLIM_INFINITY))

    async def heal() -> None:
        writer.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return heal


def _killed(name: str) -> Event:
    async def begin(on: Bench, _: Seen) -> Healing:
        os.kill(on.gateway.pid(name), signal.SIGKILL)
        return _nothing

    return begin


async def _stopped_reader(on: Bench, seen: Seen) -> Healing:
    """Stop a worker, so that it is behind when it goes on."""
    pid = on.gateway.pid("worker 1")
    os.kill(pid, signal.SIGSTOP)
    seen.notes.append("its clients wait; others are answered")

    async def heal() -> None:
        os.kill(pid, signal.SIGCONT)

    return heal


def _clock_jumps(seconds: float) -> Event:
    """Set the time of day of the gateway's processes, and later back."""

    async def begin(on: Bench, seen: Seen) -> Healing:
        if on.clock is None:
            raise SystemExit("expected a gateway with a clock that can jump, got one without")
        moved = on.clock
        moved.jump(seconds)
        seen.notes.append(f"by {seconds:+g} s, and back")

        async def heal() -> None:
            moved.jump(0.0)

        return heal

    return begin


async def _slow_clients(on: Bench, seen: Seen) -> Healing:
    """Open a thousand connections that never end their request."""
    host, port = on.gateway.url.removeprefix("http://").split(":")
    opened = []
    for _ in range(1_000):
        client = socket.create_connection((host, int(port)), 5)
        client.sendall(b"GET /v1/search?q=slow HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        opened.append(client)
        await asyncio.sleep(0)
    seen.notes.append(f"{len(opened)} connections")

    async def heal() -> None:
        for client in opened:
            client.close()

    return heal


MALFORMED = {
    "no protocol": b"GET /\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "long target": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "two lengths": b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    b"Content-Length: 30\r\n\r\n{}GET /healthz HTTP/1.1\r\n\r\n",
    "length and chunks": b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad chunk": b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "blank in a name": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "bare line feed": b"GET / HTTP/1.1\nHost: x\nX: y\n\n",
    "body too large": b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 9999999\r\n\r\n" + b"[" * 200_000,
    "deep body": b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 50000\r\n\r\n" + b"[" * 50_000,
    "null in the target": b"GET /v1/search?q=\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
}
"""Requests that no client sends; each has to be refused, or its connection closed."""


def answers_to(url: str, request: bytes) -> list[int]:
    """Return the statuses that a raw request is answered with."""
    host, port = url.removeprefix("http://").split(":")
    data = b""
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as client:
        client.settimeout(2.0)
        client.sendall(request)
        while piece := client.recv(65_536):
            data += piece
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", data)]


async def _malformed(on: Bench, seen: Seen) -> Healing:
    for name, request in MALFORMED.items():
        found = await asyncio.to_thread(answers_to, on.gateway.url, request)
        good = len(found) <= 1 and all(400 <= status < 500 for status in found)
        seen.notes.append(f"{name}: {found or 'closed'}{'' if good else ' UNEXPECTED'}")
    return _nothing


EVENTS: dict[str, Event] = {
    "tmdb-slow": _tmdb(latency_s=5.0),
    "tmdb-down": _tmdb(dead=True),
    "tmdb-429": _tmdb(contract=0),
    "tmdb-500": _tmdb(faults={"status_500": 1.0}),
    "tmdb-garbage": _tmdb(faults={"invalid_json": 0.5, "wrong_types": 0.5}),
    "redis-paused": _redis_paused,
    "redis-full": _redis_full,
    "disk-full": _disk_full,
    "clock-ahead": _clock_jumps(7_200.0),
    "clock-back": _clock_jumps(-7_200.0),
    "worker-killed": _killed("worker 1"),
    "writer-killed": _killed("writer"),
    "reader-behind": _stopped_reader,
    "slow-clients": _slow_clients,
    "malformed": _malformed,
    "redis-killed": _redis_killed,
}
"""By name; the last leaves something broken."""


async def run_event(on: Bench, name: str, seconds: float) -> Seen:
    """Break something for some time under load; return what was seen."""
    seen = Seen()
    async with _Users(on) as users:
        await asyncio.sleep(_CALM_S)
        users.rows.clear()
        heal = await EVENTS[name](on, seen)
        await asyncio.sleep(seconds)
        await heal()
        seen.during, seen.healed_s = list(users.rows), time.time()
        if users.stored:
            await _catch_up(on, users.stored[-1], seen)
        await _recover(users, seen)
    await asyncio.to_thread(_count_lost, on, users.stored, seen)
    return seen


async def _catch_up(on: Bench, name: str, seen: Seen) -> None:
    """Ask over new connections, so of all workers, until each reads the title stored last."""
    url = f"{on.gateway.url}/v1/titles/{name.replace(':', '%3A')}"
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        found = 0
        while found < _ASKED and time.time() - seen.healed_s < _RECOVERY_S:
            found += 1
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                    body = await answer.json()
                    if body.get("sources", {}).get("catalog") == "fresh":
                        continue
            found = 0
            await asyncio.sleep(0.05)
    seen.current_s = time.time() - seen.healed_s


async def _recover(users: _Users, seen: Seen) -> None:
    """Watch until nothing was wrong for five seconds."""
    quiet_since = time.time()
    begun = len(users.rows)
    while time.time() - quiet_since < 5.0 and time.time() - seen.healed_s < _RECOVERY_S:
        await asyncio.sleep(0.2)
        bad = [row[0] for row in users.rows[begun:] if _is_bad(row)]
        quiet_since = max([quiet_since, *bad])
    seen.after = users.rows[begun:]


def _count_lost(on: Bench, stored: list[str], seen: Seen) -> None:
    seen.acknowledged = len(stored)
    with Catalog.open(on.gateway.catalog, create=False, read_only=True) as catalog:
        seen.lost = sum(name not in catalog for name in stored)
