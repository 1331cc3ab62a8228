"""Frames on a stream."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.server.process.framing import frame, read_frame


async def read_all(data: bytes, limit: int = 100) -> list[bytes]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while (body := await read_frame(reader, limit)) is not None:
        found.append(body)
    return found


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_bodies_come_out_as_they_went_in(bodies: list[bytes]) -> None:
    assert asyncio.run(read_all(b"".join(frame(body, 100) for body in bodies))) == bodies


def test_a_body_above_the_limit_is_not_sent() -> None:
    with pytest.raises(InvalidInputError, match="at most 100 bytes, got 101"):
        frame(bytes(101), 100)


async def test_a_length_above_the_limit_is_refused_before_its_body_is_read() -> None:
    with pytest.raises(InvalidInputError, match="at most 100 bytes, got 4294967295"):
        await read_all(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("cut", range(1, 8))
async def test_a_frame_that_is_cut_off_is_a_lost_connection(cut: int) -> None:
    with pytest.raises(ConnectionError):
        await read_all(frame(b"four")[:cut])
