"""Events as they are written."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.events.event import Event, decode_event


def test_an_event_is_decoded() -> None:
    assert decode_event(b'{"ids": ["a"]}') == Event(("a",), "availability.changed")
    assert decode_event(b'{"ids": ["a", "b"], "event": "title.changed"}') == Event(
        ("a", "b"), "title.changed"
    )


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"\xff", b"{}", b'{"ids": []}', b'{"ids": [""]}', b'{"ids": ["a"], "x": 1}'),
        b'{"ids": ["a"], "event": "missed"}',
    ],
)
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="expected an event"):
        decode_event(data)


@given(st.binary(max_size=200))
def test_nothing_else_is_raised(data: bytes) -> None:
    with suppress(InvalidInputError):
        decode_event(data)
