"""Bodies: whatever follows the end of the gzip stream, and without holding other calls up."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tv5core.errors import MalformedResponseError
from tv5core.upstream.fetching.response_body import read_body


class Raw:
    """As much of aiohttp's response as a body needs."""

    def __init__(self, body: bytes, encoding: str, step: int) -> None:
        self.headers = {"Content-Encoding": encoding}
        self._pieces = [body[at : at + step] for at in range(0, len(body), step)]
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def read(body: bytes, encoding: str = "gzip", step: int = 65_536) -> bytes:
    raw: Any = Raw(body, encoding, step)
    return await read_body(cast("Any", raw), "x", 8 << 20, 8 << 20)


@pytest.mark.parametrize("step", [1, 5, 10**6])
@pytest.mark.parametrize("extra", [b"", b"\n", b"\0" * 99, b"<html>", b"\x1f", b"\x1fx", b"{}"])
async def test_what_follows_the_end_is_ignored(extra: bytes, step: int) -> None:
    assert await read(gzip.compress(b"ab") + gzip.compress(b"c") + extra, step=step) == b"abc"
    assert await read(zlib.compress(b"abc") + extra, "deflate", step) == b"abc"


@pytest.mark.parametrize("step", [1, 5, 10**6])
async def test_a_part_is_an_error(step: int) -> None:
    packed = gzip.compress(b"abc")
    for body in (packed[:-1], packed + packed[:-1], packed[:9], packed + b"\x1f\x8b"):
        with pytest.raises(MalformedResponseError, match="got a part"):
            await read(body, step=step)
    with pytest.raises(MalformedResponseError, match="got other bytes"):
        await read(b"abc" * 10, step=step)


async def test_many_empty_members_hold_nothing_up() -> None:
    longest_s, turns = 0.0, 0

    async def watch() -> None:
        nonlocal longest_s, turns
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest_s, turns = max(longest_s, time.perf_counter() - before), turns + 1

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    body = gzip.compress(b"", 1) * 100_000 + gzip.compress(b"1")
    assert await read(body, step=1 << 20) == b"1"
    watching.cancel()
    assert longest_s < 2
    assert turns > 5


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 5_000_000])
async def test_bodies_of_any_size_and_ratio(size: int) -> None:
    body = bytes(size)
    assert await read(gzip.compress(body)) == body
    assert await read(gzip.compress(body), step=3 if size < 10**5 else 999) == body
