"""Writing sealed files: what goes in comes back, and a failed write leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.files.small import write_small
from tv5core.errors import (
    InvalidInputError,
)
from tv5core.files import SectionFile, SectionStream, write_sections

BLOCK = 1 << 20


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


def test_checksums_of_different_files_differ(tmp_path: Path) -> None:
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


def test_a_failing_stream_leaves_no_file(tmp_path: Path) -> None:
    def blocks() -> Any:
        yield np.zeros(2 * BLOCK, np.uint8)
        raise RuntimeError("source went away")

    stream = SectionStream(np.uint8, (3 * BLOCK,), blocks())
    with pytest.raises(RuntimeError):
        write_sections(tmp_path / "f", "TEST", 1, {}, {"a": stream})
    assert list(tmp_path.iterdir()) == []
