"""The daily exports: streamed, bounded, and never half believed."""

from __future__ import annotations

import gzip
import json
import time
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


def test_a_bad_line_is_reported_by_number_and_the_rest_read() -> None:
    body = b'{"id": 1}\n\n{"id": "x"}\nnot json\n{"id": 2, "popularity": null}\n{"id": 3}\n'
    found = read(body, 10)
    assert [line.line for line in found if isinstance(line, MalformedLine)] == [3, 4]
    assert [line.id for line in found if isinstance(line, ExportedId)] == [1, 2, 3]


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize(
    ("extra", "counted"),
    [
        (b"\n", 0),
        (b"\r\n \t", 0),
        (b"\0" * 512, 0),
        (b"\0\0" + gzip.compress(b'{"id": 9, "original_title": "x"}\n', mtime=0), 0),
        (b"<html>bye</html>", 1),
        (b"\0\0\n<html>", 1),
        (b"\x1f", 1),
        (b"\x1fx" + gzip.compress(b"x", mtime=0), 1),
    ],
)
def test_bytes_after_the_end_are_counted_and_cost_nothing(
    extra: bytes, counted: int, step: int
) -> None:
    body = gzip.compress(b'{"id": 1, "original_title": "One"}\n{"id": 2}\n') + extra
    found = read(body, step)
    ids = [line.id for line in found if isinstance(line, ExportedId)]
    assert ids == [1, 2, 9] if b"\x1f\x8b" in extra and not counted else [1, 2]
    assert sum(isinstance(line, MalformedLine) for line in found) == counted


def test_a_damaged_second_member_is_an_error() -> None:
    one, two = gzip.compress(LINES[:5_000]), gzip.compress(LINES[5_000:])
    with pytest.raises(MalformedResponseError, match="got a part"):
        read(one + two[:-9], 4_096)
    with pytest.raises(MalformedResponseError, match="damaged"):
        read(one + two[:200] + bytes(100) + two[300:], 4_096)


def test_many_empty_members_take_bounded_steps() -> None:
    body = gzip.compress(b"") * 3_000 + gzip.compress(LINES)
    parser, steps = ExportParser("x"), 0
    for part in parser.decompress(body):
        steps += 1
        list(parser.parse(part))
    assert steps >= 3_000, "each member is a step of its own, between which other tasks may run"
    started = time.perf_counter()
    assert not read(gzip.compress(b"") * 13_000, 262_144)
    assert time.perf_counter() - started < 5, "linear in the number of members"


@pytest.mark.parametrize(
    ("line", "popularity", "omitted"),
    [
        (b'{"id": 7, "popularity": NaN}', 0.0, 1),
        (b'{"id": 7, "popularity": "NaN"}', 0.0, 1),
        (b'{"id": 7, "popularity": 1e999}', 0.0, 1),
        (b'{"id": 7, "popularity": -1}', 0.0, 1),
        (b'{"id": 7, "popularity": null}', 0.0, 0),
        (b'{"id": 7, "popularity": []}', 0.0, 1),
        (b'{"id": "7", "popularity": "1.5"}', 1.5, 0),
        (b'\xef\xbb\xbf{"id": 7, "popularity": 2}', 2.0, 0),
        (b'{"id": 7, "popularity": 2, "original_title": "a \\ud83d"}', 2.0, 1),
        (b'{"id": 7, "popularity": 2, "original_title": 1917}', 2.0, 0),
        (b'{"id": 7, "popularity": 2, "adult": null, "original_title": null}', 2.0, 0),
    ],
)
def test_an_unusable_value_costs_that_value_alone(
    line: bytes, popularity: float, omitted: int
) -> None:
    (found,) = read(line + b"\n", 1_000)
    assert isinstance(found, ExportedId)
    assert (found.id, found.popularity, found.omitted) == (7, popularity, omitted)


@pytest.mark.parametrize(
    "line",
    [b'{"id": 0}', b'{"id": -4}', b'{"id": 99999999999999999999}', b'{"id": 1.5}', b'{"id": null}',
     b'{"id": 1, "adult": "perhaps"}', b'{"id": 5, "orig', b"[]", b"\xff\xfe", b"[" * 50_000],
)  # fmt: skip
def test_a_line_without_a_usable_id_is_malformed(line: bytes) -> None:
    found = read(line + b'\n{"id": 3}\n', 100_000)
    assert isinstance(found[0], MalformedLine)
    assert [each.id for each in found if isinstance(each, ExportedId)] == [3]


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


@pytest.mark.parametrize("step", [1_000, 100_000, 10**7])
def test_a_line_that_is_too_long_is_counted_and_skipped(step: int) -> None:
    body = b'{"id": 1}\n' + b"x" * 3_000_000 + b'\n{"id": 2}\n' + b'{"id": 3}' + b" " * 70_000
    for given in (body, gzip.compress(body)):
        found = read(given, step)
        assert [line.id for line in found if isinstance(line, ExportedId)][:2] == [1, 2]
        bad = [line for line in found if isinstance(line, MalformedLine)]
        assert bad[0].line == 2
        assert len(found) == 4


def test_a_file_is_read_packed_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    assert list(read_export_file(plain)) == list(read_export_file(packed))
    packed.write_bytes(gzip.compress(LINES)[:5_000])
    with pytest.raises(ImportFormatError, match=r"a\.json\.gz: expected a whole gzip file"):
        list(read_export_file(packed))
