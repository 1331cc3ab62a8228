"""Tables of other libraries as titles; vectors that are not copied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.arrow.conftest import EXTRA, TITLES
from tv5core import Catalog
from tv5core.arrow.columns import match_columns
from tv5core.arrow.reading import batches_of, open_table
from tv5core.errors import DimensionError, InvalidInputError, NonFiniteVectorError
from tv5core.types import Person

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

WAYS: dict[str, Callable[[Any], object]] = {
    "pyarrow": lambda table: table,
    "a stream": lambda table: table.to_reader(),
    "one batch": lambda table: table.to_batches()[0],
    "polars": polars.from_arrow,
    "pandas": lambda table: table.to_pandas(),
    "columns": lambda table: {name: table[name] for name in table.column_names},
    "views": lambda table: table.cast(pa.schema([_as_view(field) for field in table.schema])),
}


def _as_view(field: Any) -> Any:
    return pa.field(field.name, pa.large_string()) if field.type == pa.string() else field


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    with Catalog.open(tmp_path / "empty", extra_fields=EXTRA) as catalog:
        yield catalog


@pytest.mark.parametrize("way", WAYS)
def test_a_table_of_any_library_gives_the_same_titles(
    full: Catalog, empty: Catalog, way: str
) -> None:
    table = full.to_arrow()
    assert empty.add_table(WAYS[way](table)).added == 2
    assert [empty.get(title.id) for title in TITLES] == TITLES
    assert empty.to_arrow().equals(table)


def test_rows_as_dicts_dates_and_names_of_people(empty: Catalog) -> None:
    rows = [
        {"movie_id": "a", "name": "A", "actors": ["X Y", None], "out": date(2001, 2, 3)},
        {"movie_id": "b", "name": "B", "actors": None, "out": None},
    ]
    names = {"movie_id": "id", "name": "title", "actors": "cast", "out": "release_date"}
    assert empty.add_table(rows, columns=names, kind="movie").added == 2
    assert empty.get("a").cast == (Person("X Y"),)
    assert empty.get("a").release_date == "2001-02-03"
    assert empty.get("b").cast == ()


def test_numbers_of_pandas_with_gaps_are_whole(empty: Catalog) -> None:
    frame = pandas.DataFrame(
        {"id": ["a", "b"], "title": ["A", "B"], "kind": "movie", "year": [1999.0, np.nan]}
    )
    empty.add_table(frame)
    assert (empty.get("a").year, empty.get("b").year) == (1999, None)


def test_categories_are_texts(empty: Catalog) -> None:
    frame = pandas.DataFrame({"id": ["a", "b"], "title": ["A", "B"]})
    frame["kind"] = pandas.Categorical(["movie", "show"])
    empty.add_table(frame)
    assert empty.get("b").kind == "show"


# -- what is wrong ------------------------------------------------------------------------


def test_every_wrong_column_is_in_one_error(empty: Catalog) -> None:
    bad = {"id": [1], "titel": ["a"], "year": ["x"], "cast": [[1]], "tags": ["x"]}
    with pytest.raises(InvalidInputError) as found:
        empty.add_table(bad)
    lines = str(found.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        *("id", "titel", "year", "cast", "tags"),
        *("title", "kind"),
    ]
    assert "did you mean 'title'?" in lines[1]
    assert "expected int64, got string" in lines[2]
    assert empty.count() == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": ["a"], "title": ["x"], "kind": ["film"]}, r"row 0: .*'film'"),
        ({"id": ["a"], "title": [None], "kind": ["show"]}, "row 0: .*`title`"),
        ({"id": ["a"], "title": ["A"], "kind": ["show"], "year": [1.5]}, r"row 0: .*year"),
        ({"id": ["a", "b"], "title": ["x"]}, "Arrow refuses"),
        ({"id": ["", "b"], "title": ["x", "y"], "kind": ["show", "show"]}, "1 to 256"),
        (3, "rows as dicts, got 3"),
        ([1, 2], "rows as dicts"),
        ("a", "rows as dicts, got 'a'"),
    ],
)
def test_what_is_no_table_of_titles(empty: Catalog, table: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        empty.add_table(table)
    assert empty.count() == 0


def test_arguments(empty: Catalog) -> None:
    table = {"id": ["a"], "title": ["A"]}
    with pytest.raises(InvalidInputError, match="'movie' or 'show', got 'film'"):
        empty.add_table(table, kind="film")
    with pytest.raises(InvalidInputError, match=r"columns of the table \(id, title\), got 'v'"):
        empty.add_table(table, kind="movie", vectors="v")
    with pytest.raises(InvalidInputError, match="another column for title"):
        empty.add_table({**table, "name": ["B"]}, kind="movie", columns={"name": "title"})


def test_rows_before_a_wrong_one_are_stored_in_whole_batches(
    empty: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tv5core.arrow.reading._BATCH", 2)
    ids = ["a", "b", "c", "d", "e"]
    kinds = ["movie", "movie", "movie", "film", "movie"]
    with pytest.raises(InvalidInputError, match="row 3"):
        empty.add_table({"id": ids, "title": ids, "kind": kinds})
    assert list(empty.ids()) == ["a", "b"]


# -- vectors ------------------------------------------------------------------------------


def _with_vectors(matrix: Any) -> dict[str, object]:
    ids = [f"t{n}" for n in range(len(matrix))]
    return {"id": ids, "title": ids, "vec": matrix}


def test_vectors_are_views_of_the_table() -> None:
    matrix = np.random.default_rng(0).standard_normal((50, 8), np.float32)
    reader = open_table(pa.table(open_table(_with_vectors(matrix))))
    layout = match_columns(reader.schema, {}, columns=None, vectors="vec", kind="movie")
    (_, found), *rest = batches_of(reader, layout)
    assert not rest
    np.testing.assert_array_equal(found, matrix)
    assert found is not None
    assert not found.flags.owndata
    assert not found.flags.writeable, "Arrow's memory"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("is_fixed", [True, False])
def test_vectors_of_any_type_and_list(tmp_path: Path, dtype: Any, *, is_fixed: bool) -> None:
    matrix = (np.random.default_rng(1).standard_normal((40, 8)) * 20).astype(dtype)
    column = matrix if is_fixed else [list(row) for row in matrix]
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        table = pa.table(open_table(_with_vectors(matrix))) if is_fixed else _with_vectors(column)
        sliced = table.slice(5) if is_fixed else {n: v[5:] for n, v in table.items()}
        assert catalog.add_table(sliced, vectors="vec", kind="movie").added == 35
        hits = catalog.search(matrix[9].astype(np.float32), k=1)
        assert hits[0].id == "t9"


def test_wrong_vectors(tmp_path: Path) -> None:
    ones = [1.0] * 8
    wrong: list[tuple[object, str, type[Exception]]] = [
        ([ones, None], "none in row 1", InvalidInputError),
        ([ones, ones[:7]], "8 numbers in row 0 and 7 in row 1", InvalidInputError),
        ([[None, *ones[1:]], ones], "got null", InvalidInputError),
        (["x", "y"], "fixed_size_list", InvalidInputError),
        ([[np.inf, *ones[1:]], ones], "finite", NonFiniteVectorError),
        ([ones[:2], ones[:2]], "8 to 4096", DimensionError),
    ]
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        for column, message, kind in wrong:
            with pytest.raises(kind, match=message):
                catalog.add_table(_with_vectors(column), vectors="vec", kind="movie")
        assert catalog.count() == 0
        catalog.add_table(_with_vectors(np.eye(3, 8, dtype=np.float32)), vectors="vec", kind="show")
        with pytest.raises(DimensionError):
            catalog.add_table(_with_vectors(np.eye(9)), vectors="vec", kind="show")
