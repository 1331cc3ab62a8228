"""Data for benchmarks: the same seed gives the same bytes, and bad files are refused up front."""

from __future__ import annotations

import argparse
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.commands import data
from benchmarks.data import generator
from benchmarks.data.datasets import Generated, Source, load, prepare, title_like
from benchmarks.data.from_file import FromFile
from benchmarks.data.generator import TitleLike
from benchmarks.data.truth import describe, exact, hardness, neighbours
from benchmarks.machine import limits

F32 = npt.NDArray[np.float32]


def made(rows: int, dim: int = 24, seed: int = 0) -> F32:
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def unit(rows: F32) -> F32:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def save_vecs(path: Path, rows: npt.NDArray[Any]) -> Path:
    with path.open("wb") as file:
        for row in rows:
            file.write(np.int32(len(row)).tobytes() + row.tobytes())
    return path


def save_npy(path: Path, rows: npt.NDArray[Any]) -> Path:
    np.save(path, rows)
    return path


class TestGenerator:
    def test_same_seed_same_bytes(self, tmp_path: Path) -> None:
        one = prepare(Generated(12_000, 16, queries=10, seed=3), tmp_path / "one")
        two = prepare(Generated(12_000, 16, queries=10, seed=3), tmp_path / "two")
        other = prepare(Generated(12_000, 16, queries=10, seed=4), tmp_path / "one")
        assert one.content_hash == two.content_hash != other.content_hash
        assert one.folder.name == two.folder.name != other.folder.name

    def test_streamed_is_whole(self, tmp_path: Path) -> None:
        streamed = prepare(Generated(12_000, 16, queries=10), tmp_path)
        whole = title_like(12_000, queries=10, dim=16)
        np.testing.assert_array_equal(streamed.vectors, whole.vectors)
        np.testing.assert_array_equal(streamed.queries["title"], whole.queries)

    def test_unit_length_and_kinds(self, tmp_path: Path) -> None:
        dataset = prepare(Generated(2_000, 16, queries=10), tmp_path)
        assert sorted(dataset.queries) == ["text", "title"]
        for rows in (dataset.vectors, *dataset.queries.values()):
            assert rows.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)

    def test_memory_does_not_grow_with_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(generator, "BLOCK", 1_000)

        def peak(rows: int) -> int:
            tracemalloc.start()
            prepare(Generated(rows, 64, queries=10), tmp_path)
            peak_bytes = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return peak_bytes

        peak(1_000)  # what is made once
        assert peak(12_000) < 1.1 * peak(4_000)

    def test_as_hard_as_real_titles(self) -> None:
        drawn = TitleLike(10_000, queries=200)
        rows = np.concatenate([*drawn.blocks()])
        title = hardness(exact(rows, drawn.title_queries(), 100)[1])
        text = hardness(exact(rows, drawn.text_queries(), 100)[1])
        assert 0.55 < title.first < 0.7
        assert 30 < title.dimension < 50
        assert 0.35 < text.first < 0.5
        assert 45 < text.dimension < 75

    def test_refuses_nonsense(self) -> None:
        with pytest.raises(ValueError, match="at least one row"):
            TitleLike(0)


class TestLoading:
    def test_reuses_what_is_there(self, tmp_path: Path) -> None:
        first = prepare(Generated(1_000, 16, queries=10), tmp_path)
        before = (first.folder / "vectors.npy").stat().st_mtime_ns
        messages: list[str] = []
        again = prepare(Generated(1_000, 16, queries=10), tmp_path, messages.append)
        assert not messages
        assert (again.folder / "vectors.npy").stat().st_mtime_ns == before
        assert load(first.folder).content_hash == first.content_hash

    def test_refuses_a_changed_byte(self, tmp_path: Path) -> None:
        path = prepare(Generated(1_000, 16, queries=10), tmp_path).folder / "vectors.npy"
        flip(path)
        with pytest.raises(ValueError, match=r"expected .* as it was prepared"):
            load(path.parent)

    def test_refuses_no_dataset(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="expected a prepared dataset"):
            load(tmp_path)

    def test_leaves_nothing_of_a_failure(self, tmp_path: Path) -> None:
        class Failing(Generated):
            def queries(self) -> dict[str, F32]:
                raise RuntimeError("no queries")

        with pytest.raises(RuntimeError):
            prepare(Failing(1_000, 16), tmp_path)
        assert not [*tmp_path.iterdir()]


class TestFiles:
    def test_npy_holds_queries_out(self, tmp_path: Path) -> None:
        rows = made(100)
        path = save_npy(tmp_path / "rows.npy", np.concatenate([rows, rows[:30]]))
        dataset = prepare(FromFile(path, held_out=10), tmp_path / "cache")
        got = np.concatenate([dataset.vectors, dataset.queries["title"]])
        assert got.shape == rows.shape  # each once
        np.testing.assert_allclose(
            np.sort(got, axis=0), np.sort(unit(rows), axis=0), rtol=1e-6, atol=1e-7
        )

    def test_float16(self, tmp_path: Path) -> None:
        rows = made(100).astype(np.float16)
        source = FromFile(save_npy(tmp_path / "rows.npy", rows), metric="ip", held_out=10)
        dataset = prepare(source, tmp_path / "cache")
        assert np.isin(dataset.vectors, rows.astype(np.float32)).all()

    @pytest.mark.parametrize(("suffix", "dtype"), [(".fvecs", np.float32), (".bvecs", np.uint8)])
    def test_vecs(self, tmp_path: Path, suffix: str, dtype: type) -> None:
        rows = (np.abs(made(50)) * 50 + 1).astype(dtype)
        queries = save_vecs(tmp_path / f"queries{suffix}", rows[:5])
        source = FromFile(save_vecs(tmp_path / f"rows{suffix}", rows), queries, "ip")
        dataset = prepare(source, tmp_path / "cache")
        np.testing.assert_array_equal(dataset.vectors, rows.astype(np.float32))
        np.testing.assert_array_equal(dataset.queries["title"], rows[:5].astype(np.float32))

    def test_held_out_and_given(self, tmp_path: Path) -> None:
        given = save_npy(tmp_path / "texts.npy", made(7, seed=1))
        source = FromFile(save_npy(tmp_path / "rows.npy", made(50)), given, held_out=5)
        dataset = prepare(source, tmp_path / "cache")
        assert {kind: len(rows) for kind, rows in dataset.queries.items()} == {
            "title": 5,
            "text": 7,
        }

    def test_key_follows_content(self, tmp_path: Path) -> None:
        path = save_npy(tmp_path / "rows.npy", made(50))
        before = prepare(FromFile(path, held_out=5), tmp_path / "cache")
        flip(path)
        after = prepare(FromFile(path, held_out=5), tmp_path / "cache")
        assert before.folder != after.folder
        assert before.content_hash != after.content_hash


Write = Callable[[Path], Path]


def refusals() -> dict[str, tuple[Write, str]]:
    nan, zero = made(50), made(50)
    nan[7, 3] = np.nan
    zero[9] = 0
    odd = made(3).tobytes()

    def raw(name: str, content: bytes) -> Write:
        def write(folder: Path) -> Path:
            (folder / name).write_bytes(content)
            return folder / name

        return write

    def npy(rows: npt.NDArray[Any]) -> Write:
        return lambda folder: save_npy(folder / "rows.npy", rows)

    head = np.int32(24).tobytes()
    return {
        "missing": (lambda folder: folder / "none.npy", "expected a file of vectors"),
        "suffix": (raw("rows.csv", b"1,2"), "expected a file of vectors"),
        "garbage": (raw("rows.npy", b"nothing"), "expected an array of numbers"),
        "objects": (npy(np.array([{}, {}], object)), "expected an array of numbers"),
        "dtype": (npy(np.ones((50, 4), np.int64)), "expected floats .* got int64"),
        "flat": (npy(np.ones(50, np.float32)), "expected rows of numbers"),
        "no rows": (npy(np.ones((0, 4), np.float32)), "expected at least 10 rows .* got 0"),
        "few": (npy(made(9)), "expected at least 10 rows .* got 9"),
        "copies": (
            npy(np.ones((50, 4), np.float32)),
            "expected at least 10 distinct rows .* got 1",
        ),
        "NaN": (npy(nan), "expected finite values .* row 7"),
        "zeros": (npy(zero), "expected no rows of zeros .* row 9"),
        "empty": (raw("rows.fvecs", b""), "got 0 bytes that begin"),
        "dimension": (raw("rows.fvecs", np.int32(-1).tobytes()), "a dimension of -1"),
        "cut short": (raw("rows.fvecs", head + odd[:50]), "no multiple of the 100"),
        "mixed": (
            raw("rows.fvecs", head + odd[:96] + np.int32(23).tobytes() + odd[:96]),
            "got 23 dimensions in row 1, not 24",
        ),
    }


class TestRefusals:
    @pytest.mark.parametrize("what", refusals())
    def test_malformed(self, tmp_path: Path, what: str) -> None:
        write, message = refusals()[what]
        path = write(tmp_path)
        with pytest.raises(ValueError, match=message):
            prepare(FromFile(path, held_out=5), tmp_path / "cache")
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"metric": "l2"}, "expected a metric among"),
            ({"held_out": -1}, "at least 0 rows"),
            ({"held_out": 0}, "got neither"),
            ({"queries_path": True}, "expected queries of 24 dimensions .* got 9"),
        ],
    )
    def test_options(self, tmp_path: Path, options: dict[str, Any], message: str) -> None:
        if "queries_path" in options:
            options = {"queries_path": save_npy(tmp_path / "queries.npy", made(5, 9))}
        with pytest.raises(ValueError, match=message):
            FromFile(save_npy(tmp_path / "rows.npy", made(50)), **options)


class TestHdf5:
    @pytest.fixture
    def save(self, tmp_path: Path) -> Callable[..., Path]:
        h5py = pytest.importorskip("h5py")

        def save(distance: str | None = "angular", **parts: npt.NDArray[Any]) -> Path:
            path = tmp_path / "rows.hdf5"
            with h5py.File(path, "w") as file:
                for name, values in parts.items():
                    file[name] = values
                if distance is not None:
                    file.attrs["distance"] = distance
            return path

        return save

    def test_angular(self, tmp_path: Path, save: Callable[..., Path]) -> None:
        rows, queries = made(50), made(5, seed=1)
        dataset = prepare(FromFile(save(train=rows, test=queries)), tmp_path / "cache")
        assert dataset.metric == "cosine"
        np.testing.assert_allclose(dataset.vectors, unit(rows), rtol=1e-6)
        np.testing.assert_allclose(dataset.queries["title"], unit(queries), rtol=1e-6)

    def test_inner_product(self, tmp_path: Path, save: Callable[..., Path]) -> None:
        rows = np.repeat(made(25), 2, axis=0)  # copies stay: neighbours go by row numbers
        dataset = prepare(FromFile(save("dot", train=rows, test=made(5))), tmp_path / "cache")
        assert dataset.metric == "ip"
        np.testing.assert_array_equal(dataset.vectors, rows)

    def test_euclidean(self, save: Callable[..., Path]) -> None:
        assert FromFile(save("euclidean", train=unit(made(50)), test=made(5))).metric == "cosine"
        with pytest.raises(ValueError, match="rows of unit length, got euclidean"):
            FromFile(save("euclidean", train=made(50), test=made(5)))

    def test_given_neighbours_agree(
        self, tmp_path: Path, save: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows, queries = made(200), made(5, seed=1)
        true = np.argsort(-(unit(queries) @ unit(rows).T), axis=1)[:, :20]
        path = save(train=rows, test=queries, neighbors=true.astype(np.int32))
        assert run("--vectors", str(path), "--cache", str(tmp_path), "--json") == 0
        assert json.loads(capsys.readouterr().out)["agreement_with_given_neighbours"] == 1

    def test_refusals(self, tmp_path: Path, save: Callable[..., Path]) -> None:
        rows = made(50)
        with pytest.raises(ValueError, match="expected 'test' in HDF5, got only train"):
            FromFile(save(train=rows))
        with pytest.raises(ValueError, match="expected a distance among"):
            FromFile(save("jaccard", train=rows, test=rows))
        with pytest.raises(ValueError, match="expected floats in 'train'"):
            FromFile(save(train=rows.astype(np.int32), test=rows))
        with pytest.raises(ValueError, match="expected the metric 'cosine'"):
            FromFile(save(train=rows, test=rows), metric="ip")
        with pytest.raises(ValueError, match="expected no --queries"):
            FromFile(save(train=rows, test=rows), tmp_path / "queries.npy")
        (tmp_path / "bad.hdf5").write_bytes(b"nothing")
        with pytest.raises(ValueError, match="expected 'train' in HDF5"):
            FromFile(tmp_path / "bad.hdf5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source: Source = Generated(20_000, 16, queries=20)
    return prepare(source, tmp_path_factory.mktemp("cache")).folder


class TestTruth:
    def test_equals_brute_force(self, folder: Path) -> None:
        dataset = load(folder)
        ids, scores = neighbours(dataset, "text", k=10)
        all_scores = dataset.queries["text"] @ dataset.vectors.T
        best = -np.sort(-all_scores, axis=1)[:, :10]
        np.testing.assert_allclose(scores, best, rtol=1e-5)
        np.testing.assert_allclose(np.take_along_axis(all_scores, ids, 1), best, rtol=1e-5)
        assert ids.dtype == np.int64
        assert all(len(set(row)) == 10 for row in ids.tolist())

    def test_filtered(self, folder: Path) -> None:
        dataset = load(folder)
        allowed = np.zeros(len(dataset.vectors), np.bool_)
        allowed[[5, 700, 19_999]] = True
        ids, scores = neighbours(dataset, "title", k=5, allowed=allowed)
        assert (np.sort(ids, axis=1) == [-1, -1, 5, 700, 19_999]).all()
        assert (ids[:, 3:] == -1).all()
        assert np.isneginf(scores[:, 3:]).all()
        few = neighbours(dataset, "title", k=5)[0]
        assert (few != ids).any()

    def test_is_kept(self, folder: Path) -> None:
        dataset = load(folder)
        messages: list[str] = []
        first = neighbours(dataset, "title", k=7, progress=messages.append)
        again = neighbours(dataset, "title", k=7, progress=messages.append)
        assert len(messages) == 1
        np.testing.assert_array_equal(first[0], again[0])

    def test_belongs_to_content(self, tmp_path: Path) -> None:
        rows = made(200)
        path = save_npy(tmp_path / "rows.npy", rows)
        queries = save_npy(tmp_path / "queries.npy", made(5, seed=1))
        before = neighbours(prepare(FromFile(path, queries), tmp_path / "cache"), k=3)[0]
        save_npy(path, rows[::-1])
        after = neighbours(prepare(FromFile(path, queries), tmp_path / "cache"), k=3)[0]
        np.testing.assert_array_equal(after, 199 - before)

    def test_refuses_bad_arguments(self, folder: Path) -> None:
        dataset = load(folder)
        with pytest.raises(ValueError, match="expected queries among"):
            neighbours(dataset, "image")
        with pytest.raises(ValueError, match="expected a bool for each of 20000 rows"):
            neighbours(dataset, allowed=np.ones(3, np.bool_))

    def test_hardness_of_known_cosines(self) -> None:
        # Distances r uniform in a ball of dimension d: the i-th of n lies at (i / n) ** (1 / d).
        distances = (np.arange(1, 101) / 100) ** (1 / 12)
        cosines = np.tile(1 - distances**2 / 2, (3, 1)).astype(np.float32)
        hard = hardness(cosines)
        assert hard.first == pytest.approx(cosines[0, 0])
        assert hard.hundredth == pytest.approx(0.5)
        assert hard.dimension == pytest.approx(12, rel=0.1)
        with pytest.raises(ValueError, match="at least 100 neighbours"):
            hardness(cosines[:, :99])

    def test_inner_product_is_described_by_angle(self, tmp_path: Path) -> None:
        path = save_npy(tmp_path / "rows.npy", 3 * unit(made(300)))
        hard = {
            metric: describe(
                prepare(FromFile(path, metric=metric, held_out=20), tmp_path / "c"), "title"
            )
            for metric in ("ip", "cosine")
        }
        assert hard["ip"] == pytest.approx(hard["cosine"], rel=1e-3)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.main(parser.parse_args(words))


class TestCommand:
    def test_prints_how_hard(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--size", "1k", "--cache", str(tmp_path)) == 0
        printed = capsys.readouterr()
        assert "text queries" in printed.out
        assert "local intrinsic dimension" in printed.out
        assert "exact neighbours" in printed.err
        assert run("--size", "1000", "--cache", str(tmp_path), "--json") == 0
        printed = json.loads(capsys.readouterr().out)
        assert (printed["rows"], printed["dim"], printed["metric"]) == (1_000, 768, "cosine")
        assert printed["queries"]["title"]["count"] == 1_000

    @pytest.mark.parametrize(
        "words",
        [
            ["--size", "999"],
            ["--size", "ten"],
            ["--metric", "l2"],
        ],
    )
    def test_bad_words(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            run(*words)
        assert "error: " in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--vectors", "none.npy"], "none.npy: expected a file of vectors to read"),
            (["--size", "1k", "--vectors", "none.npy"], "got both"),
            (["--queries", "none.npy"], "expected --vectors with --queries"),
            (["--seed", "-1"], "expected --seed of at least 0"),
            (["--size", "999999m"], "GB of free disk"),
        ],
    )
    def test_bad_input(
        self, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*words, "--cache", str(tmp_path)) == 2
        printed = capsys.readouterr()
        assert message in printed.err
        assert not printed.out
        assert not [*tmp_path.iterdir()]

    def test_too_little_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(limits, "free_memory_bytes", lambda: 1_000_000)
        assert run("--size", "1k", "--cache", str(tmp_path)) == 2
        assert "of available memory for preparing" in capsys.readouterr().err


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
