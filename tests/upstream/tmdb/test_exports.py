"""The daily exports: streamed, bounded, and never half believed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tv5core.errors import ImportFormatError, MalformedResponseError
from tv5core.upstream.tmdb.exports import ExportedId, ExportParser, MalformedLine, read_export_file

LINES = b"".join(
    json.dumps(
        {"adult": n == 5, "id": n, "original_title": f"Film {n}", "popularity": n % 7}
    ).encode()
    + b"\n"
    for n in range(1, 2_001)
)


def read(body: bytes, step: int, **options: int) -> list[ExportedId | MalformedLine]:
    parser = ExportParser("movie_ids.json.gz", **options)
    found = [line for at in range(0, len(body), step) for line in parser.feed(body[at : at + step])]
    return [*found, *parser.finish()]


@pytest.mark.parametrize("step", [1_000, 4_096, 10**7])
def test_lines_come_whole_however_the_bytes_are_cut(step: int) -> None:
    for body in (LINES, gzip.compress(LINES)):
        found = read(body, step)
        assert [line.id for line in found if isinstance(line, ExportedId)] == list(range(1, 2_001))


def test_several_gzip_files_in_one_and_padding() -> None:
    half = len(LINES) // 2
    body = gzip.compress(LINES[:half]) + gzip.compress(LINES[half:]) + b"\0" * 512
    assert len(read(body, 999)) == 2_000


def test_a_last_line_without_an_end() -> None:
    assert len(read(LINES.rstrip(b"\n"), 777)) == 2_000


def test_a_bad_line_is_told_by_number_and_the_rest_read() -> None:
    body = b'{"id": 1}\n\n{"id": "x"}\nnot json\n{"id": 2, "popularity": null}\n{"id": 3}\n'
    found = read(body, 10)
    assert [line.line for line in found if isinstance(line, MalformedLine)] == [3, 4, 5]
    assert [line.id for line in found if isinstance(line, ExportedId)] == [1, 3]


def test_damage_is_an_error() -> None:
    packed = gzip.compress(LINES)
    with pytest.raises(MalformedResponseError, match="expected a whole gzip file, got a part"):
        read(packed[: len(packed) // 2], 4_096)
    broken = packed[:200] + bytes(100) + packed[300:]
    with pytest.raises(MalformedResponseError, match="damaged"):
        read(broken, 4_096)


def test_more_than_is_believed_is_an_error() -> None:
    bomb = gzip.compress(b"\n" * 30_000_000)
    assert len(bomb) < 50_000
    with pytest.raises(MalformedResponseError, match="expected at most 1,000,000 bytes"):
        read(bomb, 4_096, max_bytes=1_000_000)
    with pytest.raises(MalformedResponseError, match="lines of at most 65,536 bytes"):
        read(gzip.compress(b"x" * 1_000_000), 4_096)


def test_a_file_is_read_packed_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    assert list(read_export_file(plain)) == list(read_export_file(packed))
    packed.write_bytes(gzip.compress(LINES)[:5_000])
    with pytest.raises(ImportFormatError, match=r"a\.json\.gz: expected a whole gzip file"):
        list(read_export_file(packed))
