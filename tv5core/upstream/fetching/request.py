"""A request to a provider and its response."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from tv5core.upstream.limiting.limiter import Permit
from tv5core.upstream.limiting.priority import Priority

__all__ = ["Request", "Response"]


@dataclass(frozen=True)
class Response:
    """A response whose body is read.

    Attributes
    ----------
    status : int
    headers : mapping of str to str
        Names are case-insensitive.
    body : bytes
        Decompressed.
    url : str
        Address of the request, without keys.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str


@dataclass(eq=False)
class Request:
    """What to request, how urgent it is, and by when.

    Attributes
    ----------
    method : str
    url : URL
        Without keys.
    label : str
        Provider and path, for messages.
    priority : Priority
    deadline : float
        On the event loop's clock; the latest of all callers.
    is_idempotent : bool
        Whether the request may be sent twice.
    body : bytes or None
    permit : Permit or None
        Of the current attempt.
    """

    method: str
    url: URL
    label: str
    priority: Priority
    deadline: float
    is_idempotent: bool
    body: bytes | None = field(default=None, repr=False)
    permit: Permit | None = None

    def remaining_s(self) -> float:
        """Return the seconds until the deadline, 0 at least."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def is_sent(self) -> bool:
        """Return whether the current attempt has been written to a connection."""
        return self.permit is not None and self.permit.sent_at is not None
