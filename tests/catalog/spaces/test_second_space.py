"""A second space: titles embedded once more, beside the first, and weighed by searches."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.catalog.spaces.hashed import DIM, hashed
from tests.catalog.spaces.plots import more
from tv5core.catalog import Catalog
from tv5core.embedding.documents import essentials
from tv5core.errors import EmbedderMismatchError, InvalidInputError, ReadOnlyError
from tv5core.store import embeddings, second_space
from tv5core.types import Title

FILMS = [
    Title("jaws", "movie", "Jaws", overview="a shark attacks a town", votes=90),
    Title("inception", "movie", "Inception", overview="thieves steal dreams", votes=80),
    Title("toys", "movie", "Toy Story", overview="toys come alive", votes=70),
    Title("mute", "movie", "Untitled", votes=1),
]


def opened(path: Path, **options: object) -> Catalog:
    return Catalog.open(path, second_embedder=hashed, **options)  # type: ignore[arg-type]


def stored(catalog: Catalog) -> dict[str, npt.NDArray[np.float32]]:
    """Return the vectors of the second space by id."""
    with catalog._store.read() as txn:
        second = catalog._store.refresh(txn).second
        assert second is not None
        found = embeddings.gather(txn, second.space, embeddings.rows(txn, second.space), second.dim)
    assert not len(found.damaged)
    titles = catalog._searcher._titles.titles(found.rows)
    return {t.id: v for t, v in zip(titles, found.vectors, strict=True) if t is not None}


def check_in_step(catalog: Catalog) -> None:
    """Every title has the vector of its present text, on disk and in the index."""
    titles = [title for title in catalog.get_many(catalog.ids()) if title is not None]
    wanted = hashed([essentials(title) for title in titles])
    found = stored(catalog)
    assert sorted(found) == sorted(title.id for title in titles)
    for title, vector in zip(titles, wanted, strict=True):
        np.testing.assert_allclose(found[title.id], vector / np.linalg.norm(vector), atol=1e-6)
    index = catalog._second.index.current()
    assert index is not None
    assert len(index) == len(titles)
    assert catalog.info()["second_space"]["changes_waiting"] == 0
    assert catalog.verify().ok


def first(catalog: Catalog, text: str) -> str:
    found = catalog.search(text, 3)
    return found[0].id if found else ""


def test_a_query_in_a_language_the_first_space_does_not_know(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "alone") as catalog:
        catalog.add(FILMS)
        assert not catalog.search("ein hai greift eine stadt")
    with opened(tmp_path / "both") as catalog:
        catalog.add(FILMS)
        catalog.wait()
        assert first(catalog, "ein hai greift eine stadt") == "jaws"
        assert first(catalog, "diebe stehlen träume diebe stehlen") == "inception"
        assert first(catalog, "toys") == "toys"
        assert [h.id for h in catalog.search("hai stadt stadt hai")][:1] == ["jaws"]
        assert not catalog.search("qwxzzk vvvrtp yyttrw qqqqz")
        assert not catalog.search("ein hai greift eine stadt", mode="keyword")
        assert catalog.search("ein hai greift eine stadt", mode="semantic")[0].id == "jaws"


def test_additions_changes_and_deletions_are_followed(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.wait()
        check_in_step(catalog)
        catalog.seal()
        assert catalog.info()["second_space"]["sealed"] == len(FILMS)
        catalog.add([Title("jaws", "movie", "Jaws", overview="a violin concert")])
        catalog.add([Title("new", "movie", "New", overview="a zeppelin")], embed=False)
        catalog.add([Title("toys", "movie", "Toy Story", overview="toys come alive", votes=5)])
        catalog.delete("inception")
        catalog.wait()
        check_in_step(catalog)
    with opened(tmp_path) as catalog:
        check_in_step(catalog)
        catalog.seal()
        check_in_step(catalog)
        assert catalog.info()["second_space"]["live"] == 0


def test_a_change_while_the_thread_is_about_to_end_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_nothing, go_on = threading.Event(), threading.Event()

    def about_to_end(_: object) -> None:
        found_nothing.set()
        assert go_on.wait(60)

    with opened(tmp_path) as catalog:
        monkeypatch.setattr("tv5core.catalog.spaces.second_space._release", about_to_end)
        catalog.add(FILMS)
        assert found_nothing.wait(60)
        catalog.delete("inception")
        go_on.set()
        catalog.wait()
        check_in_step(catalog)


def test_new_votes_embed_nothing_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(texts: list[str]) -> npt.NDArray[np.float32]:
        asked.extend(texts)
        return hashed(texts)

    with Catalog.open(tmp_path, second_embedder=counting) as catalog:
        catalog.add(FILMS)
        catalog.wait()
        before = len(asked)
        catalog.add([Title("jaws", "movie", "Jaws", overview=FILMS[0].overview, votes=7)])
        catalog.wait()
        assert len(asked) == before
        assert catalog.info()["second_space"]["changes_waiting"] == 0


def test_given_vectors_do_not_hide_a_change_of_text(tmp_path: Path) -> None:
    vectors = np.eye(4, 8, dtype=np.float32)
    with opened(tmp_path, embedder=None) as catalog:
        catalog.add(FILMS, vectors)
        catalog.wait()
        catalog.add([Title("jaws", "movie", "Jaws", overview="a violin")], vectors[:1])
        catalog.wait()
        check_in_step(catalog)


def test_turned_on_for_a_catalogue_that_is_there(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add([*FILMS, *more(0, 300)])
        catalog.seal()
        assert catalog.info()["second_space"] == {}
    stages: list[tuple[int, int, str]] = []
    with opened(tmp_path) as catalog:
        catalog.embed_pending(lambda *step: stages.append(step))
        check_in_step(catalog)
        assert first(catalog, "ein hai greift eine stadt") == "jaws"
    last = [step for step in stages if step[2] == "embedding in the second space"]
    assert [done for done, _, _ in last] == sorted(done for done, _, _ in last)


def test_embedding_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_space, "_BLOCK", 50)
    with Catalog.open(tmp_path) as catalog:
        catalog.add(more(0, 400))
    asked: list[str] = []

    def slow(texts: list[str]) -> npt.NDArray[np.float32]:
        asked.extend(texts)
        if len(asked) > 170:
            raise RuntimeError("cut off")
        return hashed(texts)

    slow.__qualname__ = hashed.__qualname__
    slow.__module__ = hashed.__module__
    with Catalog.open(tmp_path, second_embedder=slow) as catalog:
        catalog.wait()
        assert not catalog.info()["second_space"]["complete"]
        assert "being embedded" in catalog.info()["second_space"]["reason"]
        assert catalog.verify().ok
        assert len(catalog.search("garden", 3)) >= 0  # the first space answers meanwhile
    with opened(tmp_path, read_only=True) as reader:
        assert not reader.info()["second_space"]["complete"]
    kept = len(asked)
    with opened(tmp_path) as catalog:
        assert catalog.embed_pending() <= 400 - 150
        check_in_step(catalog)
    assert kept < 250


def test_a_reader_follows_what_a_writer_embeds(tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        writer.add(FILMS[:2])
        writer.wait()
        with opened(tmp_path, read_only=True) as reader:
            assert first(reader, "ein hai greift eine stadt") == "jaws"
            writer.add(FILMS[2:])
            writer.delete("jaws")
            writer.wait()
            assert first(reader, "ein hai greift eine stadt") != "jaws"
            assert len(reader._second.index.current() or ()) == 3
            writer.seal()
            writer.add(FILMS[:1])
            writer.wait()
            assert first(reader, "ein hai greift eine stadt") == "jaws"
            reader.wait()
            assert first(reader, "ein hai greift eine stadt") == "jaws"
            assert reader.verify().ok


def test_without_its_embedder_the_first_space_answers(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.seal()
    with Catalog.open(tmp_path) as catalog:
        assert first(catalog, "toys") == "toys"
        assert not catalog.search("ein hai greift eine stadt")
        facts = catalog.info()["second_space"]
        assert (facts["ready"], facts["vectors"]) == (False, 4)
        assert "was not given" in facts["reason"]
        report = catalog.verify()
        assert report.ok
        assert any("first space alone" in note for note in report.notes)
        catalog.add([Title("jaws", "movie", "Jaws", overview="a violin concert")])
        catalog.seal()
        assert catalog.info()["second_space"]["changes_waiting"] > 0
    with opened(tmp_path) as catalog:  # with it again, what was missed is made up for
        catalog.wait()
        check_in_step(catalog)


def test_one_embedder_a_second_space(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.seal()
    other = lambda texts: np.ones((len(texts), 8))  # noqa: E731 - another name is all that counts
    with pytest.raises(EmbedderMismatchError, match="drop_second_space"):
        Catalog.open(tmp_path, second_embedder=other)
    with opened(tmp_path) as catalog:
        assert catalog.drop_second_space() == 4
        assert catalog.info()["second_space"] == {}
        assert first(catalog, "toys") == "toys"
        assert catalog.verify().ok
        assert len(list(tmp_path.glob("graph.*"))) == 1
    with Catalog.open(tmp_path, second_embedder=other) as catalog:
        catalog.wait()
        assert catalog.info()["second_space"]["dim"] == 8
    with opened_reader(tmp_path) as reader, pytest.raises(ReadOnlyError):
        reader.drop_second_space()


def opened_reader(path: Path) -> Catalog:
    return Catalog.open(path, read_only=True)


@pytest.mark.parametrize("wrong", ["lsa", "", "model2vec:", "gpt", 7, int])
def test_what_is_no_second_embedder(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(InvalidInputError, match="expected a second embedder"):
        Catalog.open(tmp_path, second_embedder=wrong)  # type: ignore[arg-type]


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    for name in ("model2vec", "sentence-transformers"):
        with pytest.raises(InvalidInputError, match="model"):
            Catalog.open(tmp_path / "films", second_embedder=f"{name}:{tmp_path}")


def test_a_function_that_fails_stops_nothing(tmp_path: Path) -> None:
    def broken(texts: list[str]) -> npt.NDArray[np.float32]:
        raise RuntimeError("no model today")

    with Catalog.open(tmp_path, second_embedder=broken) as catalog:
        catalog.add(FILMS)
        catalog.wait()
        assert first(catalog, "toys") == "toys"
        with pytest.raises(RuntimeError, match="no model today"):
            catalog.embed_pending()
        assert catalog.verify().ok


@pytest.mark.parametrize("what", ["graph", "rows"])
@pytest.mark.parametrize("how", ["lost", "cut", "flipped"])
def test_a_damaged_file_is_made_up_for(tmp_path: Path, what: str, how: str) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.seal()
        name = next(
            file.name
            for file in catalog._store.meta.second.generations[0].files
            if file.name.startswith(what)
        )
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    if how == "lost":
        path.unlink()
    else:
        data[len(data) // 2] ^= 4
        path.write_bytes(data if how == "flipped" else data[: len(data) // 2])
    with opened(tmp_path) as catalog:
        assert first(catalog, "ein hai greift eine stadt") == "jaws"
        assert any("second space" in message for message in catalog.info()["recovered"])
        assert not catalog.verify().ok
        report = catalog.verify(repair=True)
        assert report.ok, report.problems
        check_in_step(catalog)
    with opened(tmp_path) as catalog:
        assert catalog.info()["second_space"]["sealed"] == len(FILMS)
        assert catalog.info()["recovered"] == []


def test_a_damaged_vector_is_embedded_again(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.seal()
        space = catalog._store.meta.second.space

        def spoil(txn: object, meta: object) -> tuple[object, None]:
            txn.raw.put(embeddings.key(space, 1), b"\0" * (4 * DIM + 4), db=txn.dbs.vectors)
            return meta, None

        catalog._store.write(spoil)
        report = catalog.verify()
        assert any("second space" in problem for problem in report.problems)
        assert catalog.verify(repair=True).ok
        check_in_step(catalog)


def test_a_backup_has_it(tmp_path: Path) -> None:
    with opened(tmp_path / "films") as catalog:
        catalog.add(FILMS)
        catalog.seal()
        catalog.backup(tmp_path / "copy")
    with opened(tmp_path / "copy") as copy:
        check_in_step(copy)
        assert copy.info()["second_space"]["sealed"] == len(FILMS)


def test_refitting_and_optimizing_leave_it_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add(FILMS)
        catalog.seal()
        catalog.refit()
        catalog.optimize()
        catalog.wait()
        check_in_step(catalog)
    with opened(tmp_path) as catalog:
        check_in_step(catalog)


def test_searches_while_titles_come_and_go(tmp_path: Path) -> None:
    with opened(tmp_path) as catalog:
        catalog.add([*FILMS, *more(0, 300)])
        catalog.seal()
        failed: list[BaseException] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    found = catalog.search("ein hai greift eine stadt", 5)
                    assert found[0].id == "jaws"
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for start in range(300, 380, 40):
            catalog.add(more(start, start + 40))
            catalog.delete([title.id for title in more(start - 300, start - 290)])
            catalog.seal()
        done.set()
        for thread in threads:
            thread.join()
        assert not failed
        catalog.wait()
        check_in_step(catalog)


def test_a_copied_folder_opens(tmp_path: Path) -> None:
    with opened(tmp_path / "films") as catalog:
        catalog.add(FILMS)
    shutil.copytree(tmp_path / "films", tmp_path / "other")
    with opened(tmp_path / "other") as catalog:
        catalog.wait()
        check_in_step(catalog)
