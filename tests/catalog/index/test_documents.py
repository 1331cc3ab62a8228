"""A catalogue's documents are those of its titles: found, sealed, reopened, followed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.catalog.documents import problems
from tests.catalog.numbered import films, vectors
from tv5core import bitmap
from tv5core.catalog import Catalog
from tv5core.errors import FittingError
from tv5core.store import titles
from tv5core.types import Title
from tv5core.vectors import SearchOptions


def revote(catalog: Catalog, start: int, stop: int, votes: int) -> None:
    """Change titles, and leave their vectors alone."""
    some = [msgspec.structs.replace(film, votes=votes) for film in films(start, stop)]
    catalog.add(some, embed=False)


def given(catalog: Catalog, start: int, stop: int) -> None:
    catalog.add(films(start, stop), vectors(start, stop))


def loads(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many titles are read to be made documents."""
    titles, seen = catalog._manager.titles, []
    load = titles.source.load

    def noting(rows: np.ndarray) -> object:
        seen.append(len(rows))
        return load(rows)

    source = replace(titles.source, load=noting)  # type: ignore[arg-type]
    monkeypatch.setattr(titles, "source", source)
    monkeypatch.setattr(catalog._manager.served.documents, "_source", source)
    return seen


def generation(catalog: Catalog) -> tuple[str, ...]:
    return tuple(file.name for file in catalog._store.meta.generations[0].files)


def test_every_change_is_in_the_next_search(catalog: Catalog) -> None:
    given(catalog, 0, 50)
    assert problems(catalog) == []
    revote(catalog, 10, 20, 7)
    catalog.delete(["tmdb:movie:3", "tmdb:movie:12"])
    assert problems(catalog) == []
    catalog.seal()
    assert problems(catalog) == []
    revote(catalog, 10, 20, 8)
    given(catalog, 60, 65)
    catalog.delete("tmdb:movie:61")
    assert problems(catalog) == []


def test_documents_of_many_titles_are_made_before_a_search_asks(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tv5core.query.document_index._MADE_BEHIND", 20)
    given(catalog, 0, 30)
    catalog.wait()
    assert catalog._manager.served.documents.waiting_count == 30, "nobody has searched"
    assert problems(catalog) == []
    given(catalog, 30, 40)
    catalog.wait()
    assert catalog._manager.served.documents.waiting_count == 10
    given(catalog, 40, 55)
    catalog.wait()
    assert catalog._manager.served.documents.waiting_count == 0
    assert problems(catalog) == []
    catalog.seal()
    given(catalog, 60, 90)
    catalog.wait()
    assert catalog._manager.served.documents.waiting_count == 0
    assert problems(catalog) == []


def test_a_reader_swaps_in_what_was_sealed_while_it_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapping, go_on = threading.Event(), threading.Event()
    with Catalog.open(tmp_path) as writer, Catalog.open(tmp_path, read_only=True) as reader:
        given(writer, 0, 30)
        assert len(reader.search("film")) == 10
        writer.seal()
        follower = reader._manager
        open_generation = follower._open_generation

        def held(*arguments: Any) -> Any:
            if follower.background.is_current:
                swapping.set()
                assert go_on.wait(60)
            return open_generation(*arguments)

        monkeypatch.setattr(follower, "_open_generation", held)
        reader.search("film")
        assert swapping.wait(60)
        given(writer, 30, 40)
        writer.seal()
        reader.search("film")
        go_on.set()
        reader.wait()
        assert follower.served.generation == writer._manager.served.generation
        assert problems(reader) == []


def test_what_the_journal_does_not_lead_on_from_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog.open(tmp_path) as writer, Catalog.open(tmp_path, read_only=True) as reader:
        given(writer, 0, 30)
        assert len(reader.search("film")) == 10
        writer.seal()
        follower = reader._manager
        open_generation, replay = follower._open_generation, follower.replay
        opened: list[int] = []

        def counted(meta: Any, generation: Any) -> Any:
            opened.append(generation.number)
            return open_generation(meta, generation)

        monkeypatch.setattr(follower, "_open_generation", counted)
        monkeypatch.setattr(
            follower, "replay", lambda served: not served.generation and replay(served)
        )
        for start in (30, 33, 36):
            given(writer, start, start + 3)
            assert problems(reader) == []
            reader.wait()
        assert len(opened) == 1
        assert follower.served.generation == 0


def test_a_reader_follows(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as writer, Catalog.open(tmp_path, read_only=True) as reader:
        for step, work in enumerate(
            (
                lambda: given(writer, 0, 30),
                lambda: revote(writer, 0, 5, 1),
                writer.seal,
                lambda: revote(writer, 3, 9, 2),
                lambda: writer.delete("tmdb:movie:4"),
                writer.seal,
                lambda: given(writer, 30, 33),
            )
        ):
            work()
            assert problems(reader) == [], step
            reader.wait()
            assert problems(reader) == [], step
            assert problems(writer) == [], step


def test_opening_reads_files_and_what_changed_since(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for read_only in (False, True):
        with Catalog.open(sealed, read_only=read_only) as catalog:
            seen = loads(catalog, monkeypatch)
            assert catalog._manager.served.documents.sealed is not None
            assert problems(catalog) == []
            assert sum(seen) == 11, "ten titles were added after the sealing, one was deleted"
            assert catalog.info()["recovered"] == []


def test_sealing_reads_no_title_again(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    given(catalog, 0, 40)
    catalog.seal()
    seen = loads(catalog, monkeypatch)
    given(catalog, 40, 45)
    assert problems(catalog) == []
    assert sum(seen) == 5
    catalog.seal()
    assert sum(seen) == 5
    assert problems(catalog) == []


def test_titles_alone_are_sealed_beside_the_graph_there_is(catalog: Catalog) -> None:
    given(catalog, 0, 40)
    catalog.seal()
    assert not catalog.seal()
    revote(catalog, 0, 10, 5)
    assert catalog.seal()
    assert generation(catalog) == (
        *("graph.000001.tv5", "rows.000001.tv5"),
        *("words.000002.tv5", "columns.000002.tv5"),
    )
    assert not catalog.seal()
    assert problems(catalog) == []
    assert catalog._manager.served.documents.live_count == 0
    assert catalog.verify().ok


def test_text_is_searched_after_titles_alone_were_sealed(catalog: Catalog) -> None:
    some = [Title(f"t:{n}", "movie", f"T{n}", overview=f"a {word}") for n, word in enumerate(WORDS)]
    catalog.add(some)
    catalog.seal()
    catalog.add([msgspec.structs.replace(some[2], votes=5)])
    before = catalog.search("a wizard", 3)
    assert catalog.seal()
    assert [hit.id for hit in catalog.search("a wizard", 3)] == [hit.id for hit in before]
    assert before
    assert catalog.info()["documents"]["live"] == 0


def test_additions_are_embedded_after_titles_alone_were_sealed(catalog: Catalog) -> None:
    some = [Title(f"t:{n}", "movie", f"T{n}", overview=f"a {word}") for n, word in enumerate(WORDS)]
    catalog.add(some)
    catalog.seal()
    catalog.add([msgspec.structs.replace(some[2], votes=5)])
    catalog._manager.seal(documents_only=True)
    catalog.add([Title("t:new", "movie", "New", overview="a wizard")])
    assert catalog.info()["pending"] == 0
    assert "t:new" in {hit.id for hit in catalog.search("a wizard", 3)}


def test_the_graph_outlives_the_generation_that_made_it(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        given(catalog, 0, 20)
        catalog.seal()
        for votes in range(1, 5):
            revote(catalog, 0, 3, votes)
            catalog.seal()
        names = {path.name for path in tmp_path.glob("*.tv5")}
        assert names == {
            *("graph.000001.tv5", "rows.000001.tv5"),
            *(f"{part}.00000{n}.tv5" for part in ("words", "columns") for n in (4, 5)),
        }
        given(catalog, 20, 22)
    with Catalog.open(tmp_path) as catalog:
        assert problems(catalog) == []
        assert len(catalog.search(vectors(21, 22)[0], 30)) == 22
        catalog.seal()
        catalog.seal()
        assert problems(catalog) == []
        assert catalog.verify().ok


def test_a_catalogue_without_vectors_seals_documents(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=None) as catalog:
        catalog.add(films(0, 20), embed=False)
        assert catalog._manager.seal()
        assert generation(catalog) == ("words.000001.tv5", "columns.000001.tv5")
        assert problems(catalog) == []
    with Catalog.open(tmp_path, embedder=None) as catalog:
        assert catalog._manager.served.documents.sealed is not None
        assert problems(catalog) == []
        assert catalog.verify().ok
        given(catalog, 0, 25)
        assert problems(catalog) == []
    with Catalog.open(tmp_path) as catalog:
        assert len(catalog.search(vectors(3, 4)[0], 30)) == 25
        catalog.seal()
        assert problems(catalog) == []
        assert len(generation(catalog)) == 4
        assert catalog.verify().ok


def test_documents_are_sealed_where_no_embedder_can_be_fitted(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add([Title("a", "movie", "Heat"), Title("b", "movie", "Alien")], embed=False)
        with suppress(FittingError):
            catalog.seal()
        assert catalog._manager.served.documents.sealed is not None
        assert problems(catalog) == []


def test_sealing_what_lost_all_vectors(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=None) as catalog:
        given(catalog, 0, 5)
        catalog.add(films(10, 15), embed=False)
        catalog._manager.seal()
        catalog.delete([film.id for film in films(0, 5)])
        assert catalog._manager.seal()
        assert len(generation(catalog)) == 2
        assert problems(catalog) == []
    with Catalog.open(tmp_path, embedder=None) as catalog:
        assert problems(catalog) == []
        assert catalog.search(vectors(0, 1)[0]) == []
        catalog.delete(catalog.ids())
        catalog._manager.seal()
        assert catalog._store.meta.generations == ()
        assert catalog.verify().ok


def test_changes_during_a_sealing_are_kept(catalog: Catalog) -> None:
    given(catalog, 0, 3_000)
    stages: set[str] = set()

    def progress(done: int, total: int, stage: str) -> None:
        if stage not in stages:
            stages.add(stage)
            number = len(stages)
            revote(catalog, 10 * number, 10 * number + 5, number)
            catalog.delete(f"tmdb:movie:{10 * number + 7}")
            given(catalog, 5_000 + number, 5_001 + number)
            assert problems(catalog) == [], stage

    catalog.seal(progress)
    assert {"merging documents", "writing documents"} <= stages
    assert problems(catalog) == []
    catalog.seal()
    assert problems(catalog) == []
    assert catalog.verify().ok


def test_refitting_numbers_documents_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for large in (False, True):
        monkeypatch.setattr("tv5core.catalog.spaces.new_space.MAX_LIVE_ROWS", 10 if large else 999)
        folder = tmp_path / str(large)
        with Catalog.open(folder) as catalog, Catalog.open(folder, read_only=True) as reader:
            plots = [f"a {word} and a {other}" for word in WORDS for other in WORDS]
            some = [Title(f"t:{n}", "movie", f"T{n}", overview=p) for n, p in enumerate(plots)]
            catalog.add(some)
            catalog.seal()
            assert problems(catalog) == problems(reader) == []
            catalog.add([msgspec.structs.replace(one, votes=3) for one in some[:9]])
            catalog.refit()
            assert problems(catalog) == problems(reader) == []
            assert catalog.verify().ok
        with Catalog.open(folder) as catalog:
            assert problems(catalog) == []


WORDS = ("shark", "robot", "wizard", "train", "queen", "desert", "violin", "harbour")


def test_a_filter_by_documents_holds_for_vectors(catalog: Catalog) -> None:
    given(catalog, 0, 60)
    catalog.seal()
    revote(catalog, 0, 20, 1)
    given(catalog, 60, 70)
    catalog.delete(["tmdb:movie:1", "tmdb:movie:61"])
    served = catalog._current()
    view = served.view()
    wanted = np.asarray([0, 1, 5, 30, 59, 60, 61, 69])
    bitmaps = [bitmap.from_mask(np.isin(one.keys, wanted)) for one in view.documents.segments]
    assert view.vectors is not None
    assert served.index is not None
    options = SearchOptions(served.index.settings, True, view.vector_filter(bitmaps), 1)
    keys, _ = view.vectors.search(vectors(5, 6), 20, options)
    assert sorted(keys[keys >= 0].tolist()) == [0, 5, 30, 59, 60, 69]


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize("hurt", [damaged, cut, Path.unlink])
@pytest.mark.parametrize("part", ["words", "columns"])
@pytest.mark.parametrize("read_only", [False, True])
def test_damaged_files_are_made_again(
    sealed: Path, part: str, hurt: Callable[[Path], None], read_only: bool
) -> None:
    hurt(sealed / f"{part}.000002.tv5")
    with Catalog.open(sealed, read_only=read_only) as catalog:
        assert problems(catalog) == []
        assert len(catalog.info()["recovered"]) == 1
        assert "documents of generation 2" in catalog.info()["recovered"][0]
        assert catalog.info()["generation"] == 2
        assert not catalog.verify().ok
    if not read_only:
        with Catalog.open(sealed) as catalog:
            assert catalog.verify(repair=True).ok
            assert problems(catalog) == []
        with Catalog.open(sealed) as catalog:
            assert problems(catalog) == []
            assert catalog.info()["recovered"] == []


def test_files_of_another_analysis_are_made_again(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tv5core.catalog.index import title_source

    newer = title_source.PARTS._replace(version="another")
    monkeypatch.setattr(title_source, "PARTS", newer)
    with Catalog.open(sealed) as catalog:
        assert problems(catalog) == []
        assert "another" in catalog.info()["recovered"][0]
        catalog.seal()
    with Catalog.open(sealed) as catalog:
        assert problems(catalog) == []
        assert catalog.info()["recovered"] == []


def test_who_makes_many_documents_in_memory_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tv5core.catalog.index.title_source._MANY", 30)
    with Catalog.open(tmp_path) as catalog:
        given(catalog, 0, 40)
    with Catalog.open(tmp_path) as catalog:
        assert problems(catalog) == []
    assert "documents of 40 titles are made in memory" in caplog.text
    caplog.clear()
    with Catalog.open(tmp_path) as catalog:
        catalog.seal()
        assert problems(catalog) == []
    assert not caplog.text


def test_a_forked_reader_has_documents_of_its_own(sealed: Path) -> None:
    with Catalog.open(sealed, read_only=True) as catalog:
        assert problems(catalog) == []
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            found = problems(catalog)
            os.write(writing, repr(found).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 1000) == b"[]"


def test_opening_makes_no_documents(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Catalog.open(sealed) as catalog:
        seen = loads(catalog, monkeypatch)
        revote(catalog, 0, 3, 1)
        catalog.search(np.ones(catalog.info()["dim"], np.float32))
        assert not seen


def test_documents_are_never_older_than_vectors(tmp_path: Path) -> None:
    """What a search finds by its vector has its document, unless it was deleted meanwhile."""
    with Catalog.open(tmp_path, embedder=None) as catalog:
        given(catalog, 0, 30)
        ended, wrong = threading.Event(), []

        def search() -> None:
            while not ended.is_set():
                view = catalog._current().view()
                assert view.vectors is not None
                keys = np.concatenate([one.keys for one in view.vectors.segments])
                without = keys[view.locate(keys)[0] < 0]
                with catalog._store.read() as txn:
                    wrong.extend(
                        row for row in without.tolist() if titles.bytes_of(txn, row) is not None
                    )

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for step in range(30):
            given(catalog, 30 + step, 32 + step)
            revote(catalog, step, step + 3, step)
            catalog.delete(f"tmdb:movie:{step}")
            if step % 10 == 5:
                catalog.seal()
        ended.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert problems(catalog) == []
