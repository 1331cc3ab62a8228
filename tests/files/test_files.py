"""The container of every file that is not LMDB's."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core import files
from tv5core.errors import (
    ClosedError,
    CorruptFileError,
    DiskFailureError,
    DiskFullError,
    FormatVersionError,
    InvalidInputError,
    Tv5Error,
)
from tv5core.files import SectionFile, SectionStream, write_durably, write_sections

BLOCK = 1 << 20


def write_small(path: Path) -> files.SealedFile:
    sections: dict[str, Any] = {
        "rows": np.arange(35, dtype=np.float32).reshape(7, 5),
        "keys": np.arange(7, dtype=np.int64),
        "none": np.empty((0, 5), np.uint8),
        "text": np.frombuffer(b"some words", np.uint8),
    }
    return write_sections(path, "TEST", 3, {"dim": 5, "names": ["a", "b"]}, sections)


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


def test_round_trip(tmp_path: Path) -> None:
    record = write_small(tmp_path / "f")
    file = SectionFile.open(tmp_path / "f", "TEST", 3)
    assert file.names == ("rows", "keys", "none", "text")
    assert file.meta == {"dim": 5, "names": ["a", "b"]}
    assert (file.version, file.size, file.checksum) == (3, record.size, record.checksum)
    assert record.size == (tmp_path / "f").stat().st_size
    np.testing.assert_array_equal(file.section("rows"), np.arange(35).reshape(7, 5))
    np.testing.assert_array_equal(file.section("keys"), np.arange(7))
    assert file.section("none").shape == (0, 5)
    assert file.section("text").tobytes() == b"some words"
    assert "keys" in file
    assert "words" not in file


def test_sections_are_aligned_and_read_only(tmp_path: Path) -> None:
    write_small(tmp_path / "f")
    file = SectionFile.open(tmp_path / "f", "TEST", 3)
    for name in file.names:
        section = file.section(name)
        assert not section.flags.writeable
        assert section.size == 0 or section.ctypes.data % 64 == 0


def test_an_empty_file_of_no_sections(tmp_path: Path) -> None:
    write_sections(tmp_path / "f", "TEST", 1, {}, {})
    assert SectionFile.open(tmp_path / "f", "TEST", 1).names == ()


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8"])
def test_every_dtype_is_stored_little_endian(tmp_path: Path, dtype: str) -> None:
    values = np.arange(12).astype(dtype).reshape(3, 4)
    write_sections(tmp_path / "f", "TEST", 1, {}, {"a": values})
    read = SectionFile.open(tmp_path / "f", "TEST", 1).section("a")
    assert read.dtype == np.dtype(dtype).newbyteorder("<")
    np.testing.assert_array_equal(read, values)


def test_streams_and_strided_arrays_over_several_blocks(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (3000, 1001), dtype=np.uint8)
    stream = SectionStream(np.uint8, rows.shape, (rows[i : i + 700] for i in range(0, 3000, 700)))
    whole = {"a": rows, "b": rows[:, ::-2].astype(np.uint8), "c": rows.T}
    record = write_sections(tmp_path / "f", "TEST", 1, {}, {"s": stream, **whole})
    assert record.size > 3 * BLOCK
    file = SectionFile.open(tmp_path / "f", "TEST", 1)
    np.testing.assert_array_equal(file.section("s"), rows)
    for name, array in whole.items():
        np.testing.assert_array_equal(file.section(name), array)


def test_a_stream_may_widen_but_not_narrow(tmp_path: Path) -> None:
    stream = SectionStream(np.float32, (4,), [np.arange(2, dtype=np.float64), np.ones(2, np.int8)])
    write_sections(tmp_path / "f", "TEST", 1, {}, {"a": stream})
    assert SectionFile.open(tmp_path / "f", "TEST", 1).section("a").tolist() == [0, 1, 1, 1]
    with pytest.raises(InvalidInputError, match="expected a block of int32, got float64"):
        write_sections(
            tmp_path / "g", "TEST", 1, {}, {"a": SectionStream(np.int32, (1,), [np.ones(1)])}
        )


@pytest.mark.parametrize(
    ("kind", "version", "sections", "message"),
    [
        ("LONGER", 1, {}, "kind of 4 ASCII"),
        ("TÄST", 1, {}, "kind of 4 ASCII"),
        ("TEST", 0, {}, "version from 1"),
        ("TEST", 1, {"a": np.array(["x"])}, "expected integers or floats"),
        ("TEST", 1, {"a": np.array([1j])}, "expected integers or floats"),
        ("TEST", 1, {"a": SectionStream("u1", (3,), [np.ones(2, "u1")])}, "expected 3 bytes"),
        ("TEST", 1, {"a": SectionStream("u1", (3,), [np.ones(4, "u1")])}, "expected 3 bytes"),
    ],
)
def test_wrong_arguments_leave_no_file(
    tmp_path: Path, kind: str, version: int, sections: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        write_sections(tmp_path / "f", kind, version, {}, sections)
    assert list(tmp_path.iterdir()) == []


def test_checksum_tells_files_apart(tmp_path: Path) -> None:
    one = np.zeros(3, np.uint8)
    two = np.array([0, 0, 1], np.uint8)
    checksums = {
        write_sections(tmp_path / "f", kind, version, meta, {"a": array}).checksum
        for kind, version, meta, array in [
            ("TEST", 1, {}, one),
            ("TEST", 1, {}, two),
            ("TEST", 2, {}, one),
            ("BEST", 1, {}, one),
            ("TEST", 1, {"x": 1}, one),
        ]
    }
    assert len(checksums) == 5
    again = write_sections(tmp_path / "g", "TEST", 1, {}, {"a": two}).checksum
    assert again in checksums


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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="expected room to write"):
        write_small(tmp_path / "f")
    with pytest.raises(DiskFullError):
        files.write_durably(tmp_path / "g", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_failing_disk_is_told_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    syncs = []

    def broken(*_: object) -> None:
        syncs.append(1)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(DiskFailureError, match=os.strerror(code)):
        write_small(tmp_path / "f")
    assert len(syncs) == 1  # a second one would succeed, and lie
    with pytest.raises(DiskFailureError):
        write_durably(tmp_path / "g", b"x")
    assert list(tmp_path.iterdir()) == []


def test_other_os_errors_pass_through_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="not permitted") as caught:
        write_small(tmp_path / "f")
    assert not isinstance(caught.value, Tv5Error)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_stream_leaves_no_file(tmp_path: Path) -> None:
    def blocks() -> Any:
        yield np.zeros(2 * BLOCK, np.uint8)
        raise RuntimeError("source went away")

    stream = SectionStream(np.uint8, (3 * BLOCK,), blocks())
    with pytest.raises(RuntimeError):
        write_sections(tmp_path / "f", "TEST", 1, {}, {"a": stream})
    assert list(tmp_path.iterdir()) == []


def test_write_and_replace_durably(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.write_durably(path, b"one")
    files.write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    record = write_small(tmp_path / "temp")
    files.replace_durably(tmp_path / "temp", path)
    assert SectionFile.open(path, "TEST", 3).checksum == record.checksum
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    files.fsync_folder(tmp_path)


def test_a_section_has_a_version_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    newer = SectionStream("<u4", (3,), [np.arange(3, dtype="<u4")], version=2)
    write_sections(path, "TEST", 1, {}, {"old": np.arange(3), "newer": newer})
    file = SectionFile.open(path, "TEST", 1)
    assert (file.section_version("old"), file.section_version("newer")) == (1, 2)
    assert file.section("newer", 2).tolist() == [0, 1, 2]
    assert file.section("old").tolist() == [0, 1, 2]
    with pytest.raises(FormatVersionError, match="section 'newer' of version 1, got 2"):
        file.section("newer")
    file.close()


def test_one_section_is_checked_alone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_sections(path, "TEST", 1, {}, {"a": np.arange(9), "b": np.arange(9)})
    data = bytearray(path.read_bytes())
    data[data.index(np.arange(9).tobytes()) + 8] ^= 1
    path.write_bytes(bytes(data))
    file = SectionFile.open(path, "TEST", 1, verify=False)
    file.check_section("b")
    with pytest.raises(CorruptFileError, match="section 'a': expected checksum"):
        file.check_section("a")
    file.close()
