from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.numbered import DIM, films, vectors
from tv5core.catalog import AddResult, Catalog
from tv5core.types import Person, Title


def test_added_is_found_at_once(catalog: Catalog) -> None:
    assert catalog.add(films(0, 50), vectors(0, 50)) == AddResult(50, 0, 0)
    hits = catalog.search(vectors(7, 8)[0], 3)
    assert [hits[0].id, hits[0].title] == ["tmdb:movie:7", films(7, 8)[0]]
    assert hits[0].score == pytest.approx(1, abs=0.01)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert (catalog.count(), len(catalog), "tmdb:movie:3" in catalog) == (50, 50, True)


def test_upsert_keeps_one_and_says_what_it_did(catalog: Catalog) -> None:
    catalog.add(films(0, 10), vectors(0, 10))
    assert catalog.add(films(0, 10), vectors(0, 10)) == AddResult(0, 0, 10)
    assert catalog.add(films(5, 12, "new"), vectors(5, 12)) == AddResult(2, 5, 0)
    assert catalog.add(films(5, 6, "new"), vectors(5, 6, seed=1)) == AddResult(0, 1, 0)
    assert catalog.count() == 12
    assert catalog.get("tmdb:movie:5").overview == "new"
    assert catalog.search(vectors(5, 6, seed=1)[0], 1)[0].id == "tmdb:movie:5"
    assert catalog.search(vectors(5, 6)[0], 1)[0].score < 0.9


def test_unchanged_titles_cost_no_write(catalog: Catalog) -> None:
    catalog.add(films(0, 10), vectors(0, 10))
    before = catalog._store.environment.last_transaction()
    catalog.add(films(0, 10), vectors(0, 10))
    catalog.add(films(0, 10), embed=False)
    assert catalog._store.environment.last_transaction() == before


def test_delete_removes_everything_that_leads_there(catalog: Catalog) -> None:
    catalog.add(films(0, 10), vectors(0, 10))
    assert catalog.delete(["tmdb:movie:3", "tmdb:movie:4", "tmdb:movie:3", "nothing"]) == 2
    assert catalog.delete("tmdb:movie:5") == 1
    assert catalog.count() == 7
    assert catalog.find("imdb:tt0000003") == ()
    assert "tmdb:movie:3" not in [h.id for h in catalog.search(vectors(3, 4)[0], 10)]
    assert len(catalog.search(vectors(3, 4)[0], 10)) == 7
    assert catalog.verify().ok
    catalog.add(films(3, 4), vectors(3, 4))
    assert catalog.search(vectors(3, 4)[0], 1)[0].id == "tmdb:movie:3"


def test_lookups(catalog: Catalog) -> None:
    catalog.add(films(0, 3), vectors(0, 3))
    catalog.add([Title("own", "movie", "FILM 1!", year=2000)], vectors(9, 10))
    assert catalog.get("imdb:tt0000002").id == "tmdb:movie:2"
    assert catalog.find("name:movie:2000:film-1") == ("tmdb:movie:1", "own")
    assert catalog.find("imdb:tt404") == ()
    found = catalog.get_many(["own", "nothing", "tmdb:movie:0"])
    assert [t and t.id for t in found] == ["own", None, "tmdb:movie:0"]
    assert list(catalog.ids()) == ["own", "tmdb:movie:0", "tmdb:movie:1", "tmdb:movie:2"]


def test_changed_aliases_follow(catalog: Catalog) -> None:
    old, new = Title("a", "movie", "Old", year=1999), Title("a", "movie", "New", year=1999)
    catalog.add([old], vectors(0, 1))
    catalog.add([new], vectors(0, 1))
    assert catalog.find("name:movie:1999:old") == ()
    assert catalog.find("name:movie:1999:new") == ("a",)


def test_ids_may_be_iterated_while_they_change(catalog: Catalog) -> None:
    catalog.add(films(0, 2500), vectors(0, 2500))
    seen = 0
    for name in catalog.ids():
        if seen % 100 == 0:
            catalog.delete(name)
        seen += 1
    assert (seen, catalog.count()) == (2500, 2475)


def test_similar_leaves_itself_out(catalog: Catalog) -> None:
    close = vectors(0, 1) + 0.01
    catalog.add(films(0, 20), np.vstack([vectors(0, 19), close]))
    hits = catalog.similar("tmdb:movie:0", 5)
    assert hits[0].id == "tmdb:movie:19"
    assert len(hits) == 5
    assert "tmdb:movie:0" not in [h.id for h in hits]


def test_allow_and_exact(catalog: Catalog) -> None:
    catalog.add(films(0, 100), vectors(0, 100))
    catalog.seal()
    allow = [f"tmdb:movie:{i}" for i in range(0, 100, 10)]
    hits = catalog.search(vectors(5, 6)[0], 20, allow=[*allow, "nothing"])
    assert sorted(h.id for h in hits) == sorted(allow)
    assert catalog.search(vectors(5, 6)[0], 5, allow=[]) == []
    assert catalog.search(vectors(5, 6)[0], 1, exact=True)[0].id == "tmdb:movie:5"


def test_search_many(catalog: Catalog) -> None:
    catalog.add(films(0, 20), vectors(0, 20))
    found = catalog.search_many(vectors(3, 6), 2)
    assert [hits[0].id for hits in found] == [f"tmdb:movie:{i}" for i in (3, 4, 5)]
    assert catalog.search_many(np.empty((0, DIM), np.float32)) == []


def test_an_empty_catalogue_answers(catalog: Catalog) -> None:
    assert catalog.search("anything") == []
    assert catalog.search(vectors(0, 1)[0]) == []
    assert catalog.search_many(["a", "b"]) == [[], []]
    assert catalog.add([]) == AddResult()
    catalog.seal()
    assert catalog.verify().ok
    assert (catalog.count(), list(catalog.ids())) == (0, [])


def test_everything_survives_reopening(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(films(0, 60), vectors(0, 60))
        catalog.seal()
        catalog.add(films(60, 70), vectors(60, 70))
        catalog.delete("tmdb:movie:0")
    with Catalog.open(tmp_path, create=False) as catalog:
        info = catalog.info()
        assert (info["titles"], info["vectors"], info["generation"]) == (69, 69, 1)
        assert (info["sealed"], info["live"], info["recovered"]) == (60, 10, [])
        assert catalog.search(vectors(65, 66)[0], 1)[0].id == "tmdb:movie:65"
        assert catalog.verify().ok


def test_many_threads(catalog: Catalog) -> None:
    catalog.add(films(0, 200), vectors(0, 200))
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for i in range(15):
                at = 1000 * (number + 1) + i
                catalog.add(films(at, at + 1), vectors(at, at + 1))
                assert catalog.search(vectors(at, at + 1)[0], 1)[0].id == f"tmdb:movie:{at}"
                catalog.delete(f"tmdb:movie:{at}")
                catalog.get(f"tmdb:movie:{i}")
                if i == 7:
                    catalog.seal()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert catalog.count() == 200
    assert catalog.verify().ok


def test_checkpoints(catalog: Catalog) -> None:
    catalog.add(films(0, 2), vectors(0, 2), checkpoint=("import:a", b"2"))
    catalog.add([], checkpoint=("import:b", b""))
    catalog.add(films(0, 2), vectors(0, 2), checkpoint=("other", b"x"))
    assert catalog.checkpoint("import:a") == b"2"
    assert catalog.checkpoint("import:b") == b""
    assert catalog.clear_checkpoints("import:") == 2
    assert catalog.checkpoint("import:a") is None
    assert catalog.checkpoint("other") == b"x"


@pytest.mark.parametrize("metric", ["cosine", "ip"])
@pytest.mark.parametrize("rescoring", ["int8", "float16", "float32"])
def test_metrics_and_rescoring_are_kept(tmp_path: Path, metric: str, rescoring: str) -> None:
    with Catalog.open(tmp_path, metric=metric, rescoring=rescoring) as catalog:
        catalog.add(films(0, 40), 3 * vectors(0, 40))
        catalog.seal()
    with Catalog.open(tmp_path) as catalog:
        assert (catalog.info()["metric"], catalog.info()["rescoring"]) == (metric, rescoring)
        assert catalog.info()["recovered"] == []
        best = catalog.search(vectors(4, 5)[0], 1)[0].score
        scale = 1 if metric == "cosine" else 3 * float(vectors(4, 5)[0] @ vectors(4, 5)[0])
        assert best >= 0.97 * scale


def test_large_calls_are_several_transactions(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tv5core.catalog.writer.CHUNK_BYTES", 2_000)
    stages: list[tuple[int, int, str]] = []
    some = films(0, 30, "word " * 100)
    catalog.add(some, vectors(0, 30), progress=lambda *args: stages.append(args))
    assert stages[-1] == (30, 30, "storing")
    assert len(stages) > 5
    assert catalog.count() == 30


def test_calibrated_settings_are_kept(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(films(0, 500), vectors(0, 500))
        catalog.seal()
        chosen = catalog.calibrate(vectors(0, 50, seed=2), 0.9)
        assert chosen.recall is not None
    with Catalog.open(tmp_path) as catalog:
        assert catalog.info()["settings"]["recall"] == chosen.recall


def test_verify_finds_what_does_not_agree(catalog: Catalog) -> None:
    catalog.add(films(0, 5), vectors(0, 5))
    assert catalog.verify().checked == {
        "titles": 5, "ids": 5, "aliases": 15, "vectors": 5, "journal": 1,
    }  # fmt: skip

    def break_it(txn: object) -> None:
        raw, dbs = txn  # type: ignore[misc]
        raw.delete(b"tmdb:movie:1", db=dbs.derived["ids"])
        raw.put((2).to_bytes(8, "big"), b"\x01\xc0", db=dbs.titles)
        raw.delete(b"imdb:tt0000003", db=dbs.derived["aliases"])
        raw.put(
            bytes(4) + (4).to_bytes(8, "big"), np.full(DIM, np.nan, "<f4").tobytes(), db=dbs.vectors
        )
        raw.put((99).to_bytes(8, "big"), b"", db=dbs.pending)

    catalog._store.environment.write(break_it)
    report = catalog.verify()
    assert not report.ok
    text = "\n".join(report.problems)
    for part in ("tmdb:movie:1", "row 2", "imdb:tt0000003", "row 4: expected a finite", "row 99"):
        assert part in text


def test_people_come_back_as_people(catalog: Catalog) -> None:
    title = Title("a", "show", "A", cast=(Person("Ann", "Bea"),), genres=("Drama",))
    catalog.add([title], vectors(0, 1))
    assert catalog.get("a") == title
    assert repr(catalog).startswith("Catalog('")
