"""The interface of a limiter, and the permit to send that it grants."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.snapshot import LimitSnapshot
from tv5core.upstream.limiting.token_source import Token

__all__ = ["Limiter", "Permit", "PermitSource"]


class Permit:
    """The right to send one request.

    Parameters
    ----------
    token : Token
    tokens : PermitSource
        Says when a request with the token may be sent.
    waited_s : float
        Seconds in the queue.

    Attributes
    ----------
    waited_s : float
        Seconds in the queue.
    sent_at : float or None
        When the request was last written to a connection, on the event loop's clock.
    """

    __slots__ = ("_token", "_tokens", "sent_at", "waited_s")

    def __init__(self, token: Token, tokens: PermitSource, waited_s: float) -> None:
        self._token, self._tokens = token, tokens
        self.waited_s = waited_s
        self.sent_at: float | None = None

    async def wait_to_send(self) -> None:
        """Wait until the request may be written; call this with the connection established.

        Call it again where a request is written again, as after a kept-alive connection broke:
        the provider counts that as another request.
        """
        await self._tokens.wait_to_send(self._token)
        self.sent_at = asyncio.get_running_loop().time()

    def answered(self) -> None:
        """Note that the response has begun; until then the request counts as under way.

        Without this call it does so for some seconds; see :mod:`.in_flight`.
        """
        self._tokens.answered(self._token)


class PermitSource(Protocol):
    """What a permit asks."""

    async def wait_to_send(self, token: Token) -> None:
        """Wait until a request with this token may be written to its connection, once."""

    def answered(self, token: Token) -> None:
        """Note that the provider has answered the request."""


class Limiter(Protocol):
    """Decides which request to a provider goes when.

    Attributes
    ----------
    bulk_share : float
        Part of the rate that bulk work may take over any minute; may be set.
    """

    bulk_share: float

    async def acquire(self, priority: Priority, *, timeout_s: float | None = None) -> None:
        """Wait for a token, without a connection; see :meth:`permit`."""

    def permit(
        self, priority: Priority, *, timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[Permit]:
        """Wait for a token and a connection; the connection is held until the block ends.

        Parameters
        ----------
        priority : Priority
        timeout_s : float or None
            Longest wait in seconds, where it is shorter than that of the class.

        Raises
        ------
        RateLimitedError
            The request would wait longer than it may.
        ClosedError
            The limiter is closed.
        """

    def snapshot(self) -> LimitSnapshot:
        """Return the current state."""

    def pause(self, duration_s: float) -> None:
        """Send nothing for a while, then continue at a reduced rate.

        Parameters
        ----------
        duration_s : float
            Seconds without requests.
        """

    async def close(self) -> None:
        """Refuse all requests, those that wait included."""
