"""What workers and the writer say to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core import errors
from tv5core.data import demo_titles
from tv5core.errors import InvalidInputError, Tv5Error
from tv5core.server.process import messages
from tv5core.server.process.messages import Add, Delete, Failure, Reply


def test_messages_survive_encoding() -> None:
    for request in (Add(7, tuple(demo_titles()[:3])), Delete(8, ("a", "b"))):
        assert messages.decode_request(messages.encode(request)) == request
    reply = Reply(7, 3, Failure("UnknownIdError", "expected a known id, got 'x'"))
    assert messages.decode_reply(messages.encode(reply)) == reply


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(body: bytes) -> None:
    for decode in (messages.decode_request, messages.decode_reply):
        with pytest.raises(InvalidInputError, match="expected a re"):
            decode(body)


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_comes_back_as_one_of_the_library_with_its_message(name: str) -> None:
    found = messages.error_of(Failure(name, "expected this, got that"))
    assert isinstance(found, Tv5Error)
    assert "expected this, got that" in str(found)


@pytest.mark.parametrize("name", ["os", "annotations", "SystemExit", "__all__", ""])
def test_a_failure_never_makes_anything_else(name: str) -> None:
    assert type(messages.error_of(Failure(name, "x"))) is Tv5Error
