"""Whatever is in a file: no exception, and every row counted."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.importers import FORMATS, ImportReport, import_paths

Check = Callable[[ImportReport], None]
HEADERS = {
    "links": "movieId,imdbId,tmdbId",
    "tmdb-csv": "adult,genres,id,imdb_id,overview,release_date,runtime,title,cast,crew,keywords",
    "justwatch": "id,title,type,release_year,genres,seasons,imdb_id,imdb_score,imdb_votes",
    "streaming": "show_id,type,title,director,cast,country,release_year,rating,duration,listed_in",
    "csv": "title,year,overview,genres,runtime",
}
CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "1",
            "tm1",
            "Movie",
            "MOVIE",
            "SHOW",
            "2010",
            "tt0000001",
            "[",
            "['a']",
            '[{"name": "x"}]',
            "[{'name': 1}]",
            "nan",
            "1e999",
            "-1",
            '"',
            "\x00",
            "\ud83d",
            "90 min",
            "2 Seasons",
        ]
    ),
)
KEYS = st.sampled_from(
    [
        "id",
        "kind",
        "title",
        "name",
        "media_type",
        "overview",
        "release_date",
        "first_air_date",
        "genres",
        "cast",
        "credits",
        "crew",
        "results",
        "year",
        "href",
        "keywords",
        "watch/providers",
        "external_ids",
        "runtime",
        "episode_run_time",
        "aggregate_credits",
        "roles",
        "release_dates",
        "content_ratings",
        "US",
        "flatrate",
        "genre_ids",
        "offers",
        "votes",
        "job",
        "jobs",
        "order",
        "provider_name",
        "extract",
        "vote_average",
    ]
)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["movie", "tv", "A", "2010-01-01", "tt0000001"]),
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
RELAXED = settings(
    deadline=None,
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def imported(new_catalog: Any, name: str, content: bytes, format: str) -> tuple[Any, ImportReport]:
    mapping = {key: key for key in HEADERS["csv"].split(",")} if format == "csv" else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        catalog = new_catalog()
        first = import_paths(catalog, [path], format=format, mapping=mapping)
        before = dict(catalog.titles)
        again = import_paths(catalog, [path], format=format, mapping=mapping)
        assert catalog.titles == before
        assert again.rows == first.rows
        assert sum(f.new + f.merged + f.changed for f in again.files) == 0
    return catalog, first


@pytest.mark.parametrize("format", sorted(HEADERS))
@RELAXED
@given(data=st.data())
def test_csv_cells(format: str, data: st.DataObject, new_catalog: Any, adds_up: Check) -> None:
    width = HEADERS[format].count(",") + 1
    rows = data.draw(st.lists(st.lists(CELL, min_size=width - 1, max_size=width + 1), max_size=6))
    lines = [HEADERS[format], *(",".join(row) for row in rows)]
    content = "\n".join(lines).encode("utf-8", "replace")
    adds_up(imported(new_catalog, "x_titles.csv", content, format)[1])


@pytest.mark.parametrize("format", ["tmdb-json", "wikipedia", "jsonl"])
@RELAXED
@given(values=st.lists(JSON, max_size=6), array=st.booleans())
def test_json_values(
    format: str, values: list[Any], array: bool, new_catalog: Any, adds_up: Check
) -> None:
    lines = [json.dumps(value) for value in values]
    content = f"[{','.join(lines)}]" if array else "\n".join(lines)
    adds_up(imported(new_catalog, "x.json", content.encode(), format)[1])


@pytest.mark.parametrize("format", sorted(FORMATS))
@RELAXED
@given(content=st.binary(max_size=200))
def test_bytes(format: str, content: bytes, new_catalog: Any, adds_up: Check) -> None:
    adds_up(
        imported(new_catalog, "x.csv", HEADERS.get(format, "").encode() + b"\n" + content, format)[
            1
        ]
    )
    adds_up(imported(new_catalog, "x.json", b'[{"title": "A"}, ' + content, format)[1])


@RELAXED
@given(
    content=st.binary(max_size=300), name=st.sampled_from(["x.csv", "x.json", "x.jsonl", "x.tsv"])
)
def test_detected_bytes(content: bytes, name: str, new_catalog: Any, adds_up: Check) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        adds_up(import_paths(new_catalog(), [path]))
