"""Compression: zstd or gzip, as the client prefers."""

from __future__ import annotations

import asyncio
import importlib
import sys
import zlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from aiohttp import hdrs, web

__all__ = ["LEAST_BYTES", "AsItIs", "chosen", "compressing", "packed"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LEAST_BYTES = 1_024
_IN_THREAD_BYTES = 64 << 10  # gzip takes 2 ms for these
_GZIP_LEVEL, _ZSTD_LEVEL = 4, 3
_PREFERRED = ("zstd", "gzip")
_TYPES = ("application/json", "application/problem+json", "text/")


class AsItIs(web.Response):
    """A response that is compressed already, or is not to be."""


def _zstd() -> Any:
    """Return the module for zstd: Python 3.14 has one, before that it is of the extra."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_ZSTD = _zstd()


@lru_cache(maxsize=256)
def chosen(accepted: str) -> str | None:
    """Choose among zstd and gzip by ``Accept-Encoding``; None for neither.

    Of those that the client likes equally, zstd is taken: it is smaller, and faster to pack.
    """
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = [each.strip() for each in part.split(";")]
        weights[name] = _weight(parameters)
    found: tuple[float, str] | None = None
    for name in _PREFERRED:
        weight = weights.get(name, weights.get("*", 0.0))
        if weight > 0 and (name != "zstd" or _ZSTD) and (found is None or weight > found[0]):
            found = (weight, name)
    return None if found is None else found[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


async def packed(body: bytes, encoding: str) -> bytes:
    """Compress a body, a large one in a thread."""
    if len(body) >= _IN_THREAD_BYTES:
        return await asyncio.to_thread(_packed, body, encoding)
    return _packed(body, encoding)


def _packed(body: bytes, encoding: str) -> bytes:
    if encoding == "zstd":
        compressed: bytes = _ZSTD.compress(body, level=_ZSTD_LEVEL)
        return compressed
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    return packer.compress(body) + packer.flush()


def compressing() -> Any:
    """Return the middleware."""

    @web.middleware
    async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if isinstance(answer, AsItIs) or not isinstance(answer, web.Response) or answer.prepared:
            return answer
        if not answer.content_type.startswith(_TYPES):
            return answer
        _vary(answer)
        encoding = chosen(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        body = answer.body
        if encoding is None or not isinstance(body, bytes) or len(body) < LEAST_BYTES:
            return answer
        if hdrs.CONTENT_ENCODING in answer.headers:
            return answer
        answer.body = await packed(body, encoding)
        answer.headers[hdrs.CONTENT_ENCODING] = encoding
        return answer

    return compress


def _vary(answer: web.Response) -> None:
    given = answer.headers.get(hdrs.VARY, "")
    if hdrs.ACCEPT_ENCODING not in given:
        answer.headers[hdrs.VARY] = f"{given}, Accept-Encoding".lstrip(", ")
