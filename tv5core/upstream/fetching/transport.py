"""One request over HTTP: connections, TLS, keys, redirects told but not followed."""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from tv5core.errors import ClosedError, UnreachableError, UpstreamError
from tv5core.upstream.fetching.request import Call
from tv5core.upstream.fetching.target_guard import Guard, GuardedResolver
from tv5core.upstream.limiting.limiter import Permit
from tv5core.upstream.provider import Provider

__all__ = ["FAILURES", "REDIRECTS", "Transport", "told"]

FAILURES = (aiohttp.ClientError, OSError, TimeoutError, EOFError, zlib.error)
"""What it looks like when a provider is not there, or breaks off."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Transport:
    """The connections to a provider.

    Parameters
    ----------
    provider : Provider
    connect_timeout_s : float
        To have a connection, TLS included.
    answer_timeout_s : float
        Without a byte of the answer.
    tls : ssl.SSLContext or None
        None verifies against the system's certificates.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        connect_timeout_s: float,
        answer_timeout_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._provider, self._tls = provider, tls
        self.guard = Guard(provider)
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout_s, sock_read=answer_timeout_s
        )
        self._origin = URL(provider.base_url).origin()
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; connections are made as they are needed."""
        if self._session is None:
            self._session = self._make_session()

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _make_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._provider.max_connections,
            limit_per_host=self._provider.max_connections,
            resolver=GuardedResolver(self.guard),
            socket_factory=self.guard.socket_for,
            ssl=self._tls or True,
        )
        # No cookies, no proxies or .netrc of the environment: only what is configured.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            trace_configs=[_departures()],
            headers={
                "Accept-Encoding": "gzip",
                "User-Agent": f"tv5core/{version('tv5core')}",
            },
        )

    @contextlib.asynccontextmanager
    async def respond(
        self, call: Call, url: URL, permit: Permit
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and give its answer, whose body is not read yet.

        The request is written when its permit says so, after the connection stands. Raises one
        of ``FAILURES``, or a ForbiddenTargetError.
        """
        if self._session is None:
            raise ClosedError("expected an open fetcher, got one that is closed or not open yet")
        async with self._session.request(
            call.method,
            self._with_key(self.guard.check(url)),
            data=call.body,
            headers=self._headers(call, url),
            allow_redirects=False,
            trace_request_ctx=permit,
        ) as raw:
            try:
                yield raw
            except BaseException:
                # What is left of the body is not worth reading.
                raw.close()
                raise

    def _is_own(self, url: URL) -> bool:
        """Whether the keys may go there."""
        return url.origin() == self._origin

    def _with_key(self, url: URL) -> URL:
        keys = self._provider.credentials.params()
        return url.update_query(keys) if keys and self._is_own(url) else url

    def _headers(self, call: Call, url: URL) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return {**headers, **(self._provider.credentials.headers() if self._is_own(url) else {})}


def _departures() -> aiohttp.TraceConfig:
    """Have every request wait for its permit, between connection and first byte.

    Also the ones aiohttp makes of its own accord, when a kept connection turns out to be closed.
    """
    config = aiohttp.TraceConfig()

    async def depart(_: Any, context: SimpleNamespace, __: Any) -> None:
        permit: Permit = context.trace_request_ctx
        await permit.wait_to_send()

    config.on_connection_create_end.append(depart)
    config.on_connection_reuseconn.append(depart)
    return config


def told(where: str, error: BaseException) -> UpstreamError:
    """Say what happened without saying what was asked: an aiohttp error may hold the address.

    The result is for raising outside of the ``except`` block, so that it does not carry the
    original along as its context.
    """
    if isinstance(error, UpstreamError):
        error.__context__ = error.__cause__ = None
        return error
    return UnreachableError(f"{where}: expected an answer, got {type(error).__name__}")
