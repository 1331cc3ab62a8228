from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.embedding.made_up import make_titles
from tests.examples import examples
from tv5core.embedding import LsaEmbedder
from tv5core.embedding.lsa_fitting import even_sample
from tv5core.embedding.random_projection import facts
from tv5core.errors import CorruptFileError, FormatVersionError, InvalidInputError
from tv5core.files import SectionFile, write_sections
from tv5core.types import Person, Title

F32 = npt.NDArray[np.float32]

TITLES = make_titles(240)


@pytest.fixture(scope="module")
def fitted() -> LsaEmbedder:
    return LsaEmbedder().fit(TITLES)


@pytest.fixture(scope="module")
def vectors(fitted: LsaEmbedder) -> F32:
    return fitted.embed_titles(TITLES)


def best(fitted: LsaEmbedder, vectors: F32, query: str, k: int = 10) -> list[Title]:
    scores = vectors @ fitted.embed_queries([query])[0]
    return [TITLES[i] for i in np.argsort(-scores)[:k]]


def movie(id_: str = "1", **fields: Any) -> Title:
    return Title(id=id_, kind="movie", **{"title": "", **fields})


# -- what it finds ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("sharks hunting swimmers at the beach", "Sea"),
        ("robbing a casino", "Heist"),
        ("wizards at school", "School"),
        ("lawyers defending the innocent", "Court"),
        ("astronauts on a failing ship", "Space"),
        ("restaurant critic", "Kitchen"),
    ],
)
def test_finds_by_plot(fitted: LsaEmbedder, vectors: F32, query: str, subject: str) -> None:
    found = best(fitted, vectors, query)
    assert [title.title.split()[0] for title in found] == [subject] * 10


def test_finds_by_names_it_never_saw(fitted: LsaEmbedder, vectors: F32) -> None:
    new = movie(overview="a chef opens a restaurant", cast=(Person("Zora Quexley"),))
    everything = np.vstack([vectors, fitted.embed_titles([new])])
    for query in ("Zora Quexley", "quexley"):
        assert np.argmax(everything @ fitted.embed_queries([query])[0]) == len(vectors)


def test_neighbours_share_the_subject(vectors: F32) -> None:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    nearest = np.argmax(scores, axis=1)
    same = [TITLES[i].title.split()[0] == TITLES[j].title.split()[0] for i, j in enumerate(nearest)]
    assert np.mean(same) > 0.95


def test_a_full_synopsis_comes_before_a_stub(fitted: LsaEmbedder) -> None:
    stub = movie("stub", title="Shark")
    full = TITLES[2]
    query = fitted.embed_queries(["shark"])[0]
    stub_score, full_score = fitted.embed_titles([stub, full]) @ query
    assert full_score > 0.5 * stub_score
    assert np.linalg.norm(fitted.embed_titles([stub])[0, -64:]) > 0.5


def test_of_equal_texts_the_voted_one_comes_first(fitted: LsaEmbedder) -> None:
    text = TITLES[2].overview
    voted, other = movie("a", overview=text, votes=50_000), movie("a", overview=text)
    query = fitted.embed_queries([text])[0]
    first, second = fitted.embed_titles([voted, other]) @ query
    assert second < first < 1.4 * second


# -- shapes and edges -------------------------------------------------------------------


def test_rows_are_unit_float32(fitted: LsaEmbedder, vectors: F32) -> None:
    assert vectors.dtype == np.float32
    assert vectors.shape == (240, 768)
    assert fitted.dim == 768
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    queries = fitted.embed_queries(["a shark", "casino"])
    assert queries.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)


def test_texts_without_words_are_zero(fitted: LsaEmbedder) -> None:
    queries = fitted.embed_queries(["", "...", "shark"])
    assert [row.any() for row in queries] == [False, False, True]
    rows = fitted.embed_titles([movie(title="?!"), movie(title="It")])
    assert [row.any() for row in rows] == [False, True]


def test_no_titles_and_no_queries(fitted: LsaEmbedder) -> None:
    assert fitted.embed_titles([]).shape == (0, 768)
    assert fitted.embed_queries([]).shape == (0, 768)


def test_one_at_a_time_is_as_many_at_once(fitted: LsaEmbedder, vectors: F32) -> None:
    singly = np.vstack([fitted.embed_titles([title]) for title in TITLES[:20]])
    np.testing.assert_allclose(singly, vectors[:20], atol=1e-6)


def test_titles_of_stop_words_are_found(fitted: LsaEmbedder, vectors: F32) -> None:
    new = fitted.embed_titles([movie(title="Up")])
    query = fitted.embed_queries(["up"])[0]
    assert (new @ query)[0] > (vectors @ query).max()


@pytest.mark.parametrize(
    "titles",
    [
        [movie(title="Alone")],
        [movie(title="")],
        [movie(str(i), title="Same", overview="same words here") for i in range(50)],
        [movie(str(i), title="") for i in range(3)] + [movie("x", title="Words")],
        [movie("1", title="東京物語"), movie("2", title="Сталкер"), movie("3", title="אושפיזין")],
        make_titles(3),
    ],
    ids=["one", "one empty", "identical", "mostly empty", "scripts", "three"],
)
def test_fits_on_any_corpus(titles: list[Title], tmp_path: Path) -> None:
    embedder = LsaEmbedder().fit(titles)
    rows = embedder.embed_titles(titles)
    assert rows.shape == (len(titles), 768)
    assert np.isfinite(rows).all()
    lengths = np.linalg.norm(rows, axis=1)
    assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))
    for title, row in zip(titles, rows, strict=True):
        query = embedder.embed_queries([title.title])[0]
        assert row @ query > 0.1 or not title.title
    embedder.save(tmp_path / "lsa")
    np.testing.assert_array_equal(LsaEmbedder.load(tmp_path / "lsa").embed_titles(titles), rows)


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_embeds(texts: list[str]) -> None:
    titles = [movie(str(i), title=text, overview=text[::-1]) for i, text in enumerate(texts)]
    embedder = LsaEmbedder().fit(titles)
    for rows in (embedder.embed_titles(titles), embedder.embed_queries(texts)):
        lengths = np.linalg.norm(rows, axis=1)
        assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))


# -- fitting ----------------------------------------------------------------------------


def test_unfitted_says_so(tmp_path: Path) -> None:
    embedder = LsaEmbedder()
    assert not embedder.is_fitted
    assert (embedder.fitted_on, embedder.fingerprint) == (0, "lsa:unfitted")
    calls: list[Callable[[], object]] = [
        lambda: embedder.embed_titles(TITLES),
        lambda: embedder.embed_queries(["x"]),
        lambda: embedder.save(tmp_path / "x"),
    ]
    for call in calls:
        with pytest.raises(InvalidInputError, match="expected a fitted embedder"):
            call()


def test_fit_refuses_nothing() -> None:
    with pytest.raises(InvalidInputError, match="at least one title"):
        LsaEmbedder().fit([])
    with pytest.raises(InvalidInputError, match="from 1"):
        LsaEmbedder(sample=0)


def test_fit_takes_streams_and_factories(fitted: LsaEmbedder) -> None:
    assert LsaEmbedder().fit(iter(TITLES)).fingerprint == fitted.fingerprint
    assert LsaEmbedder().fit(lambda: iter(TITLES)).fingerprint == fitted.fingerprint
    assert fitted.fitted_on == 240


def test_the_order_of_titles_does_not_matter(fitted: LsaEmbedder) -> None:
    assert LsaEmbedder().fit(TITLES[::-1]).fingerprint == fitted.fingerprint


def test_other_titles_or_another_seed_are_another_space(fitted: LsaEmbedder) -> None:
    assert LsaEmbedder().fit(TITLES[1:]).fingerprint != fitted.fingerprint
    one = LsaEmbedder(sample=100).fit(TITLES)
    other = LsaEmbedder(sample=100, seed=1).fit(TITLES)
    assert one.fingerprint != other.fingerprint
    assert one.fitted_on == 240


def test_the_sample_is_bounded_and_even() -> None:
    titles = make_titles(3000)
    sample, total = even_sample(titles, 600, seed=0)
    assert (len(sample), total) == (600, 3000)
    kept = {texts[0][2][0] for texts in sample}
    first_half = sum(title.title in kept for title in titles[:1500])
    assert 240 < first_half < 360


def test_the_vocabulary_is_bounded() -> None:
    embedder = LsaEmbedder(vocabulary=25).fit(TITLES)
    model = embedder._model
    assert model is not None
    assert len(model.vocabulary) == 25
    assert np.isfinite(embedder.embed_titles(TITLES)).all()


def test_two_processes_agree(fitted: LsaEmbedder, vectors: F32, tmp_path: Path) -> None:
    fitted.save(tmp_path / "lsa")
    (tmp_path / "titles").write_bytes(msgspec.msgpack.encode(TITLES[:5]))
    code = (
        "import sys, msgspec; from tv5core.types import Title\n"
        "from tv5core.embedding import LsaEmbedder\n"
        "t = msgspec.msgpack.decode(open(sys.argv[2], 'rb').read(), type=list[Title])\n"
        "e = LsaEmbedder.load(sys.argv[1])\n"
        "print(e.fingerprint, e.embed_titles(t).tobytes().hex())"
    )
    arguments = [str(tmp_path / "lsa"), str(tmp_path / "titles")]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    fingerprint, rows = result.stdout.split()
    assert fingerprint == fitted.fingerprint
    other = np.frombuffer(bytes.fromhex(rows), np.float32).reshape(5, 768)
    np.testing.assert_allclose(other, vectors[:5], atol=1e-6)


# -- files ------------------------------------------------------------------------------


def test_a_loaded_model_embeds_the_same(fitted: LsaEmbedder, vectors: F32, tmp_path: Path) -> None:
    record = fitted.save(tmp_path / "lsa")
    assert (record.name, record.size) == ("lsa", (tmp_path / "lsa").stat().st_size)
    loaded = LsaEmbedder.load(tmp_path / "lsa")
    assert (loaded.fingerprint, loaded.fitted_on) == (fitted.fingerprint, 240)
    np.testing.assert_array_equal(loaded.embed_titles(TITLES), vectors)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "lsa").read_bytes()


def test_a_damaged_model_is_refused(fitted: LsaEmbedder, tmp_path: Path) -> None:
    path = tmp_path / "lsa"
    fitted.save(path)
    good = path.read_bytes()
    for damaged in (good[:-1], good[:1000], b"", good[:2000] + b"\x55" * 8 + good[2008:]):
        path.write_bytes(damaged)
        with pytest.raises(CorruptFileError):
            LsaEmbedder.load(path)


META = {"fitted_on": 2, "sampled": 2, "pivot": 1.0, "rare_idf": 1.0}
SECTIONS: dict[str, npt.NDArray[Any]] = {
    "terms": np.frombuffer(b"a\nb", np.uint8),
    "idf": np.ones(2, np.float32),
    "mixing": np.zeros((256, 448), np.float32),
    "components": np.zeros((2, 256), np.float16),
}


@pytest.mark.parametrize(
    ("meta", "sections"),
    [
        ({"pivot": 0.0}, {}),
        ({"pivot": float("nan")}, {}),
        ({"rare_idf": float("inf")}, {}),
        ({"pivot": "1"}, {}),
        ({}, {"terms": np.frombuffer(b"a\na", np.uint8)}),
        ({}, {"terms": np.frombuffer(b"a\n\xff", np.uint8)}),
        ({}, {"terms": np.frombuffer(b"a", np.uint8)}),
        ({}, {"idf": np.ones(2, np.float64)}),
        ({}, {"components": np.zeros((2, 255), np.float16)}),
        ({}, {"mixing": np.zeros((1, 448), np.float32)}),
    ],
)
def test_an_inconsistent_model_is_refused(
    tmp_path: Path, meta: dict[str, Any], sections: dict[str, npt.NDArray[Any]]
) -> None:
    path = tmp_path / "lsa"
    write_sections(path, "LSA0", 1, META, SECTIONS)
    LsaEmbedder.load(path)
    write_sections(path, "LSA0", 1, META | meta, SECTIONS | sections)
    with pytest.raises(CorruptFileError, match="expected"):
        LsaEmbedder.load(path)


def test_a_newer_model_is_refused(tmp_path: Path) -> None:
    write_sections(tmp_path / "lsa", "LSA0", 2, META, SECTIONS)
    with pytest.raises(FormatVersionError, match="newer tv5core"):
        LsaEmbedder.load(tmp_path / "lsa")


def test_nothing_in_the_file_is_a_pickle(fitted: LsaEmbedder, tmp_path: Path) -> None:
    fitted.save(tmp_path / "lsa")
    file = SectionFile.open(tmp_path / "lsa", "LSA0", 1)
    assert {file.section(name).dtype.kind for name in file.names} <= set("uf")


def test_facts_bring_titles_of_a_kind_together() -> None:
    one = facts(movie("1", year=1994, genres=("Drama", "War")))
    like = facts(movie("2", year=1997, genres=("War", "drama")))
    unlike = facts(Title(id="3", kind="show", title="", year=2020, genres=("Comedy",)))
    assert one @ like > 0.6 > 0.4 > one @ unlike
