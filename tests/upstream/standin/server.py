"""A stand-in server for providers: it counts requests, enforces a limit, and injects faults.

It serves no provider by itself: it counts every request, checks keys, responds 429 above its
contract, and injects faults into a seeded share of the responses. Content is added as routes::

    server = Standin(contract=50, bearer="key", faults=Faults(shares={"reset": 0.1}))
    server.app.router.add_get("/3/movie/{id}", handler)
    async with server:
        ...  # call server.url
    assert server.busiest_second() <= 50

The fault of a request depends on the seed, its path and the number of earlier requests for that
path, so it does not depend on the order of requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FAULTS = (
    "latency", "status_500", "status_502", "status_503", "reset", "truncated", "broken_gzip",
    "invalid_json", "wrong_types", "gzip_bomb", "endless", "redirect_private", "redirect_host",
    "hang",
)  # fmt: skip
PRIVATE_URL = "http://169.254.169.254/latest/meta-data/"
FOREIGN_URL = "https://elsewhere.invalid/3/movie/1"
_BOMB_MIB = 512
_CHUNK = b"x" * 65_536
_MIB = bytes(2**20)


@dataclass
class Faults:
    """Which faults to inject, and how often.

    Attributes
    ----------
    shares : mapping of str to float
        Share of requests with each fault of ``FAULTS``; at most 1 in all.
    latency_s : float
        Seconds that ``latency`` adds.
    seed : int
    only : str
        Prefix of the paths to inject faults into.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    latency_s: float = 0.5
    seed: int = 0
    only: str = "/"

    def __post_init__(self) -> None:
        assert set(self.shares) <= set(FAULTS), self.shares
        assert sum(self.shares.values()) <= 1 + 1e-9, self.shares

    def pick(self, path: str, time: int) -> str:
        """Return the fault of the n-th request for a path; empty for none."""
        if not path.startswith(self.only):
            return ""
        at = random.Random(f"{self.seed} {path} {time}").random()
        for fault, share in self.shares.items():
            at -= share
            if at < 0:
                return fault
        return ""


class Standin:
    """The server.

    Parameters
    ----------
    contract : int
        Requests it allows in any second; it responds 429 to more.
    bearer, api_key : str
        Keys it accepts; with neither it needs no key.
    latency_s : float
        Seconds that every response takes.
    faults : Faults
    retry_after : tuple of str
        Forms of Retry-After, used in turn: ``seconds``, ``date``, ``absent``.
    retry_after_s : int

    Attributes
    ----------
    arrivals : list of float
        Time of each request, on the monotonic clock.
    paths : Counter
        Requests by path, query included.
    statuses, met : Counter
        Responses by status, and requests by fault.
    dead : bool
        While true, every connection is reset before a response.
    max_open : int
        Largest number of concurrent requests.
    """

    def __init__(
        self,
        *,
        contract: int = 50,
        bearer: str = "",
        api_key: str = "",
        latency_s: float = 0.0,
        faults: Faults | None = None,
        retry_after: tuple[str, ...] = ("seconds", "date", "absent"),
        retry_after_s: int = 1,
    ) -> None:
        self.contract, self.latency_s = contract, latency_s
        self.bearer, self.api_key = bearer, api_key
        self.faults = faults or Faults()
        self.retry_after, self.retry_after_s = retry_after, retry_after_s
        self.arrivals: list[float] = []
        self.paths: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.met: Counter[str] = Counter()
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.dead = False
        self.open = self.max_open = 0
        self._recent: deque[float] = deque()
        self.app = web.Application(middlewares=[self._around], client_max_size=2**20)
        self._runner = web.AppRunner(
            self.app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        self.url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on a free port of the loopback address, or on a given one."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        await self._runner.cleanup()

    # -- counts --------------------------------------------------------------------------------

    @property
    def refused(self) -> int:
        """Number of 429 responses."""
        return self.statuses[429]

    def busiest_second(self, seconds: float = 1.0) -> int:
        """Return the largest number of requests within any second (or other span)."""
        return busiest(self.arrivals, seconds)

    # -- requests ------------------------------------------------------------------------------

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        now = time.monotonic()
        self.arrivals.append(now)
        asked = request.path_qs
        self.paths[asked] += 1
        self.queries.append(dict(request.query))
        self.headers.append(dict(request.headers))
        self.open += 1
        self.max_open = max(self.max_open, self.open)
        try:
            response = await self._respond(request, handler, now, self.paths[asked])
        finally:
            self.open -= 1
        self.statuses[response.status] += 1
        return response

    async def _respond(
        self, request: web.Request, handler: Handler, now: float, times: int
    ) -> web.StreamResponse:
        if self.dead:
            return await _reset(request)
        if self._is_over(now):
            return self._too_many()
        if not self._is_authorised(request):
            return _error(401, 7, "Invalid API key: You must be granted a valid key.")
        fault = self.faults.pick(request.path, times)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if not fault:
            return await handler(request)
        self.met[fault] += 1
        return await self._inject(fault, request, handler)

    def _is_over(self, now: float) -> bool:
        """Return whether this request exceeds the contract in the second that ends now."""
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) > self.contract

    def _too_many(self) -> web.Response:
        response = _error(429, 25, "Your request count is over the allowed limit.")
        form = self.retry_after[self.statuses[429] % len(self.retry_after)]
        if form == "seconds":
            response.headers["Retry-After"] = str(self.retry_after_s)
        elif form == "date":
            # Dates are whole seconds; one more, so that rounding never shortens the wait.
            when = datetime.now(UTC) + timedelta(seconds=self.retry_after_s + 1)
            response.headers["Retry-After"] = format_datetime(when, usegmt=True)
        return response

    def _is_authorised(self, request: web.Request) -> bool:
        if not self.bearer and not self.api_key:
            return True
        if self.bearer and request.headers.get("Authorization") == f"Bearer {self.bearer}":
            return True
        return bool(self.api_key) and request.query.get("api_key") == self.api_key

    async def _inject(
        self, fault: str, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if fault == "latency":
            await asyncio.sleep(self.faults.latency_s)
            return await handler(request)
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault.startswith("status_"):
            return _error(int(fault[7:]), 11, "Internal error: Something went wrong.")
        if fault.startswith("redirect_"):
            target = PRIVATE_URL if fault == "redirect_private" else FOREIGN_URL
            return web.Response(status=302, headers={"Location": target})
        if fault == "reset":
            return await _reset(request)
        if fault in ("gzip_bomb", "endless"):
            return await _flood(request, compressed=fault == "gzip_bomb")
        return await _damage(fault, request, _bytes_of(await handler(request)))


def busiest(times: Iterable[float], seconds: float = 1.0) -> int:
    """Return the largest number of times within any span of this length, both ends included."""
    ordered = sorted(times)
    return max(
        (bisect_right(ordered, at + seconds) - bisect_left(ordered, at) for at in ordered),
        default=0,
    )


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response(
        {"success": False, "status_code": code, "status_message": message}, status=status
    )


def _bytes_of(response: web.StreamResponse) -> bytes:
    body = getattr(response, "body", b"")
    return body if isinstance(body, bytes) else b""


async def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _flood(request: web.Request, *, compressed: bool) -> web.StreamResponse:
    """Send a gzip bomb, or a body without an end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    await response.prepare(request)
    packer = zlib.compressobj(wbits=31)
    with contextlib.suppress(ConnectionError):
        for _ in range(_BOMB_MIB if compressed else 2**40):
            await response.write(_compressed_mib(packer) if compressed else _CHUNK)
            # The client may run on this event loop.
            await asyncio.sleep(0)
    return response


def _compressed_mib(packer: zlib._Compress) -> bytes:
    return packer.compress(_MIB) + packer.flush(zlib.Z_SYNC_FLUSH)


async def _damage(fault: str, request: web.Request, body: bytes) -> web.StreamResponse:
    if fault == "invalid_json":
        return web.Response(body=body[: len(body) // 2], content_type="application/json")
    if fault == "wrong_types":
        return web.json_response(_with_wrong_types(json.loads(body or b"{}")))
    headers = {"Content-Type": "application/json"}
    if fault == "broken_gzip":
        headers["Content-Encoding"] = "gzip"
        packed = zlib.compress(body, wbits=31)
        return web.Response(body=packed[: len(packed) // 2], headers=headers)
    headers["Content-Length"] = str(len(body) + 1)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _with_wrong_types(value: Any) -> Any:
    """Return JSON with values of wrong types."""
    if isinstance(value, dict):
        return {name: _with_wrong_types(each) for name, each in value.items()}
    if isinstance(value, list):
        return {"0": [_with_wrong_types(each) for each in value[:1]]}
    if isinstance(value, bool) or value is None:
        return value
    return [value] if isinstance(value, str) else str(value) + "?"
