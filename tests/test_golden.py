"""Catalogues that earlier versions wrote open, verify and answer as they did."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.catalog.documents import problems
from tv5core import Catalog, Title
from tv5core.store.meta import FORMAT

GOLDEN = Path(__file__).parent / "golden"
FROZEN = 4  # format 5 may still change until it is released; its catalogues are made then
NAMES = sorted(path.stem for path in GOLDEN.glob("*.zip"))
# Formats 1 to 4 rounded int8 rows as they are. What is live, or sealed since, is centred first,
# which rounds otherwise: scores move by a step. Text is embedded by the processor's linear algebra,
# whose last bits differ between machines, which is less.
TOLERANCE = 2e-3


def unpacked(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(GOLDEN / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(params=NAMES)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, dict[str, Any]]:
    name: str = request.param
    expected = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return name.split("-")[2], unpacked(name, tmp_path / "c"), expected


def ask(catalog: Catalog, expected: dict[str, Any]) -> None:
    titles = [msgspec.convert(t, Title) for t in expected["titles"]]
    assert catalog.get_many(list(catalog.ids())) == titles
    facts = catalog.info()
    # The files were written when info() called the live rows the head.
    if "head" in expected["facts"]:
        expected["facts"]["live"] = expected["facts"].pop("head")
    # Settings have gained members, and lost one, without which more is rescored; what was not
    # calibrated follows the defaults.
    settings, before = facts.pop("settings"), expected["facts"].pop("settings")
    assert settings["recall"] == before["recall"]
    if before["recall"] is not None:
        before.pop("error_bound", None)
        new = {"exact_rows": 0, "stored_recall": None, "target": None}
        stored = {"reach": None, "answers": 10, **new, **before}
        parameters = {"reach": "error_margin", "answers": "min_k"}
        assert settings == {parameters.get(name, name): stored[name] for name in stored}
    assert {name: facts[name] for name in expected["facts"]} == expected["facts"]
    alias, owners = expected["alias"]
    assert owners
    assert list(catalog.find(alias)) == owners
    assert [(catalog.checkpoint("golden") or b"").hex()] == expected["checkpoint"]
    for exact, asked in ((False, expected["searches"]), (True, expected["exact"])):
        for query, hits in asked:
            same_meaning(catalog, query, hits, exact)
    for id_, hits in expected["similar"]:
        same(catalog.similar(id_, 5), hits)


def same_meaning(catalog: Catalog, query: Any, hits: list[list[Any]], exact: bool) -> None:
    """Search as formats 1 to 4 did: by vectors only, of texts as well."""
    found = catalog.search(query, 5, exact=exact, mode="semantic", understand=False)
    # A text of which no title holds a word finds nothing; they answered with what is unlike it.
    if found or not isinstance(query, str) or hits[0][1] > 0.01:
        same(found, hits)


def same(got: Any, want: list[list[Any]]) -> None:
    scores = [score for _, score in want]
    assert [hit.score for hit in got] == pytest.approx(scores, abs=TOLERANCE, rel=0)
    for place, (hit, (id_, score)) in enumerate(zip(got, want, strict=True)):
        # Which of two comes first is certain only where they differ by more than that.
        near = scores[max(0, place - 1) : place] + scores[place + 1 : place + 2]
        if all(abs(score - other) > 2 * TOLERANCE for other in near) and place < len(want) - 1:
            assert hit.id == id_


def test_every_format_is_there() -> None:
    kinds = {tuple(name.split("-")[1:]) for name in NAMES}
    for number in range(1, FROZEN + 1):
        assert {(str(number), kind) for kind in ("given", "inner", "own")} <= kinds, (
            "a format needs golden catalogues: python tests/golden/make.py tests/golden"
        )


def test_a_reader_answers_as_before(golden: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, expected = golden
    with Catalog.open(folder, read_only=True) as catalog:
        ask(catalog, expected)
        report = catalog.verify()
        assert report.ok, report.problems
        assert catalog.info()["recovered"] == []


def test_a_writer_answers_as_before_and_writes(golden: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, expected = golden
    with Catalog.open(folder) as catalog:
        ask(catalog, expected)
        assert catalog.info()["recovered"] == []
        assert catalog._store.meta.format == FORMAT
        catalog.delete(next(catalog.ids()))
        catalog.seal()
        report = catalog.verify()
        assert report.ok, report.problems
        assert catalog.count() == expected["facts"]["titles"] - 1


def test_a_backup_and_an_export_answer_as_before(
    golden: tuple[str, Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, folder, expected = golden
    with Catalog.open(folder, read_only=True) as catalog:
        catalog.backup(tmp_path / "backup")
        catalog.export(tmp_path / "export")
    with Catalog.open(tmp_path / "backup", read_only=True) as catalog:
        ask(catalog, expected)
    # The graph of an export is rebuilt: exact searches show what came back.
    Catalog.restore(tmp_path / "export", tmp_path / "restored")
    with Catalog.open(tmp_path / "restored", read_only=True) as catalog:
        assert catalog.get_many(list(catalog.ids())) == [
            msgspec.convert(title, Title) for title in expected["titles"]
        ]
        for query, hits in expected["exact"]:
            same_meaning(catalog, query, hits, exact=True)


def test_earlier_catalogues_have_documents_in_memory_and_then_in_files(
    golden: tuple[str, Path, dict[str, Any]],
) -> None:
    _, folder, _ = golden
    with Catalog.open(folder, read_only=True, embedder=None) as reader:
        assert reader.info()["documents"]["sealed"] == 0
        assert problems(reader) == []
        with Catalog.open(folder, embedder=None) as catalog:
            assert problems(catalog) == []
            catalog.upgrade()
            assert catalog.info()["documents"]["sealed"] == catalog.count()
            assert problems(catalog) == []
            assert catalog.verify().ok
        assert problems(reader) == []
        reader.wait()
        assert problems(reader) == []
    with Catalog.open(folder, embedder=None) as catalog:
        assert catalog.info()["documents"]["sealed"] == catalog.count()
        assert problems(catalog) == []
