"""Opening sealed files: damage of every kind is detected."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.files.small import write_small
from tv5core.errors import (
    ClosedError,
    CorruptFileError,
    FormatVersionError,
)
from tv5core.files import SectionFile, SectionStream, write_sections


def forge(
    path: Path, sections: list[Any], *, body: int = 64, checksums: bytes | None = None
) -> None:
    """Write a file whose checksums all hold but whose table says ``sections``."""
    data = bytes(body)
    if checksums is None:
        checksums = struct.pack("<I", zlib.crc32(data))
    header = msgspec.msgpack.encode({"meta": {}, "sections": sections, "checksums": checksums})
    start = struct.pack(
        "<8s4sIQQI24x", b"TV5FILE1", b"TEST", 1, 64 + body, len(header), zlib.crc32(header)
    )
    path.write_bytes(start + struct.pack("<I", zlib.crc32(start)) + data + header)


def test_sections_are_aligned_and_read_only(tmp_path: Path) -> None:
    write_small(tmp_path / "f")
    file = SectionFile.open(tmp_path / "f", "TEST", 3)
    for name in file.names:
        section = file.section(name)
        assert not section.flags.writeable
        assert section.size == 0 or section.ctypes.data % 64 == 0


def test_views_outlive_close(tmp_path: Path) -> None:
    write_small(tmp_path / "f")
    file = SectionFile.open(tmp_path / "f", "TEST", 3)
    keys = file.section("keys")
    file.close()
    file.close()
    assert keys.sum() == 21
    with pytest.raises(ClosedError, match="after close"):
        file.section("keys")


def test_an_absent_section_or_file(tmp_path: Path) -> None:
    write_small(tmp_path / "f")
    with pytest.raises(CorruptFileError, match="expected a section 'codes', got"):
        SectionFile.open(tmp_path / "f", "TEST", 3).section("codes")
    with pytest.raises(FileNotFoundError):
        SectionFile.open(tmp_path / "g", "TEST", 3)


def test_another_kind_and_newer_versions(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_small(path)
    with pytest.raises(CorruptFileError, match="expected a 'BEST' file, got b'TEST'"):
        SectionFile.open(path, "BEST", 3)
    with pytest.raises(FormatVersionError, match="at most TEST version 2, got 3"):
        SectionFile.open(path, "TEST", 2)
    path.write_bytes(b"TV5FILE2" + path.read_bytes()[8:])
    with pytest.raises(FormatVersionError, match="at most container version 1, got 2"):
        SectionFile.open(path, "TEST", 3)


@pytest.mark.parametrize("content", [b"", b"TV5FILE1", b"not ours" * 40, bytes(200)])
def test_files_that_are_not_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(CorruptFileError):
        SectionFile.open(tmp_path / "f", "TEST", 1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("files") / "small"
    write_small(path)
    return path.with_name("damaged"), path.read_bytes()


@given(data=st.data())
def test_any_flipped_bit_is_detected(small: tuple[Path, bytes], data: st.DataObject) -> None:
    path, good = small
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    damaged = bytearray(good)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    with pytest.raises(CorruptFileError):
        SectionFile.open(path, "TEST", 3)


@given(data=st.data())
def test_any_truncation_or_addition_is_detected(
    small: tuple[Path, bytes], data: st.DataObject
) -> None:
    path, good = small
    length = data.draw(st.integers(0, len(good) - 1))
    tail = data.draw(st.binary(min_size=1, max_size=3))
    for damaged in (good[:length], good + tail):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFileError):
            SectionFile.open(path, "TEST", 3)


@given(data=st.data())
def test_any_overwritten_run_is_detected(small: tuple[Path, bytes], data: st.DataObject) -> None:
    path, good = small
    start = data.draw(st.integers(0, len(good) - 1))
    run = data.draw(st.binary(min_size=1, max_size=80))
    damaged = (good[:start] + run + good[start + len(run) :])[: len(good)]
    path.write_bytes(damaged)
    if damaged == good:
        SectionFile.open(path, "TEST", 3).close()
    else:
        with pytest.raises(CorruptFileError):
            SectionFile.open(path, "TEST", 3)


def test_without_verify_the_structure_is_still_checked(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_small(path)
    good = path.read_bytes()
    path.write_bytes(good[:64] + b"\xff" + good[65:])
    SectionFile.open(path, "TEST", 3, verify=False)
    path.write_bytes(good[:-1])
    with pytest.raises(CorruptFileError):
        SectionFile.open(path, "TEST", 3, verify=False)


HOSTILE = [
    ["a", 0, "|u1", [64]],
    ["a", -64, "|u1", [64]],
    ["a", 63, "|u1", [1]],
    ["a", 65, "|u1", [1]],
    ["a", 64, "|u1", [65]],
    ["a", 128, "|u1", [1]],
    ["a", 1 << 63, "|u1", [1]],
    ["a", 64, "|u1", [-1]],
    ["a", 64, "|u1", [-1, -64]],
    ["a", 64, "<f4", [1 << 63, 2]],
    ["a", 64, "|u1", [0, 1 << 63]],
    ["a", 64, "|u1", [0, 1 << 40, 1 << 40]],
    ["a", 64, "|u1", [1] * 65],
    ["a", 64, "|O", [1]],
    ["a", 64, "O", [1]],
    ["a", 64, "|V8", [1]],
    ["a", 64, "f4,f4", [1]],
    ["a", 64, ">f4", [1]],
    ["a", 64, "nonsense", [1]],
    ["a", 64, 7, [1]],
    ["a", "64", "|u1", [1]],
    ["a", 64, "|u1", [1.5]],
    ["a", 64, "|u1", "1"],
    ["a", 64],
    7,
    {},
]


@pytest.mark.parametrize("section", HOSTILE, ids=repr)
def test_hostile_tables_are_refused(tmp_path: Path, section: Any) -> None:
    forge(tmp_path / "f", [section])
    with pytest.raises(CorruptFileError, match="f: "):
        SectionFile.open(tmp_path / "f", "TEST", 1)


def test_overlapping_and_duplicate_sections_are_refused(tmp_path: Path) -> None:
    for second in (["b", 64, "|u1", [1]], ["a", 128, "|u1", [1]]):
        forge(tmp_path / "f", [["a", 64, "|u1", [64]], second], body=128)
        with pytest.raises(CorruptFileError):
            SectionFile.open(tmp_path / "f", "TEST", 1)


def test_a_missing_block_checksum_is_refused(tmp_path: Path) -> None:
    for checksums in (b"", bytes(3), bytes(8)):
        forge(tmp_path / "f", [], checksums=checksums)
        with pytest.raises(CorruptFileError, match="expected 1 block checksums"):
            SectionFile.open(tmp_path / "f", "TEST", 1)


def test_a_header_nested_too_deep_is_refused(tmp_path: Path) -> None:
    header = b"\x81\xa4meta" + b"\x91" * 100_000 + b"\xc0"
    start = struct.pack(
        "<8s4sIQQI24x", b"TV5FILE1", b"TEST", 1, 64, len(header), zlib.crc32(header)
    )
    (tmp_path / "f").write_bytes(start + struct.pack("<I", zlib.crc32(start)) + header)
    with pytest.raises(CorruptFileError, match="readable header"):
        SectionFile.open(tmp_path / "f", "TEST", 1)


def test_a_section_has_a_version_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    newer = SectionStream("<u4", (3,), [np.arange(3, dtype="<u4")], version=2)
    write_sections(path, "TEST", 1, {}, {"old": np.arange(3), "newer": newer})
    file = SectionFile.open(path, "TEST", 1)
    assert file.section("newer", 2).tolist() == [0, 1, 2]
    assert file.section("old").tolist() == [0, 1, 2]
    with pytest.raises(FormatVersionError, match="section 'newer' of version 1, got 2"):
        file.section("newer")
    file.close()


def test_a_file_opened_without_a_look_can_be_checked_later(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_small(path)
    data = bytearray(path.read_bytes())
    file = SectionFile.open(path, "TEST", 3, verify=False)
    file.check()
    found = 0
    for place in range(64, len(data)):
        data[place] ^= 1
        path.write_bytes(data)
        data[place] ^= 1
        try:
            later = SectionFile.open(path, "TEST", 3, verify=False)
        except CorruptFileError:
            break  # the header
        with pytest.raises(CorruptFileError, match="block 0"):
            later.check()
        found += 1
    assert found > 200
    later.close()
    with pytest.raises(ClosedError):
        later.check()
