"""A client of a gateway, at a pace."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from tv5core.errors import UnreachableError
from tv5core.upstream.provider import Secret

__all__ = ["Answered", "Asking", "listed_ids", "title_path"]

_TIMEOUT_S = 30.0


class Answered(NamedTuple):
    """An answer.

    Attributes
    ----------
    status : int
    body : Any
        Decoded; None where it is no JSON.
    ms : float
        Milliseconds until it was whole.
    tier : str
        What gave it, empty where it does not say.
    """

    status: int
    body: Any
    ms: float
    tier: str


def title_path(id: str) -> str:
    """Return the path of a title."""
    return f"/v1/titles/{quote(id, safe='')}"


def listed_ids(body: Any) -> list[str]:
    """Return the ids of a list of titles, or of hits, in their order."""
    return [each["id"] for each in body.get("titles") or body.get("hits") or []]


class Asking:
    """Asks a gateway; used as ``async with``.

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:8080``.
    rate : float
        Requests a second, at most; they are spaced evenly.
    metrics_token : Secret, optional
        For ``/metrics``; sent there only.
    """

    def __init__(
        self, url: str, rate: float = 1_000.0, *, metrics_token: Secret | None = None
    ) -> None:
        self._url, self._gap_s = url.rstrip("/"), 1 / rate
        self._metrics_token = metrics_token
        self._next_s = 0.0
        self.sent = 0

    async def get(self, path: str, /, **query: object) -> Answered:
        """Get a path.

        Raises
        ------
        UnreachableError
            No gateway answers there.
        """
        asked = f"{path}?{urlencode(query)}" if query else path
        await self._pause()
        begun = time.perf_counter()
        try:
            async with self._session.get(self._url + asked, headers=self._headers(path)) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(
                f"expected a gateway at {self._url}, got {type(error).__name__}"
            ) from error
        took_ms = (time.perf_counter() - begun) * 1e3
        is_json = "json" in answer.content_type
        body = msgspec.json.decode(raw) if is_json and raw else raw.decode(errors="replace")
        return Answered(answer.status, body, took_ms, answer.headers.get("X-Tv5-Tier", ""))

    def _headers(self, path: str) -> dict[str, str]:
        if path != "/metrics" or self._metrics_token is None:
            return {}
        return {"Authorization": f"Bearer {self._metrics_token.reveal()}"}

    async def _pause(self) -> None:
        now = time.monotonic()
        due = max(now, self._next_s)
        self._next_s = due + self._gap_s
        self.sent += 1
        if due > now:
            await asyncio.sleep(due - now)

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()
