"""What handlers take and return, whatever HTTP makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from tv5core.server.degradation.found import Tier
from tv5core.server.resources import Resources

__all__ = ["Call", "Guard", "Reply"]

Query = TypeVar("Query")
Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """One request, checked.

    Attributes
    ----------
    resources : Resources
    query, body : struct
        Of the route's types.
    path : mapping of str to str
        The parts of the path that vary.
    request : web.Request
    """

    resources: Resources
    query: Query
    body: Body
    path: Mapping[str, str]
    request: web.Request


class Guard:
    """What an answer depends on beside the cache; made before the answer is.

    Parameters
    ----------
    look : callable
        Returns it as it is now.
    """

    __slots__ = ("_look", "_seen")

    def __init__(self, look: Callable[[], object]) -> None:
        self._look, self._seen = look, look()

    def holds(self) -> bool:
        """Return whether it is as it was."""
        return self._look() == self._seen


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers.

    Attributes
    ----------
    value : struct or bytes
        Encoded as JSON; bytes are sent as they are.
    tier : {"full", "cached", "static"}
    age_s : float or None
        Seconds since it was loaded.
    kind : str or None
        Kind of the cache's policies that says how long others may keep it; None: nobody may.
    ids : sequence of str
        Titles it shows, by which a cache between purges it.
    status : int
    content_type : str
    headers : mapping of str to str
    private : bool
        Whether it is for one client only.
    upstream : bool
        Whether it says what the limits of providers have left.
    reusable : bool
        Whether the same is answered again while the cache has the values it was made of.
    guard : Guard or None
        What else it depends on: it is not given again once this has changed.
    """

    value: msgspec.Struct | bytes
    tier: Tier = "full"
    age_s: float | None = None
    kind: str | None = None
    ids: Sequence[str] = ()
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    private: bool = False
    upstream: bool = False
    reusable: bool = True
    guard: Guard | None = None
