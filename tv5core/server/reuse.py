"""Answers as bytes, given again while everything they were made of is unchanged.

Encoding, hashing and compressing an answer costs more than all else about it where its values come
from memory. So the bytes of an answer are kept with the values it was made of (see
:mod:`tv5core.cache.uses`), and given again where the catalogue's version is the same and the cache
still has every value, fresh. Whatever invalidates a value, in any process, so ends its use here.
An answer that is stale, static or in part missing is never kept. ``Age`` is that of the moment.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web

from tv5core.cache.memory.footprint import compact
from tv5core.cache.uses import Use, recording
from tv5core.errors import Tv5Error
from tv5core.server.api.replies import Rendered, respond
from tv5core.server.api.routing import RENDERED
from tv5core.server.api.upstream import headroom_header
from tv5core.server.protection.compression import LEAST_BYTES, chosen, packed
from tv5core.server.resources import RESOURCES, Resources

__all__ = ["RenderedAnswers", "reusing"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OVERHEAD_BYTES = 2_048
_HEADROOM_S = 0.1
_SAFE = frozenset({"GET", "HEAD"})


class _Kept:
    """A rendered answer, and what it depends on."""

    def __init__(self, rendered: Rendered, uses: tuple[Use, ...], version: object) -> None:
        self.rendered, self.uses, self.version = rendered, uses, version
        self.packed: dict[str, bytes] = {}

    def is_current(self, resources: Resources) -> bool:
        if resources.catalog.version() != self.version:
            return False
        guard = self.rendered.reply.guard
        is_guarded = guard is None or guard.holds()
        return is_guarded and resources.cached.cache.holds(self.uses)

    @property
    def bytes_used(self) -> int:
        return _OVERHEAD_BYTES + len(self.rendered.body) + sum(map(len, self.packed.values()))


class RenderedAnswers:
    """Answers by the target of their request; those used longest ago are forgotten first.

    Parameters
    ----------
    resources : Resources
    most_bytes : int
        Bytes to keep, 0 for none.
    """

    def __init__(self, resources: Resources, most_bytes: int) -> None:
        self._resources, self._most_bytes = resources, most_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.bytes_used = 0
        self._headroom: Mapping[str, str] = {}
        self._headroom_until = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def version(self) -> object:
        """Return the catalogue's version; None where it cannot tell."""
        try:
            return self._resources.catalog.version()
        except Tv5Error:
            return None

    async def answer(self, request: web.Request) -> web.Response | None:
        """Answer a request with what was answered before; None where something changed."""
        kept = self._kept.get(request.raw_path)
        if kept is None:
            return None
        if not self._is_current(kept):
            self._forget(request.raw_path)
            return None
        self._kept.move_to_end(request.raw_path)
        extra = dict(self._headroom_now()) if kept.rendered.reply.upstream else {}
        body = kept.rendered.body
        encoding = chosen(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        if encoding is not None and len(body) >= LEAST_BYTES:
            body = kept.packed.get(encoding) or await self._pack(request.raw_path, kept, encoding)
            extra[hdrs.CONTENT_ENCODING] = encoding
        asked = request.headers.get(hdrs.IF_NONE_MATCH)
        return respond(kept.rendered, asked, extra=extra, body=body)

    def keep(self, target: str, rendered: Rendered, uses: list[Use], version: object) -> None:
        """Keep an answer, if it may be given again.

        Parameters
        ----------
        target : str
            Path and query as they were sent.
        rendered : Rendered
        uses : list of Use
        version : object
            The catalogue's, from before the answer was made.
        """
        reply = rendered.reply
        is_whole = reply.reusable and reply.tier == "full" and reply.status == 200
        if not is_whole or not uses or reply.kind is None or reply.private or version is None:
            return
        own = replace(rendered, body=compact(rendered.body))
        kept = _Kept(own, tuple(uses), version)
        if kept.bytes_used <= self._most_bytes // 8:
            self._forget(target)
            self._kept[target] = kept
            self._grow(kept.bytes_used)

    def _is_current(self, kept: _Kept) -> bool:
        try:
            return kept.is_current(self._resources)
        except Tv5Error:
            return False

    async def _pack(self, target: str, kept: _Kept, encoding: str) -> bytes:
        made = await packed(kept.rendered.body, encoding)
        if self._kept.get(target) is kept and encoding not in kept.packed:
            kept.packed[encoding] = made
            self._grow(len(made))
        return made

    def _grow(self, size: int) -> None:
        self.bytes_used += size
        while self.bytes_used > self._most_bytes and self._kept:
            self._forget(next(iter(self._kept)))

    def _forget(self, target: str) -> None:
        kept = self._kept.pop(target, None)
        if kept is not None:
            self.bytes_used -= kept.bytes_used

    def _headroom_now(self) -> Mapping[str, str]:
        now = time.monotonic()
        if now >= self._headroom_until:
            self._headroom = headroom_header(self._resources)
            self._headroom_until = now + _HEADROOM_S
        return self._headroom


def reusing(most_bytes: int, is_reusable: Callable[[web.Request], bool]) -> Any:
    """Return the middleware.

    It stands before admission: an answer that is given again waits for its turn to begin, as all
    do, but takes no place and waits for none.

    Parameters
    ----------
    most_bytes : int
        Bytes to keep, 0 for none.
    is_reusable : callable
        Whether the answer of a request may be kept.
    """
    answers: RenderedAnswers | None = None

    @web.middleware
    async def reuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal answers
        if not most_bytes or request.method not in _SAFE or not is_reusable(request):
            return await handler(request)
        if answers is None:
            answers = RenderedAnswers(request.app[RESOURCES], most_bytes)
        known = await answers.answer(request)
        if known is not None:
            return known
        version = answers.version()
        with recording() as uses:
            answer = await handler(request)
        rendered = request.get(RENDERED)
        if rendered is not None:
            answers.keep(request.raw_path, rendered, uses, version)
        return answer

    return reuse
