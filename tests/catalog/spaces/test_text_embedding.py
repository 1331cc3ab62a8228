"""Text search: the embedder fitted here, callables, ready vectors, and their mixtures."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.catalog.spaces.plots import PLOTS, more, plots
from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.types import Title
from tv5core.vectors import SearchOptions, VectorIndex


def letters(texts: list[str]) -> npt.NDArray[np.float32]:
    """Stand-in for a model: counts of letters."""
    rows = [[text.lower().count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    return np.asarray(rows, np.float32)


def others(texts: list[str]) -> npt.NDArray[np.float32]:
    return letters(texts)[:, ::-1]


# -- fitted on the catalogue --------------------------------------------------------------


def test_the_ten_lines(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as catalog:
        catalog.add(plots())
        hits = catalog.search("thief of dreams and secrets", mode="semantic")
        assert hits[0].title.title == "Inception"
        assert hits[0].score > hits[1].score
    with Catalog.open(tmp_path / "films", read_only=True) as catalog:
        assert catalog.search("shark at the beach", 1, mode="semantic")[0].id == "jaws"
        assert catalog.similar("jaws", 2)
        assert catalog.info()["embedder"].startswith("lsa:")


def test_embedding_later(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots(), embed=False)
        info = catalog.info()
        assert (info["titles"], info["pending"], info["vectors"]) == (6, 6, 0)
        assert catalog.search("shark", mode="semantic") == []
        assert catalog.get("jaws").title == "Jaws"
        assert catalog.embed_pending() == 6
        assert catalog.embed_pending() == 0
        assert catalog.search("shark", 1, mode="semantic")[0].id == "jaws"
        catalog.add(more(0, 3), embed=False)
        assert catalog.embed_pending() == 3
        assert catalog.info()["pending"] == 0
        catalog.add(more(3, 4), embed=False)
        catalog.seal()
        assert (catalog.info()["pending"], catalog.info()["sealed"]) == (0, 10)
        assert catalog.verify().ok


def test_only_changed_text_is_embedded_again(tmp_path: Path) -> None:
    seen: list[str] = []

    def counting(texts: list[str]) -> npt.NDArray[np.float32]:
        seen.extend(texts)
        return letters(texts)

    with Catalog.open(tmp_path, embedder=counting) as catalog:
        catalog.add(plots())
        assert len(seen) == 6
        catalog.add(plots())
        catalog.add(
            [Title("jaws", "movie", *PLOTS["jaws"][:1], overview=PLOTS["jaws"][1], votes=9)]
        )
        assert len(seen) == 6
        assert catalog.get("jaws").votes == 9
        catalog.add([Title("jaws", "movie", "Jaws", overview="a fish")])
        assert len(seen) == 7


def test_a_title_without_words_is_kept_without_a_vector(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add([*plots(), Title("blank", "movie", "", overview="...", genres=("!",))])
        catalog.add([Title("digits", "movie", "12")])
        info = catalog.info()
        assert info["titles"] == 8
        assert info["pending"] == 0
        assert catalog.get("digits").title == "12"
        assert catalog.verify().ok


def test_unknown_words_find_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add(plots())
        assert catalog.search("12345", mode="semantic") == []
        assert [bool(hits) for hits in catalog.search_many(["jaws", "123"])] == [True, False]


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_model_is_refitted(tmp_path: Path, lost: bool) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots())
    model = tmp_path / "lsa.000001.tv5"
    if lost:
        model.unlink()
    else:
        data = bytearray(model.read_bytes())
        data[1000] ^= 1
        model.write_bytes(data)
    with Catalog.open(tmp_path, read_only=True) as catalog:
        with pytest.raises(errors.CorruptFileError, match="for writing refits it"):
            catalog.search("shark", mode="semantic")
        assert catalog.similar("jaws")
        assert not catalog.verify().ok
    with Catalog.open(tmp_path) as catalog:
        assert "refitted" in catalog.info()["recovered"][0]
        assert catalog.search("shark", 1, mode="semantic")[0].id == "jaws"
        assert catalog.verify().ok


def test_threads_that_add_to_a_new_catalogue(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with Catalog.open(tmp_path) as catalog:

        def run(number: int) -> None:
            try:
                for i in range(3):
                    catalog.add(more(10 * number + i, 10 * number + i + 1))
                    catalog.search("river", mode="semantic")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        catalog.wait()
        assert failures == []
        assert catalog.info()["vectors"] == 12
        assert catalog.verify().ok


# -- callables and ready vectors ----------------------------------------------------------


def test_a_callable(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add(plots())
        assert catalog.info()["dim"] == 26
        assert len(catalog.search("a great white shark", 3, mode="semantic")) == 3
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add(more(0, 3))
        assert catalog.info()["vectors"] == 9
        catalog.refit()
        assert catalog.search("jaws", mode="semantic")
        assert catalog.verify().ok


@pytest.mark.parametrize("embedder", [others, "lsa"])
def test_another_embedder_is_refused(tmp_path: Path, embedder: object) -> None:
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add(plots())
    for read_only in (False, True):
        with pytest.raises(errors.EmbedderMismatchError, match="letters"):
            Catalog.open(tmp_path, embedder=embedder, read_only=read_only)  # type: ignore[arg-type]
    with Catalog.open(tmp_path, embedder=None, read_only=True) as catalog:
        assert catalog.similar("jaws")
        with pytest.raises(errors.EmbedderMismatchError, match="made by"):
            catalog.search("shark", mode="semantic")


def test_a_callable_for_a_catalogue_that_fits_its_own(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(plots())
        with pytest.raises(errors.EmbedderMismatchError, match="without vectors"):
            catalog.add(more(0, 1), np.ones((1, 768), np.float32))
    with pytest.raises(errors.EmbedderMismatchError, match="'lsa:"):
        Catalog.open(tmp_path, embedder=letters)
    with Catalog.open(tmp_path, embedder=None) as catalog:
        assert catalog.search("shark", 1, mode="semantic")[0].id == "jaws"


def test_ready_vectors_of_a_named_embedder(tmp_path: Path) -> None:
    some = plots()
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        catalog.add(some, letters([t.overview for t in some]))
        assert catalog.search("jaws", mode="semantic")
        assert "letters" in catalog.info()["embedder"]
    with pytest.raises(errors.EmbedderMismatchError):
        Catalog.open(tmp_path, embedder=others)


def test_ready_vectors_first_and_a_callable_later(tmp_path: Path) -> None:
    some = plots()
    with Catalog.open(tmp_path) as catalog:
        catalog.add(some, letters([t.overview for t in some]))
        assert catalog.info()["embedder"] == "external"
        catalog.add([Title("pending", "movie", "P")], embed=False)
        assert catalog.embed_pending() == 0
    with Catalog.open(tmp_path, embedder=letters) as catalog:
        assert catalog.search("shark", mode="semantic")
        catalog.add(more(0, 2))
        assert "letters" in catalog.info()["embedder"]
        assert catalog.embed_pending() == 1
        assert catalog.verify().ok


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda texts: np.full((len(texts), 26), np.nan), errors.NonFiniteVectorError),
        (lambda texts: np.ones((len(texts), 25)), errors.DimensionError),
        (lambda texts: np.ones((len(texts) + 1, 26)), errors.InvalidInputError),
        (lambda texts: "no", errors.InvalidInputError),
    ],
)
def test_what_an_embedder_makes_is_not_trusted(
    tmp_path: Path, made: object, error: type[Exception]
) -> None:
    broken = [False]

    def model(texts: list[str]) -> npt.ArrayLike:
        return made(texts) if broken[0] else letters(texts)  # type: ignore[operator]

    with Catalog.open(tmp_path, embedder=model) as catalog:
        catalog.add(plots())
        broken[0] = True
        with pytest.raises(error):
            catalog.add(more(0, 3))
        assert (catalog.count(), catalog.info()["vectors"]) == (6, 6)
        assert catalog.verify().ok


def test_sealing_calibrates_text_searches_on_own_text(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(400)]
    titles = [
        Title(f"t:{i}", "movie", f"Film {i}", overview=" ".join(rng.choice(words, 25)))
        for i in range(2500)
    ]
    with Catalog.open(tmp_path / "c") as catalog, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random words may be too hard for any settings
        catalog.add(titles)
        assert catalog.info()["text_settings"] == {}
        catalog.seal()
        own = catalog.info()["text_settings"]
        assert own["own_text"] is True
        assert own["recall"] > 0
        plain = catalog.info()["settings"]
        query = titles[7].overview
        exact = [hit.id for hit in catalog.search(query, 10, exact=True, mode="semantic")]
        assert exact[0] == "t:7"
        assert catalog.search(query, 1, mode="semantic")[0].id == "t:7"
        names = ("expansion_search", "error_margin")
        asked: list[list[Any]] = []
        search = VectorIndex.search_with

        def spy(index: VectorIndex, queries: Any, k: int, options: SearchOptions, *of: Any) -> Any:
            asked.append([getattr(options.settings, name) for name in names])
            few = own if len(asked) < 3 else plain
            assert options.settings.candidates(k) >= few["oversampling"] * few["min_k"]
            return search(index, queries, k, options, *of)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(VectorIndex, "search_with", spy)
            catalog.search(query, mode="semantic")
            catalog.search_many([query])
            catalog.search(catalog.embed_queries([query])[0])
        text, others = ([one[name] for name in names] for one in (own, plain))
        assert asked == [text, text, others], "vectors keep the settings for vectors"
        chosen = catalog.calibrate([title.overview for title in titles[:50]], 0.5)
        catalog.seal()
        kept = catalog.info()["text_settings"]
        assert kept["expansion_search"] == chosen.expansion_search
        assert "own_text" not in kept
        assert catalog.info()["settings"] == plain
