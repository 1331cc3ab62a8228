"""The daily exports: streamed, bounded, and never half believed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tv5core.errors import ImportFormatError, MalformedResponseError
from tv5core.upstream.sync.plan import PlanBuilder, plan_from_files, plan_from_ids
from tv5core.upstream.tmdb.exports import BadLine, ExportedId, LineReader, read_export_file

LINES = b"".join(
    json.dumps(
        {"adult": n == 5, "id": n, "original_title": f"Film {n}", "popularity": n % 7}
    ).encode()
    + b"\n"
    for n in range(1, 2_001)
)


def read(body: bytes, step: int, **options: int) -> list[ExportedId | BadLine]:
    reader = LineReader("movie_ids.json.gz", **options)
    found = [line for at in range(0, len(body), step) for line in reader.feed(body[at : at + step])]
    return [*found, *reader.finish()]


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
    assert [line.line for line in found if isinstance(line, BadLine)] == [3, 4, 5]
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


# -- plans -------------------------------------------------------------------------------------


def line(id: int, popularity: float, *, series: bool = False, adult: bool = False) -> ExportedId:
    if series:
        return ExportedId(id, popularity, adult, original_name="x")
    return ExportedId(id, popularity, adult, original_title="x")


def built(*lines: ExportedId | BadLine, media: tuple[str, ...] = ("movie", "tv")) -> PlanBuilder:
    builder = PlanBuilder(media)
    for each in lines:
        builder.add(each)
    return builder


def test_the_most_popular_come_first_and_each_once() -> None:
    plan = built(
        line(1, 2.0), line(9, 7.0, series=True), line(3, 7.0), line(2, 2.0), line(1, 2.0)
    ).plan()
    assert [plan[n] for n in range(len(plan))] == [
        "tmdb:movie:3", "tmdb:tv:9", "tmdb:movie:1", "tmdb:movie:2",
    ]  # fmt: skip


def test_what_is_left_out_is_counted() -> None:
    plan = built(
        line(1, 1.0), line(2, 1.0, adult=True), BadLine(3, "x"), line(-4, 1.0), ExportedId(5),
        line(6, 1.0, series=True), media=("movie",),
    ).plan()  # fmt: skip
    assert (len(plan), plan.adult, plan.malformed) == (1, 1, 3)


def test_how_far_a_plan_reaches() -> None:
    plan = built(*(line(n, float(n)) for n in range(1, 11))).plan()
    assert plan.reach(None, 0.0) == 10
    assert plan.reach(None, 4.0) == 7, "as popular as that is enough"
    assert plan.reach(3, 4.0) == 3
    assert plan.reach(100, 11.0) == 0


def test_a_plan_is_known_by_its_order_alone() -> None:
    one, other = built(line(1, 2.0), line(2, 1.0)), built(line(2, 5.0), line(1, 9.0))
    assert one.plan().digest == other.plan().digest
    assert one.plan().digest != built(line(1, 1.0), line(2, 2.0)).plan().digest
    assert len(plan_from_ids([])) == 0
    assert plan_from_ids([("tv", 5), ("movie", 9)])[0] == "tmdb:movie:9"


async def test_files_tell_their_kind_by_lines_or_name(tmp_path: Path) -> None:
    path = tmp_path / "tv_series_ids_03_10_2026.json"
    path.write_text('{"id": 7, "popularity": 1.5}\n', "utf-8")
    films = tmp_path / "anything.json"
    films.write_bytes(LINES)
    plan = await plan_from_files([path, films], ["movie", "tv"])
    assert len(plan) == 2_000
    assert plan.adult == 1
    assert "tmdb:tv:7" in {plan[n] for n in range(len(plan))}
