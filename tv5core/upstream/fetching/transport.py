"""One HTTP request: connections, TLS, keys; redirects are returned, not followed."""

from __future__ import annotations

import asyncio
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
from tv5core.observing import outgoing_headers
from tv5core.upstream.fetching.metrics import CallMetrics
from tv5core.upstream.fetching.request import Request
from tv5core.upstream.fetching.target_guard import GuardedResolver, TargetGuard
from tv5core.upstream.limiting.limiter import Permit
from tv5core.upstream.provider import Provider

__all__ = ["REDIRECT_STATUSES", "TRANSPORT_ERRORS", "Transport", "to_upstream_error"]

TRANSPORT_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, EOFError, zlib.error)
"""What a provider that is unreachable, or breaks off a response, raises."""
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class Transport:
    """The connections to a provider.

    Parameters
    ----------
    provider : Provider
    guard : TargetGuard
        Checks the URL and the address of each request.
    connect_timeout_s : float
        Seconds to establish a connection, TLS included.
    read_timeout_s : float
        Seconds without a byte of the response.
    metrics : CallMetrics
        Times ``upstream.connect``.
    tls : ssl.SSLContext or None
        None verifies against the system's certificates.
    """

    def __init__(
        self,
        provider: Provider,
        guard: TargetGuard,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        metrics: CallMetrics,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._provider, self._guard, self._tls = provider, guard, tls
        self._metrics = metrics
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout_s, sock_read=read_timeout_s
        )
        self._origin = URL(provider.base_url).origin()
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the session; connections are established as they are needed."""
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
            resolver=GuardedResolver(self._guard),
            socket_factory=self._guard.make_socket,
            ssl=self._tls or True,
        )
        # No cookies, and no proxies or .netrc of the environment: only what is configured.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            trace_configs=[_send_hooks(self._metrics)],
            headers={
                "Accept-Encoding": "gzip",
                "User-Agent": f"tv5core/{version('tv5core')}",
            },
        )

    @contextlib.asynccontextmanager
    async def send(
        self, request: Request, url: URL, permit: Permit
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request to a URL, and yield its response, whose body is not read yet.

        The connection is established first; then the request waits for its permit.

        Raises
        ------
        ForbiddenTargetError
            The URL may not be requested.
        ClosedError
            The transport is not open.
        aiohttp.ClientError, OSError, EOFError, zlib.error
            See :data:`TRANSPORT_ERRORS`.
        """
        if self._session is None:
            raise ClosedError("expected an open fetcher, got one that is closed or not open yet")
        async with self._session.request(
            request.method,
            self._with_key(self._guard.check_url(url)),
            data=request.body,
            headers=self._headers(request, url),
            allow_redirects=False,
            trace_request_ctx=permit,
        ) as raw:
            permit.answered()
            try:
                yield raw
            except BaseException:
                # Reading the rest of the body costs more than a new connection.
                raw.close()
                raise

    def _gets_keys(self, url: URL) -> bool:
        return url.origin() == self._origin

    def _with_key(self, url: URL) -> URL:
        params = self._provider.credentials.params()
        return url.update_query(params) if params and self._gets_keys(url) else url

    def _headers(self, request: Request, url: URL) -> dict[str, str]:
        headers = {"Accept": "application/json", **outgoing_headers()}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return headers | (self._provider.credentials.headers() if self._gets_keys(url) else {})


def _send_hooks(metrics: CallMetrics) -> aiohttp.TraceConfig:
    """Make every request wait for its permit, between the connection and the first byte.

    A new connection is timed, name look-up and TLS included.

    That includes requests that aiohttp repeats by itself, when a kept-alive connection turns out
    to be closed.
    """
    config = aiohttp.TraceConfig()

    async def wait_to_send(_: Any, context: SimpleNamespace, __: Any) -> None:
        permit: Permit = context.trace_request_ctx
        await permit.wait_to_send()

    async def connecting(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.connecting_at = asyncio.get_running_loop().time()

    async def connected(_: Any, context: SimpleNamespace, __: Any) -> None:
        metrics.time("connect", asyncio.get_running_loop().time() - context.connecting_at)

    config.on_connection_create_start.append(connecting)
    config.on_connection_create_end.append(connected)
    config.on_connection_create_end.append(wait_to_send)
    config.on_connection_reuseconn.append(wait_to_send)
    return config


def to_upstream_error(label: str, error: BaseException) -> UpstreamError:
    """Convert an error of the transport into one that holds no address, and so no key.

    Raise the result outside of the ``except`` block, so that its context is not the original.
    """
    if isinstance(error, UpstreamError):
        error.__context__ = error.__cause__ = None
        return error
    return UnreachableError(f"{label}: expected a response, got {type(error).__name__}")
