"""Values that end in their checksum: every flipped bit of one is found."""

from __future__ import annotations

import pytest

from tv5core.errors import CorruptFileError
from tv5core.store.checked_values import body_of, is_intact, with_checksum


@pytest.mark.parametrize("body", [b"", b"a", bytes(range(64))])
def test_every_flipped_bit_of_key_and_value_is_found(body: bytes) -> None:
    key = b"\0\0\0\7key"
    value = with_checksum(key, body)
    assert is_intact(key, value)
    assert is_intact(key, memoryview(value))
    assert body_of(key, value, "a value") == body
    for bit in range(8 * len(value)):
        assert not is_intact(key, _flipped(value, bit))
    for bit in range(8 * len(key)):
        assert not is_intact(_flipped(key, bit), value)


@pytest.mark.parametrize("value", [b"", b"abc", b"body and no checksum"])
def test_what_is_no_checked_value_is_refused(value: bytes) -> None:
    with pytest.raises(CorruptFileError, match="expected a thing of checksum"):
        body_of(b"key", value, "a thing")


def _flipped(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
