"""Plans: the order of titles, and what a limit leaves of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tv5core.errors import ImportFormatError
from tv5core.upstream.sync.plan import PlanBuilder, plan_from_files, plan_from_ids
from tv5core.upstream.tmdb.exports import ExportedId, MalformedLine

LINES = b"".join(
    json.dumps(
        {"adult": n == 5, "id": n, "original_title": f"Film {n}", "popularity": n % 7}
    ).encode()
    + b"\n"
    for n in range(1, 2_001)
)


def line(id: int, popularity: float, *, series: bool = False, adult: bool = False) -> ExportedId:
    if series:
        return ExportedId(id, popularity, adult, original_name="x")
    return ExportedId(id, popularity, adult, original_title="x")


def built(
    *lines: ExportedId | MalformedLine, media: tuple[str, ...] = ("movie", "tv")
) -> PlanBuilder:
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
        line(1, 1.0), line(2, 1.0, adult=True), MalformedLine(3, "x"), line(-4, 1.0), ExportedId(5),
        line(6, 1.0, series=True), media=("movie",),
    ).plan()  # fmt: skip
    assert (len(plan), plan.adult, plan.malformed) == (1, 1, 3)


def test_how_far_a_plan_reaches() -> None:
    plan = built(*(line(n, float(n)) for n in range(1, 11))).plan()
    assert plan.end(None, 0.0) == 10
    assert plan.end(None, 4.0) == 7, "as popular as that is enough"
    assert plan.end(3, 4.0) == 3
    assert plan.end(100, 11.0) == 0


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


async def test_an_export_without_a_usable_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie_ids.json"
    path.write_text("<html>\nplease log in\n</html>\n", "utf-8")
    with pytest.raises(ImportFormatError, match=r"movie_ids\.json: expected lines with ids, got 3"):
        await plan_from_files([path], ["movie"])
    path.write_text('<html>\n{"id": 1, "popularity": "NaN"}\n', "utf-8")
    plan = await plan_from_files([path], ["movie"])
    assert (len(plan), plan.malformed, plan.omitted) == (1, 1, 1)
