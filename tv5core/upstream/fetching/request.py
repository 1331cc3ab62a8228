"""A call to a provider and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from tv5core.upstream.limiting.limiter import Permit
from tv5core.upstream.limiting.priority import Priority

__all__ = ["Call", "Response"]


@dataclass(frozen=True)
class Response:
    """An answer.

    Attributes
    ----------
    status : int
    headers : mapping of str to str
        Names in any case.
    body : bytes
        Unpacked.
    url : str
        Where it came from, without keys.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str


@dataclass(eq=False)
class Call:
    """What is asked, how urgent it is, and until when.

    Attributes
    ----------
    method : str
    url : URL
        Without keys.
    where : str
        Its name in messages: provider and path.
    body : bytes or None
    priority : Priority
    deadline : float
        On the event loop's clock; of several callers, the latest.
    is_repeatable : bool
        Whether asking twice is as good as once.
    permit : Permit or None
        Of the request that is being made.
    """

    method: str
    url: URL
    where: str
    priority: Priority
    deadline: float
    is_repeatable: bool
    body: bytes | None = field(default=None, repr=False)
    permit: Permit | None = None

    def left_s(self) -> float:
        """Return the seconds until the deadline, 0 at least."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def is_under_way(self) -> bool:
        """Return whether its request has been sent."""
        return self.permit is not None and self.permit.sent_at is not None
