"""Whatever is passed to a public method, only errors of tv5core come out."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.examples import examples
from tests.junk import JUNK, NOT_CALLABLE, PATHS, Unprintable, make_files
from tests.vectors.conftest import F32, clustered
from tv5core import errors
from tv5core.vectors import Filter, SearchOptions, SearchSettings, VectorIndex


def index() -> VectorIndex:
    made = VectorIndex.build(clustered(40, 16), threads=1)
    made.add(clustered(5, 16, seed=2), np.arange(50, 55))
    return made


BUILT = index()


def always(**arguments: object) -> dict[str, object]:
    return arguments


GOOD: dict[str, dict[str, object]] = {
    "empty": always(dim=16),
    "build": always(vectors=clustered(10, 16), threads=1),
    "open": always(path="empty"),
    "open_files": always(graph="file", rows="file"),
    "calibrate": always(queries=clustered(3, 16)),
    "settings_for": always(queries=clustered(3, 16)),
    "recall": always(queries=clustered(3, 16)),
    "add": always(vectors=clustered(2, 16), keys=[3, 60]),
    "remove": always(keys=[3]),
    "seal": always(),
    "filter": always(allow=[1]),
    "wait_verified": always(timeout_s=1.0),
    "search": always(queries=clustered(3, 16)),
    "scores": always(query=clustered(1, 16)[0], keys=[1, 3]),
    "explain": always(query=clustered(1, 16)[0], k=3, options=SearchOptions(SearchSettings())),
    "search_with": always(queries=clustered(3, 16), k=3, options=SearchOptions(SearchSettings())),
}
WITHOUT_PARAMETERS = {"audit", "close", "keys", "memory"}
METHODS = {
    name
    for name, _ in inspect.getmembers(VectorIndex, callable)
    if not name.startswith("_") and name not in WITHOUT_PARAMETERS
}
WRONG = {"path": PATHS, "graph": PATHS, "rows": PATHS, "progress": NOT_CALLABLE}
"""What goes in place of a parameter; a callable's own errors are its caller's."""
OTHERS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "Filter.of": (Filter.of, always(allow=[1])),
    "Filter.from_bitmap": (Filter.from_bitmap, always(allowed=np.zeros(3, np.uint8))),
    "Filter.from_segment_bitmaps": (Filter.from_segment_bitmaps, always(bitmaps={})),
    "SearchSettings": (SearchSettings, always()),
    "SearchSettings.override": (SearchSettings().override, always(k=3)),
    "SearchOptions": (SearchOptions, always(settings=SearchSettings())),
}


def only_ours(call: Callable[..., object], arguments: dict[str, object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(errors.Tv5Error):
            call(**arguments)


def replaced(
    data: st.DataObject, call: Callable[..., object], good: dict[str, object]
) -> dict[str, object]:
    """Replace one or two arguments by something else."""
    names = [name for name in inspect.signature(call).parameters if name not in ("cls", "self")]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return good | {name: data.draw(WRONG.get(name, JUNK), name) for name in chosen}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_files()


BOUNDED = settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_every_method_is_tried() -> None:
    assert set(GOOD) == METHODS


@pytest.mark.parametrize("name", sorted(GOOD))
@BOUNDED
@given(data=st.data())
def test_methods_raise_errors_of_tv5core_only(name: str, data: st.DataObject) -> None:
    method = getattr(BUILT if name in ("filter", "recall", "search") else index(), name)
    only_ours(method, replaced(data, method, GOOD[name]))


@pytest.mark.parametrize("name", sorted(OTHERS))
@BOUNDED
@given(data=st.data())
def test_what_is_passed_to_an_index_raises_them_too(name: str, data: st.DataObject) -> None:
    call, good = OTHERS[name]
    only_ours(call, replaced(data, call, good))


@BOUNDED
@given(key=JUNK)
def test_anything_can_be_looked_for(key: object) -> None:
    assert (key in BUILT) in (True, False)


@pytest.mark.parametrize(
    "value", [Unprintable(), 10**5_000, -(10**5_000)], ids=["object", "long", "negative"]
)
def test_a_message_needs_no_repr(value: Any) -> None:
    rows = clustered(5, 16)
    for call in (
        lambda: BUILT.search(rows, threads=value),
        lambda: BUILT.search(rows, oversampling=value),
        lambda: BUILT.search(rows, allow=value),
        lambda: BUILT.remove(value),
        lambda: VectorIndex.empty(value),
        lambda: VectorIndex.build(rows, path=value),
        lambda: VectorIndex.build(rows, metric=value),
    ):
        with pytest.raises(errors.InvalidInputError, match="expected"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda ix, v: ix.search(v[0], True),
        lambda ix, v: ix.search(v[0], 10.0),
        lambda ix, v: ix.search(v[0], "10"),
        lambda ix, v: ix.search(v[0], exact="no"),
        lambda ix, v: ix.search(v[0], threads=2.0),
        lambda ix, v: ix.search(v[0], threads=2_000),
        lambda ix, v: ix.search(v[0], expansion_search=1.5),
        lambda ix, v: ix.search(v[0], expansion_search=True),
        lambda ix, v: ix.search(v[0], oversampling="4"),
        lambda ix, v: ix.search(v[0], error_margin=1j),
        lambda ix, v: ix.search(v[0], min_k=2**31),
        lambda ix, v: ix.search(v[0].astype(complex)),
        lambda ix, v: ix.search(v[0].astype(object)),
        lambda ix, v: ix.search(v[0] > 0),
        lambda ix, v: ix.search(np.ma.masked_array(v[0], mask=v[0] > 0)),
        lambda ix, v: ix.search([np.ma.masked_array(v[0], mask=v[0] > 0)]),
        lambda ix, v: ix.search(v[0], allow=np.ma.masked_array([1, 2], mask=[1, 0])),
        lambda ix, v: ix.calibrate(v[:3], target_recall="0.9"),
        lambda ix, v: ix.calibrate(v[:3], target_recall=0),
        lambda ix, v: ix.calibrate(v[:3], k=2.5),
        lambda ix, v: ix.add(v[:2], np.ma.masked_array([1, 2], mask=[1, 0])),
        lambda ix, v: ix.add(v[:2], [True, False]),
        lambda ix, v: ix.seal(progress="yes"),
        lambda ix, v: VectorIndex.empty(16.0),
        lambda ix, v: VectorIndex.empty(16, metric=np.array(["ip", "ip"])),
        lambda ix, v: VectorIndex.empty(16, rescoring=None),
        lambda ix, v: VectorIndex.build(v, seed=1.5),
        lambda ix, v: VectorIndex.build(v, threads="2"),
        lambda ix, v: VectorIndex.build(v, path=""),
        lambda ix, v: VectorIndex.build(v, path=b"bytes"),
        lambda ix, v: VectorIndex.open("empty", read_only="no"),
    ],
)
def test_what_is_not_meant_so_is_refused(call: Callable[..., object]) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        call(BUILT, clustered(5, 16))


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    vectors = clustered(40, 16)
    path = tmp_path / "ix"
    with VectorIndex.build(
        vectors, path=path, seed=np.int64(3), connectivity=np.uint8(8), threads=np.int32(1)
    ) as built:
        built.calibrate(vectors[:5], np.float32(0.5), np.int64(5))
        found = built.search(
            vectors[0], np.uint16(3), oversampling=np.float32(2), exact=np.bool_(True)
        )
        assert found.keys[0] == 0
    with VectorIndex.open(path) as opened:
        assert opened.settings == built.settings


@pytest.mark.parametrize(
    "convert",
    [
        lambda v: v.astype(">f4"),
        lambda v: v.astype(np.float64),
        lambda v: v.astype(np.longdouble),
        lambda v: np.asfortranarray(v),
        lambda v: np.repeat(v, 2, axis=0)[::2],
        lambda v: v[::-1][::-1],
        lambda v: v.tolist(),
        lambda v: [tuple(row) for row in v],
        lambda v: list(v),
        lambda v: unaligned(v),
        lambda v: read_only(v),
        lambda v: np.ma.masked_array(v),
        lambda v: v.view(np.memmap),
    ],
)
def test_rows_are_read_whatever_their_form(convert: Callable[[F32], Any]) -> None:
    vectors = clustered(50, 16)
    plain, other = VectorIndex.build(vectors), VectorIndex.build(convert(vectors))
    np.testing.assert_array_equal(
        other.search(convert(vectors), 3).keys, plain.search(vectors, 3).keys
    )
    other.add(convert(vectors), unaligned(np.arange(100, 150)))
    assert 149 in other


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16, np.int64])
def test_small_and_whole_numbers_are_exact(dtype: type) -> None:
    rows = np.random.default_rng(0).integers(1, 100, (50, 16)).astype(dtype)
    np.testing.assert_array_equal(
        VectorIndex.build(rows).search(rows, 5).scores,
        VectorIndex.build(rows.astype(np.float32)).search(rows.astype(np.float32), 5).scores,
    )


def unaligned(array: Any) -> Any:
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
