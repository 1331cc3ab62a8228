"""Ways to spoil bytes, and to spoil our files while keeping their checksums right."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import msgspec
import numpy as np

from tv5core.files.layout import (
    ALIGNMENT,
    BLOCK_BYTES,
    IDENTITY_BYTES,
    PREAMBLE,
    PREAMBLE_BYTES,
    Header,
)

_NUMBERS = (0, 1, 2, 7, 63, 64, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1)
_VALUES: tuple[Any, ...] = (
    *_NUMBERS,
    -1,
    -(2**63),
    None,
    True,
    "",
    "x" * 300,
    b"\0",
    [],
    {},
    [1, [2, [3]]],
    float("nan"),
    float("inf"),
    1e308,
)


class SilentError(Exception):
    """Something spoiled was taken for sound."""


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Change bytes in one to four places: flip, set, insert, remove, repeat, cut off."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        if not out:
            return chance.randbytes(3)
        _spoil_once(out, chance)
    return bytes(out)


def _spoil_once(out: bytearray, chance: random.Random) -> None:
    at, way = chance.randrange(len(out)), chance.randrange(9)
    if way <= 2:
        out[at] ^= 1 << chance.randrange(8)
    elif way == 3:
        out[at] = chance.choice([0, 1, 0x7F, 0x80, 0xC1, 0xFF])
    elif way == 4:
        number = struct.pack("<Q", chance.choice(_NUMBERS))[: chance.choice([2, 4, 8])]
        out[at : at + len(number)] = number
    elif way == 5:
        out[at:at] = chance.randbytes(chance.choice([1, 4, 64]))
    elif way == 6:
        del out[at : at + chance.choice([1, 4, 64])]
    elif way == 7:
        piece = out[at : at + chance.choice([4, 64, 512])]
        start = chance.randrange(len(out))
        out[start : start + len(piece)] = piece
    else:
        del out[at:]


def spoil_in_place(data: bytes, chance: random.Random) -> bytes:
    """Change bytes without changing how many there are."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8]) if out else 0):
        at = chance.randrange(len(out))
        piece = chance.choice(
            [
                struct.pack("<I", chance.choice(_NUMBERS) & 0xFFFFFFFF),
                struct.pack("<f", chance.choice([float("nan"), float("inf"), 1e38, -0.0])),
                chance.randbytes(chance.choice([1, 4, 16])),
            ]
        )
        out[at : at + len(piece)] = piece[: len(out) - at]
    return bytes(out)


def spoil_value(value: Any, chance: random.Random) -> Any:
    """Change one thing somewhere in what msgpack or JSON can hold."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: spoil_value(value[key], chance)}
    if isinstance(value, list | tuple) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        if chance.random() < 0.1:
            return [*value[:at], *value[at + 1 :]]
        return [*value[:at], spoil_value(value[at], chance), *value[at + 1 :]]
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.5:
        return max(-(2**63), min(2**64 - 1, value + chance.choice([-64, -1, 1, 64, value])))
    return chance.choice(_VALUES)


# -- our files ----------------------------------------------------------------------------


def take_apart(data: bytes) -> tuple[bytes, Header, dict[str, bytes]]:
    """Split a file into its identity, its header and its sections' bytes."""
    _, _, _, offset, length, _, _ = PREAMBLE.unpack(data[:PREAMBLE_BYTES])
    header = msgspec.msgpack.decode(data[offset : offset + length], type=Header)
    parts = {}
    for section in header.sections:
        size = int(np.prod(section.shape)) * np.dtype(section.dtype).itemsize
        parts[section.name] = data[section.offset : section.offset + size]
    return data[:IDENTITY_BYTES], header, parts


def put_together(identity: bytes, meta: Any, sections: list[Any], parts: dict[str, bytes]) -> bytes:
    """Make a file whose checksums hold, whatever is in it, of rows as of :func:`rows_of`."""
    body = bytearray()
    placed = []
    for section, part in zip(sections, parts.values(), strict=True):
        body += bytes(-len(body) % ALIGNMENT)
        offset = section[1] if section[1] is not None else PREAMBLE_BYTES + len(body)
        placed.append([section[0], offset, *section[2:], zlib.crc32(part)])
        body += part
    body += bytes(-len(body) % ALIGNMENT)
    blocks = range(0, len(body), BLOCK_BYTES)
    sums = [zlib.crc32(body[at : at + BLOCK_BYTES]) for at in blocks]
    checks = np.asarray(sums, "<u4").tobytes()
    header = msgspec.msgpack.encode({"meta": meta, "sections": placed, "checksums": checks})
    start = identity + struct.pack(
        "<QQI24x", PREAMBLE_BYTES + len(body), len(header), zlib.crc32(header)
    )
    return start + struct.pack("<I", zlib.crc32(start)) + bytes(body) + header


def rows_of(header: Header) -> list[list[Any]]:
    """Return the table of sections without what :func:`put_together` computes."""
    return [[s.name, None, s.dtype, list(s.shape), s.version] for s in header.sections]


def spoil_inside(data: bytes, chance: random.Random) -> bytes:
    """Spoil a file's sections or header, and make its checksums right again."""
    identity, header, parts = take_apart(data)
    sections, meta = rows_of(header), header.meta
    draw = chance.random()
    if draw < 0.55:
        name = chance.choice(list(parts))
        parts[name] = spoil_in_place(parts[name], chance)
    elif draw < 0.65:
        name = chance.choice(list(parts))
        parts[name] = spoil(parts[name], chance)
    elif draw < 0.8:
        meta = spoil_value(meta, chance)
    else:
        at = chance.randrange(len(sections))
        sections[at] = _spoil_section(sections[at], chance)
    return put_together(identity, meta, sections, parts)


def _spoil_section(section: list[Any], chance: random.Random) -> list[Any]:
    name, offset, dtype, shape, version = section
    way = chance.randrange(5)
    if way == 0:
        other = chance.choice(["", "keys", "packed_links", "values", "nothing"])
        return [other, offset, dtype, shape, version]
    if way == 1:
        other = chance.choice(["<u4", "<i8", "|u1", "|i1", "<f4", "<f2", "<f8", "|O", "<U9"])
        return [name, offset, other, shape, version]
    if way == 2:
        return [name, chance.choice([*_NUMBERS, 64, 128, 192]), dtype, shape, version]
    if way == 3:
        return [name, offset, dtype, shape, chance.choice(_NUMBERS)]
    changed = list(shape)
    at = chance.randrange(len(changed)) if changed else 0
    size = changed[at] if changed else 1
    changed[at : at + 1] = [max(0, size + step) for step in _steps(chance)]
    return [name, offset, dtype, changed, version]


def _steps(chance: random.Random) -> list[int]:
    return chance.choice([[-1], [1], [0, 0], [2**31], [2**62], []])
