"""When the default embedder is fitted: in the background, once, and what follows a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.catalog.spaces import fitting
from tv5core.embedding import LsaEmbedder, lsa_fitting
from tv5core.store import embeddings
from tv5core.types import Title

WORDS = "river night garden clock letter storm piano winter market island".split()


def stories(start: int, stop: int) -> list[Title]:
    return [
        Title(f"m{i}", "movie", f"Story {i}", overview=f"{WORDS[i % 10]} {WORDS[i // 10 % 10]} {i}")
        for i in range(start, stop)
    ]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "films") as opened:
        yield opened


class Lapack:
    """A decomposition that can be made to fail, and counts its calls."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0
        self._work = lsa_fitting.truncated_svd

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self._work(*args, **options)


@pytest.fixture
def lapack(monkeypatch: pytest.MonkeyPatch) -> Lapack:
    double = Lapack()
    monkeypatch.setattr(lsa_fitting, "truncated_svd", double)
    return double


class Gate:
    """Delays fits until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self._open = threading.Event(), threading.Event()
        fit = LsaEmbedder.fit

        def held(*args: Any, **options: Any) -> Any:
            self.reached.set()
            assert self._open.wait(60)
            return fit(*args, **options)

        monkeypatch.setattr(LsaEmbedder, "fit", held)

    def open(self) -> None:
        self._open.set()


# -- in the background --------------------------------------------------------------------


def test_an_addition_that_doubles_the_catalogue_does_not_wait_for_the_fit(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.add(stories(0, 10))
    gate = Gate(monkeypatch)
    catalog.add(stories(10, 20))
    assert gate.reached.wait(60)
    assert catalog.info()["space"] == 1, "the model before serves"
    catalog.add(stories(20, 21))  # meanwhile additions work
    assert catalog.search("garden", 1, mode="semantic")
    assert catalog.delete("m3") == 1
    gate.open()
    catalog.wait()
    info = catalog.info()
    assert (info["space"], info["fitted_on"], info["vectors"]) == (2, 20, 20)
    assert {hit.id for hit in catalog.search("story", 30, mode="semantic")} == set(catalog.ids())
    assert catalog.verify().ok


def test_sealing_shows_how_far_a_fit_in_the_background_is(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.add(stories(0, 10))
    gate, stages = Gate(monkeypatch), list[str]()
    catalog.add(stories(10, 20))
    assert gate.reached.wait(60)

    def progress(_done: int, _total: int, stage: str) -> None:
        stages.append(stage)
        if stage.startswith("waiting"):
            with pytest.raises(errors.CatalogError, match="another thread"):
                catalog.seal(progress)  # it would wait for the same, and report, without end
            gate.open()

    assert catalog.seal(progress)
    waited = stages.index("waiting: other work")  # it was held before it reported anything
    assert stages.index("writing documents") > waited
    assert catalog.info()["fitted_on"] == 20


def test_what_doubles_again_meanwhile_is_fitted_again(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.add(stories(0, 3))
    gate = Gate(monkeypatch)
    catalog.add(stories(3, 6))
    assert gate.reached.wait(60)
    catalog.add(stories(6, 12))  # the fit under way was begun on six
    gate.open()
    catalog.wait()
    assert catalog.info()["fitted_on"] == 12


def test_many_titles_are_fitted_when_they_are_sealed(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "AUTOMATIC_TITLES", 20)
    catalog.add(stories(0, 11))
    catalog.add(stories(11, 22))
    catalog.wait()
    assert catalog.info()["fitted_on"] == 11
    assert catalog.seal()
    assert catalog.info()["fitted_on"] == 22
    assert not catalog.seal(), "nothing is left to do"


def test_one_title_added_to_many_that_wait_does_not_wait_for_them(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.add(stories(0, 30), embed=False)
    gate = Gate(monkeypatch)
    catalog.add(stories(30, 31))
    assert (catalog.info()["pending"], catalog.search("garden", mode="semantic")) == (31, [])
    gate.open()
    catalog.wait()
    assert (catalog.info()["pending"], len(catalog.search("garden", 3, mode="semantic"))) == (0, 3)


def test_closing_ends_a_fit_and_the_next_opening_has_what_was_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        catalog = Catalog.open(tmp_path)
        catalog.add(stories(0, 10))
        gate = Gate(patched)
        catalog.add(stories(10, 20))
        assert gate.reached.wait(60)
        closing = threading.Thread(target=catalog.close)
        closing.start()
        while not catalog._manager.background._stopping.wait(60):
            pass
        gate.open()  # it continues, and ends at its next report
        closing.join(60)
        assert not closing.is_alive()
    with Catalog.open(tmp_path, read_only=True) as reader:
        assert reader.info()["space"] == 1
        assert len(reader.search("garden", 30, mode="semantic")) == 20
    with Catalog.open(tmp_path) as catalog:
        catalog.wait()  # opening for writing begins the fit that is due
        assert catalog.info()["space"] == 2
        assert catalog.info()["fitted_on"] == 20
        assert [path.name for path in tmp_path.glob("lsa.*")] == ["lsa.000002.tv5"]
        assert len(catalog.search("garden", 30, mode="semantic")) == 20
        with catalog._store.read() as txn:
            assert not embeddings.has_other_spaces(txn, (2,))


# -- where it fails -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [np.linalg.LinAlgError("SVD did not converge"), MemoryError("no room")]
)
def test_a_first_fit_that_fails_fails_no_addition(
    catalog: Catalog, lapack: Lapack, error: Exception
) -> None:
    lapack.error = error
    assert catalog.add(stories(0, 10)).added == 10
    assert (catalog.count(), catalog.search("garden", mode="semantic")) == (10, [])
    text = catalog.info()["text_search"]
    assert not text["ready"]
    assert "10 titles wait for the embedder to be fitted, and that failed" in text["reason"]
    assert str(error) in text["reason"]
    report = catalog.verify()
    assert not report.ok
    assert "text search is not ready" in report.problems[0]
    assert str(error) in report.problems[0]


def test_it_is_tried_again_when_the_text_has_changed(catalog: Catalog, lapack: Lapack) -> None:
    lapack.error = np.linalg.LinAlgError("SVD did not converge")
    catalog.add(stories(0, 10))
    tried = lapack.calls
    catalog.add(stories(0, 10))
    catalog.wait()
    assert lapack.calls == tried, "the same text would only fail again"
    lapack.error = None
    catalog.add(stories(10, 11))
    catalog.wait()
    assert catalog.info()["text_search"] == {"ready": True, "reason": ""}
    assert len(catalog.search("garden", 20, mode="semantic")) == 11
    assert catalog.verify().ok


def test_it_is_tried_again_by_any_addition_where_the_disk_was_at_fault(
    catalog: Catalog, lapack: Lapack
) -> None:
    lapack.error = errors.DiskFullError("expected room to write, got none")
    catalog.add(stories(0, 10))
    assert "10 titles wait" in catalog.info()["text_search"]["reason"]
    assert "expected room to write, got none" in catalog.verify().problems[0]
    lapack.error = None
    assert catalog.add(stories(0, 10)).unchanged == 10
    catalog.wait()
    assert catalog.info()["text_search"] == {"ready": True, "reason": ""}
    assert len(catalog.search("garden", 20, mode="semantic")) == 10


def test_sealing_and_repairing_try_again(catalog: Catalog, lapack: Lapack) -> None:
    lapack.error = np.linalg.LinAlgError("SVD did not converge")
    catalog.add(stories(0, 10))
    calls: list[Callable[[], object]] = [catalog.seal, catalog.embed_pending, catalog.refit]
    for call in calls:
        with pytest.raises(errors.FittingError, match="SVD did not converge"):
            call()
    assert not catalog.verify(repair=True).ok
    lapack.error = None
    report = catalog.verify(repair=True)
    assert report.ok
    assert report.repaired == ["refitted the embedder and embedded all titles with it"]
    assert catalog.search("garden", 1, mode="semantic")


def test_where_a_later_fit_fails_the_model_before_serves(catalog: Catalog, lapack: Lapack) -> None:
    catalog.add(stories(0, 10))
    lapack.error = np.linalg.LinAlgError("SVD did not converge")
    catalog.add(stories(10, 20))
    catalog.wait()
    assert len(catalog.search("garden", 30, mode="semantic")) == 20
    catalog.add(stories(20, 21), embed=False)
    assert catalog.seal()
    assert len(catalog.search("garden", 30, mode="semantic")) == 21
    text = catalog.info()["text_search"]
    assert text["ready"]
    assert "SVD did not converge; the embedder before serves" in text["reason"]
    report = catalog.verify()
    assert (report.ok, len(report.notes)) == (True, 1)


def test_a_lost_model_that_cannot_be_fitted_again_keeps_no_one_out(
    tmp_path: Path, lapack: Lapack
) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(stories(0, 10))
    (tmp_path / "lsa.000001.tv5").unlink()
    lapack.error = np.linalg.LinAlgError("SVD did not converge")
    with Catalog.open(tmp_path) as catalog:
        assert catalog.get("m1").title == "Story 1"
        assert not catalog.info()["text_search"]["ready"]
        assert not catalog.verify().ok
        lapack.error = None
        assert catalog.verify(repair=True).ok
        assert catalog.search("garden", 1, mode="semantic")


def test_titles_that_wait_are_no_fault_but_are_noted(catalog: Catalog) -> None:
    catalog.add(stories(0, 3), embed=False)
    report = catalog.verify()
    assert (report.ok, len(report.notes)) == (True, 1)
    assert "3 titles wait for the embedder to be fitted; sealing fits it" in report.notes[0]


def test_what_the_callers_function_raises_is_passed_on(catalog: Catalog) -> None:
    def progress(done: int, total: int, stage: str) -> None:
        if stage == "fitting":
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        catalog.add(stories(0, 5), progress=progress)
    assert catalog.count() == 5
    assert "failed" not in catalog.info()["text_search"]["reason"]


# -- over reopening -----------------------------------------------------------------------


def test_the_reason_of_a_failed_fit_survives_reopening(tmp_path: Path, lapack: Lapack) -> None:
    lapack.error = np.linalg.LinAlgError("SVD did not converge")
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.add(stories(0, 40))
        catalog.wait()
        reason = catalog.info()["text_search"]["reason"]
        assert "did not converge" in reason
    calls = lapack.calls
    for read_only in (True, False, False):
        with Catalog.open(tmp_path / "films", read_only=read_only) as catalog:
            catalog.wait()
            assert catalog.info()["text_search"] == {"ready": False, "reason": reason}
            assert any("did not converge" in problem for problem in catalog.verify().problems)
    assert lapack.calls == calls  # the same titles would only fail again
    lapack.error = None
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.seal()
        assert catalog.info()["text_search"] == {"ready": True, "reason": ""}
    with Catalog.open(tmp_path / "films") as catalog:
        assert catalog.info()["text_search"] == {"ready": True, "reason": ""}
        assert catalog.verify().ok


def test_a_writer_begins_the_fit_that_the_one_before_did_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        gate = Gate(patch)
        catalog = Catalog.open(tmp_path / "films")
        catalog.add(stories(0, 8), embed=False)  # of fewer, the next addition would wait for a fit
        for start in range(8, 30):
            catalog.add(stories(start, start + 1))
        assert gate.reached.wait(60)
        catalog._manager.background.stop()
        gate.open()
        catalog.close()
    with Catalog.open(tmp_path / "films", read_only=True) as reader:
        reader.wait()
        assert reader.info()["pending"] == 30
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.wait()
        assert catalog.info()["pending"] == 0
        assert catalog.search(stories(7, 8)[0].overview)


def test_titles_added_without_embedding_wait_however_often_it_is_opened(tmp_path: Path) -> None:
    for start in (0, 20):
        with Catalog.open(tmp_path / "films") as catalog:
            catalog.add(stories(start, start + 20), embed=False)
            catalog.wait()
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.wait()
        assert catalog.info()["pending"] == 40
