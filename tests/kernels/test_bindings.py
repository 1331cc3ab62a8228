"""What the bindings reject, and that threads may share everything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from tv5core.kernels import NONE, Prepared, RowFilter

DIM, BITS, N = 100, 128, 20


def arguments():
    """Give valid arguments of every operation."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((N, DIM)).astype(np.float32)
    center = rng.standard_normal(DIM).astype(np.float32)
    signs = rng.choice(np.array([-1, 1], np.float32), (2, BITS))
    sign_bits = rng.integers(0, 256, (N, BITS // 8), np.uint8)
    codes = rng.integers(0, 120, (N, BITS // 8 + 8), np.uint8)
    rows, scales = rng.integers(-127, 128, (N, DIM)).astype(np.int8), np.ones(N, np.float32)
    queries = x[:2].copy()
    ready = Prepared(
        rng.integers(-127, 128, (2, BITS)).astype(np.int8),
        np.ones(2, np.float32),
        np.zeros(2, np.int32),
        np.zeros(2, np.float32),
    )
    allow = np.full((N + 7) // 8, 255, np.uint8)
    return {
        "hamming": (sign_bits, sign_bits[0].copy()),
        "rotate": (x, center, signs),
        "squared_norms": (x,),
        "normalize": (x,),
        "gather": (np.arange(N), np.array([[0, NONE], [N - 1, 3]], np.uint32)),
        "find_keys": (np.arange(N), np.arange(N, dtype=np.uint32), np.array([3, -1, 10**12])),
        "encode": (rng.standard_normal((N, BITS)).astype(np.float32),),
        "quantize_i8": (x,),
        "quantize_i16": (x,),
        "prepare": (queries, center, signs),
        "asymmetric": (ready.values[0].copy(), sign_bits),
        "dot": (x, center),
        "scan_codes": (codes, ready, 5, allow),
        "scan_rows": (rows, scales, queries, 5, allow),
        "scan_bounded": (codes, ready, rows, scales, queries, 5, 2.0, allow),
        "rows_with_keys": (np.arange(N), np.array([3, 5, 10**12])),
        "rescore": (rows, scales, queries, np.zeros((2, 7), np.uint32), 5),
        "top_scores": (center, 5),
        "within_edits": (
            np.array([97, 98], np.uint32),
            0,
            1,
            np.zeros(3, np.uint64),
            np.arange(3, dtype=np.uint32),
            np.array([0, 1, 2, 3], np.uint32),
            np.array([97, 98, 99], np.uint8),
        ),
        "prefixes_within_edits": (
            np.array([97, 98], np.uint32),
            1,
            np.full(3, 255, np.uint8),
            np.array([0, 1, 2, 3], np.uint32),
            np.array([97, 98, 99], np.uint8),
        ),
    }


def array_places():
    return [
        (name, place)
        for name, given in arguments().items()
        for place, value in enumerate(given)
        if isinstance(value, np.ndarray)
    ]


def test_accepts(any_backend):
    for name, given in arguments().items():
        getattr(any_backend, name)(*given)


@pytest.mark.parametrize(("name", "place"), array_places())
def test_read_only_arrays(native, name, place):
    """Mapped files are read-only."""
    given = list(arguments()[name])
    given[place].flags.writeable = False
    getattr(native, name)(*given)


@pytest.mark.parametrize(("name", "place"), array_places())
def test_rejects_strides(native, name, place):
    given = list(arguments()[name])
    given[place] = np.repeat(given[place], 2, axis=-1)[..., ::2]
    with pytest.raises(ValueError, match=r"expected .* contiguous"):
        getattr(native, name)(*given)


@pytest.mark.parametrize(("name", "place"), array_places())
@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", ">f4", "complex64", "S4"])
def test_rejects_dtypes(native, name, place, dtype):
    given = list(arguments()[name])
    if given[place].dtype == dtype:
        pytest.skip("the right one")
    given[place] = given[place].astype(dtype)
    with pytest.raises((TypeError, ValueError), match=r"expected .* got"):
        getattr(native, name)(*given)


@pytest.mark.parametrize(("name", "place"), array_places())
def test_rejects_axes(native, name, place):
    given = list(arguments()[name])
    given[place] = given[place][None]
    with pytest.raises(ValueError, match=r"expected .* ax[ei]s, got"):
        getattr(native, name)(*given)


@pytest.mark.parametrize(("name", "place"), array_places())
def test_rejects_what_is_not_an_array(native, name, place):
    given = list(arguments()[name])
    given[place] = [1.0, 2.0]
    with pytest.raises(TypeError):
        getattr(native, name)(*given)


PAIRED = [
    ("hamming", 1),
    ("rotate", 0),
    ("rotate", 1),
    ("prepare", 0),
    ("asymmetric", 0),
    ("asymmetric", 1),
    ("dot", 0),
    ("dot", 1),
    ("encode", 0),
    ("rotate", 2),
    ("scan_codes", 0),
    ("scan_bounded", 0),
    ("scan_bounded", 2),
    ("scan_bounded", 3),
    ("scan_bounded", 4),
    ("scan_bounded", 7),
    ("scan_rows", 0),
    ("scan_rows", 1),
    ("scan_rows", 2),
    ("scan_rows", 4),
    ("rescore", 1),
    ("rescore", 2),
]


@pytest.mark.parametrize(("name", "place"), PAIRED)
def test_rejects_sizes(native, name, place):
    """An array one element shorter than the others call for is rejected."""
    given = list(arguments()[name])
    given[place] = np.ascontiguousarray(given[place][..., :-1])
    with pytest.raises(ValueError, match=r"expected .* got"):
        getattr(native, name)(*given)


@pytest.mark.parametrize("dim", [0, 4097])
def test_rejects_dimensions(native, dim):
    """Scratch memory on the stack is made for 4,096 dimensions."""
    x, ones = np.ones((1, dim), np.float32), np.ones(dim, np.float32)
    signs = np.ones((1, 4160), np.float32)
    calls = [
        lambda: native.quantize_i8(x),
        lambda: native.quantize_i16(x),
        lambda: native.rotate(x, ones, signs),
        lambda: native.prepare(x, ones, signs),
        lambda: native.scan_rows(x, None, x, 1),
        lambda: native.asymmetric(np.ones(4160, np.int8), np.ones((1, 520), np.uint8)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"expected .* got"):
            call()


@pytest.mark.parametrize("k", [0, -1, 2**31])
def test_rejects_k(native, k):
    given = arguments()
    codes, ready, _, _ = given["scan_codes"]
    rows, scales, queries, candidates, _ = given["rescore"]
    calls = [
        lambda: native.scan_codes(codes, ready, k),
        lambda: native.scan_rows(rows, scales, queries, k),
        lambda: native.rescore(rows, scales, queries, candidates, k),
    ]
    for call in calls:
        with pytest.raises((ValueError, OverflowError)):
            call()


@pytest.mark.parametrize("bad", [N, 2**31, NONE - 1])
@pytest.mark.parametrize("place", [0, 6, 13])
def test_rejects_candidates_out_of_range(native, bad, place):
    rows, scales, queries, candidates, k = arguments()["rescore"]
    candidates.flat[place] = bad
    with pytest.raises(ValueError, match=f"expected candidates below {N}, got {bad}"):
        native.rescore(rows, scales, queries, candidates, k)


def test_rejects_scales_of_the_wrong_kind(native):
    rows, scales, queries, candidates, k = arguments()["rescore"]
    with pytest.raises(ValueError, match="scales"):
        native.rescore(rows, None, queries, candidates, k)
    with pytest.raises(ValueError, match="scales"):
        native.scan_rows(rows.astype(np.float16), scales, queries, k)


def graph_parts():
    codes = arguments()["scan_codes"][0]
    links = np.random.default_rng(2).integers(0, N, (N, 4)).astype(np.uint32)
    return [codes, links, codes[:2], np.array([0, 3, 6], np.uint32), 2, BITS]


@pytest.mark.parametrize(
    ("place", "bad"),
    [
        (0, np.zeros((0, BITS // 8 + 8), np.uint8)),
        (0, np.zeros((N, BITS // 8 + 7), np.uint8)),
        (1, np.zeros((N - 1, 4), np.uint32)),
        (1, np.zeros((N, 4), np.int64)),
        (2, np.zeros((2, BITS // 8 + 7), np.uint8)),
        (2, np.zeros((0, BITS // 8 + 8), np.uint8)),
        (2, np.zeros((3, BITS // 8 + 8), np.uint8)),
        (3, np.array([0, 3, 3], np.uint32)),
        (3, np.array([1, 3, 6], np.uint32)),
        (3, np.array([0, 3, N + 1], np.uint32)),
        (3, np.array([0, 3], np.uint32)),
        (3, np.array([0, 3, 6])),
        (4, 0),
        (4, 3),
        (5, BITS + 1),
        (5, BITS + 64),
    ],
)
def test_rejects_graphs(native, place, bad):
    parts = graph_parts()
    parts[place] = bad
    with pytest.raises((ValueError, TypeError), match=r"expected .* got"):
        native.graph(*parts)


def test_rejects_walks(native):
    graph, ready = native.graph(*graph_parts()), arguments()["scan_codes"][1]
    short = ready._replace(values=np.zeros((2, 64), np.int8))
    everything = np.full((N + 7) // 8, 255, np.uint8)
    for given in [
        (short, 5, 5),
        (ready, 0, 5),
        (ready, 5, 0),
        (ready, 5, 5, RowFilter(np.zeros(2, np.uint8), 0, 5, 5)),
        (ready, 5, 5, RowFilter(everything, N + 1, 5, 5)),
        (ready, 5, 5, RowFilter(everything, -1, 5, 5)),
        (ready, 5, 5, RowFilter(everything, N, -1, 5)),
        (ready, 5, 5, RowFilter(everything, N, 5, -1)),
        (ready, 5, 5, (everything, N)),
        (ready, 5, 5, None, 0),
        (ready, 5, 5, None, 6),
        (ready, 5, 5, None, 5, -0.1),
        (ready, 5, 5, None, 5, np.nan),
    ]:
        with pytest.raises(ValueError, match=r"expected .* got"):
            graph.walk(*given)


def test_rejects_rotated_centers_of_another_width(native):
    graph, ready = native.graph(*graph_parts()), arguments()["scan_codes"][1]
    bits = ready.values.shape[1]
    center, queries = np.zeros(bits - 1, np.float32), np.ones((2, bits - 1), np.float32)
    signs, scales = np.ones((1, bits), np.float32), np.ones(N, np.float32)
    for width, rotated_center in [
        (bits, None),
        (bits - 1, np.zeros(bits, np.float32)),
        (bits, np.zeros(bits - 1, np.float32)),
        (bits, np.zeros(bits, np.float64)),
    ]:
        rows = np.zeros((N, width), np.int8)
        with pytest.raises((ValueError, TypeError), match=r"expected .* got"):
            graph.searcher(center, signs, rows, scales, rotated_center).search(queries, 5, 5, 5)


def test_threads_agree(native, same):
    """Threads share inputs, a backend and a graph, and get what one thread gets."""
    given, graph = arguments(), native.graph(*graph_parts())
    ready = given["scan_codes"][1]
    want = {name: getattr(native, name)(*some) for name, some in given.items()}
    walked = graph.walk(ready, 8, 5)
    start = Barrier(4)

    def work(_):
        start.wait()
        for _ in range(50):
            for name, some in given.items():
                same(getattr(native, name)(*some), want[name])
            same(graph.walk(ready, 8, 5), walked)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert graph.scratch_bytes > 0


def test_rejects_rows_without_a_key(native):
    for keys, row in [(N, N), (0, 0), (N, NONE - 1)]:
        with pytest.raises(ValueError, match=r"expected rows from 0 to .* got"):
            native.gather(np.arange(keys), np.array([[row]], np.uint32))


@pytest.mark.parametrize("row", [N, NONE])
def test_rejects_rows_out_of_range_by_key(native, row):
    by_key = np.full(N, row, np.uint32)
    with pytest.raises(ValueError, match=r"expected by_key from 0 to .* got"):
        native.find_keys(np.arange(N), by_key, np.array([3]))


@pytest.mark.parametrize("error_margin", [-0.1, np.nan])
def test_rejects_bounds(native, error_margin):
    codes, ready, rows, scales, queries, k, _, allow = arguments()["scan_bounded"]
    with pytest.raises(ValueError, match=r"expected error_margin >= 0, got"):
        native.scan_bounded(codes, ready, rows, scales, queries, k, error_margin, allow)


@pytest.mark.parametrize("largest", [50, 10_000, 2**62])
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_rows_with_keys(any_backend, largest, count):
    """Few numbers are looked up in bits, others by hashing; keys below 0 are nobody's."""
    rng = np.random.default_rng([largest, count])
    keys = np.unique(rng.integers(0, largest, 333))
    rng.shuffle(keys)
    wanted = np.concatenate([rng.choice(keys, count), rng.integers(-largest, largest, count)])
    want = [key in set(wanted.tolist()) for key in keys.tolist()]
    found = any_backend.rows_with_keys(keys, wanted)
    np.testing.assert_array_equal(found, np.packbits(want, bitorder="little"))


def test_unknown_backend(native):
    with pytest.raises(ImportError, match=r"expected .* got 'sse9'"):
        type(native)("sse9")
