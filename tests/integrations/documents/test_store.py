"""The store of documents: durability, dimensions, declarations, policies, copies, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tv5core import (
    Catalog,
    CatalogError,
    CatalogLockedError,
    ClosedError,
    DimensionError,
    DuplicateKeyError,
    FormatVersionError,
    InvalidInputError,
    NotACatalogError,
    ReadOnlyError,
    ZeroVectorError,
)
from tv5core.data import demo_titles
from tv5core.integrations.documents import (
    Contains,
    Document,
    DocumentStore,
    Equal,
    Not,
    Ordered,
    diverse,
)

SEA = Document("sea", "Sharks swim in the sea.", {"n": 1}, {"own": [1]}, [1.0, 0, 0])
SKY = Document("sky", "Birds fly in the sky.", {"n": 2}, vector=[0, 1.0, 0])
NIL = Document("nil", "Nothing near.", {"n": 3, "deep": {"a": [None, 1.5, "é"]}})


def _equal(one: Document | None, other: Document) -> bool:
    if one is None:
        return False
    same = (one.id, one.text, one.metadata, one.data)
    there = None if one.vector is None else np.asarray(one.vector).tolist()
    given = None if other.vector is None else np.asarray(other.vector).tolist()
    return same == (other.id, other.text, other.metadata, other.data) and there == given


def test_documents_come_back_as_they_were_in_another_store(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        assert store.add([SEA, SKY, NIL]) == ["sea", "sky", "nil"]
    with DocumentStore(tmp_path / "d") as store:
        got = store.get(["nil", "sea", "other", "sky"], vectors=True)
        assert [one and one.id for one in got] == ["nil", "sea", None, "sky"]
        assert _equal(got[0], NIL)
        assert _equal(got[1], SEA)
        assert _equal(got[3], SKY)
        assert (len(store), store.dim, "sea" in store, "x" in store) == (3, 3, True, False)
        assert store.catalog.verify().ok


def test_words_vectors_and_both(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA, SKY, NIL])
        assert [f.document.id for f in store.search(vector=[1, 0.1, 0], k=5)] == ["sea", "sky"]
        assert [f.document.id for f in store.search(text='the "birds: -fly', k=1)] == ["sky"]
        assert store.search(text=" ?! ", k=5) == []
        both = store.search(vector=[1, 0, 0], text="nothing near", k=5)
        assert {f.document.id for f in both[:2]} == {"sea", "nil"}
        by_word = store.search(vector=[1, 0, 0], text="nothing near", k=1, alpha=0)
        assert by_word[0].document.id == "nil"
        assert all(0 <= f.score <= 1 for f in both)


def test_marks_of_the_query_language_mean_nothing(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA])
        for text in ("year:1990 sharks", "-sharks", "NOT sharks", 'genre:"x" OR sharks', "(sharks"):
            assert len(store.search(text=text)) == 1, text
        assert len(store.search(text="sharks " + "words " * 10_000)) == 1


def test_overwriting_without_a_vector_removes_it(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA, SKY])
        store.add([Document("sea", "calm")])
        assert [f.document.id for f in store.search(vector=[1, 0, 0])] == ["sky"]


def test_policies(tmp_path: Path) -> None:
    other = Document("sea", "other")
    with DocumentStore(tmp_path / "d") as store:
        assert store.add([SEA, other]) == ["sea"], "the last counts"
        assert store.get(["sea"])[0].text == "other"  # type: ignore[union-attr]
        assert store.add([SEA, SKY, Document("sky")], if_exists="skip") == ["sky"]
        assert store.get(["sky"])[0].text == SKY.text  # type: ignore[union-attr]
        for some in ([NIL, SEA], [NIL, NIL]):
            with pytest.raises(DuplicateKeyError, match="which is there"):
                store.add(some, if_exists="fail")
        assert "nil" not in store
        assert store.update(Equal("n", 2), {"seen": True}) == 1
        assert store.get(["sky"], vectors=True)[0].metadata == {"n": 2, "seen": True}  # type: ignore[union-attr]
        assert len(store.search(vector=[0, 1, 0], condition=Equal("seen", True))) == 1
        assert store.delete(condition=Ordered("n", ">", 1)) == 1
        assert store.delete(["sea", "none"], condition=Equal("n", None)) == 1
        assert store.clear() == 0


def test_fields_declared_later_are_put_into_columns(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA, SKY, NIL])
        with DocumentStore(tmp_path / "d", fields={"n": "int"}) as other:
            assert other.catalog is store.catalog
            assert store.fields == {"n": "int"}
            assert store.catalog.search(where="extra.n:>=2").total.count == 2
            assert store.count(Not(Ordered("n", ">=", 2))) == 1
        assert len(store) == 3, "closing one handle leaves the other open"
    with DocumentStore(tmp_path / "d") as again:
        assert again.fields == {"n": "int"}
        assert _equal(again.get(["sea"], vectors=True)[0], SEA)


def test_readers_follow_the_writer(tmp_path: Path) -> None:
    with (
        DocumentStore(tmp_path / "d", fields={"n": "int"}) as store,
        DocumentStore(tmp_path / "d", read_only=True) as reader,
    ):
        assert reader.search(vector=[1, 0, 0]) == []
        store.add([SEA])
        assert [f.document.id for f in reader.search(vector=[1, 0, 0])] == ["sea"]
        assert reader.fields == {"n": "int"}
        for change in (lambda: reader.add([SKY]), lambda: reader.delete(["sea"]), reader.clear):
            with pytest.raises(ReadOnlyError):
                change()


def test_a_temporary_folder_is_removed() -> None:
    store = DocumentStore()
    store.add([SEA])
    assert store.temporary
    assert store.path.is_dir()
    store.close()
    store.close()
    assert not store.path.exists()
    with pytest.raises(ClosedError):
        store.get(["sea"])


def test_a_copy_replaces_the_copy_before(tmp_path: Path) -> None:
    with DocumentStore() as store:
        store.add([SEA])
        store.save(tmp_path / "deep" / "copy")
        store.add([SKY])
        store.save(tmp_path / "deep" / "copy")
        with pytest.raises(InvalidInputError, match="another folder"):
            store.save(store.path)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "letter.txt").write_text("dear")
        with pytest.raises(NotACatalogError):
            store.save(tmp_path / "full")
    with DocumentStore(tmp_path / "deep" / "copy") as copy:
        assert len(copy) == 2
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]


WRITE = """
import sys
from tv5core.integrations.documents import Document, DocumentStore
store = DocumentStore(sys.argv[1], fields={"n": "int"})
for number in range(100_000):
    store.add([Document(str(number), f"text {number}", {"n": number}, vector=[1, number, 2])])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path / "d")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(30)][-1]
        with pytest.raises(CatalogLockedError):
            DocumentStore(tmp_path / "d")
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
    last = int(rest[-1]) if rest and rest[-1].isdigit() else last
    with DocumentStore(tmp_path / "d") as store:
        there = [one is not None for one in store.get(str(n) for n in range(last + 1))]
        assert all(there)
        assert store.count(Ordered("n", "<=", last)) == last + 1
        assert store.catalog.verify().ok


def test_threads_share_one_folder(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(10):
                with DocumentStore(tmp_path / "d") as store:
                    store.add([Document(f"{name}{number}", vector=[1, number, 3])])
                    assert store.search(vector=[1, 1, 1], k=1)
        except BaseException as error:
            failures.append(error)

    with DocumentStore(tmp_path / "d") as store:
        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(store) == 30


def _in_child(work: Callable[[], bool]) -> bool:
    """Return what a function says in a child made by fork."""
    child = os.fork()
    if child == 0:
        right = False
        try:
            right = work()
        finally:
            os._exit(0 if right else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_after_a_fork_the_child_reads_and_the_parent_writes(tmp_path: Path) -> None:
    def is_refused() -> bool:
        try:
            store.search(vector=[1, 0, 0])
        except CatalogError as error:
            return "the process that opened it for writing" in str(error)
        return False

    def finds() -> bool:
        return [f.document.id for f in reader.search(vector=[1, 0, 0])] == ["sea"]

    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA])
        with DocumentStore(tmp_path / "d", read_only=True) as reader:
            assert _in_child(is_refused)
            assert _in_child(finds)
        assert store.add([SKY]) == ["sky"]


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ("text", InvalidInputError, "a document to be Document"),
        (Document(""), InvalidInputError, "1 to 256 bytes"),
        (Document(3), InvalidInputError, "id"),
        (Document("a", 3), InvalidInputError, "the text of document 'a'"),
        (Document("a", "\ud800"), InvalidInputError, "the text of document 'a'"),
        (Document("a", "", {"x": {1}}), InvalidInputError, "values of JSON"),
        (Document("a", "", {1: 2}), InvalidInputError, "names to be text"),
        (Document("a", "", []), InvalidInputError, "metadata of document 'a'"),
        (Document("a", "", {"n": "3"}), InvalidInputError, "a whole number .* in n of document"),
        (Document("a", "", {"n": True}), InvalidInputError, "a whole number"),
        (Document("a", "", {"tags": "b"}), InvalidInputError, "a tuple of texts"),
        (Document("a", "", {"x": 2**60 + 1}), InvalidInputError, "float64"),
        (Document("a", vector=[1.0]), DimensionError, "3 dimensions"),
        (Document("a", vector=[0.0, 0, 0]), ZeroVectorError, "length"),
        (Document("a", vector=[[1.0, 2, 3]]), InvalidInputError, "a vector, got shape"),
        (Document("a", vector="abc"), InvalidInputError, "a vector"),
    ],
)
def test_wrong_documents_store_nothing(
    tmp_path: Path, document: Any, error: type[Exception], message: str
) -> None:
    fields: Any = {"n": "int", "tags": "keywords", "x": "float"}
    with DocumentStore(tmp_path / "d", fields=fields) as store:
        store.add([SEA])
        with pytest.raises(error, match=message):
            store.add([SKY, document])
        assert len(store) == 1


def test_wrong_calls(tmp_path: Path) -> None:
    for fields in ({"document": "int"}, {"a": "text"}, {"A": "int"}, {"a": "words"}):
        with pytest.raises(InvalidInputError):
            DocumentStore(tmp_path / "d", fields=fields)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="metric"):
        DocumentStore(tmp_path / "d", metric="l2")  # type: ignore[arg-type]
    with DocumentStore(tmp_path / "d") as store:
        store.add([SEA])
        for call in (
            lambda: store.search(),
            lambda: store.search(vector=[1, 0, 0], k=0),
            lambda: store.search(vector=[1, 0, 0], condition={"n": 1}),  # type: ignore[arg-type]
            lambda: store.search(vector=[1, 0, 0], text="a", alpha=2),
            lambda: store.search(vector=[1, 0, 0, 0]),
            lambda: store.delete(),
            lambda: store.delete("sea"),
            lambda: store.add([SKY], if_exists="merge"),  # type: ignore[arg-type]
            lambda: diverse([1, 0], [[1, 0]], 0),
        ):
            with pytest.raises(InvalidInputError, match="expected"):
                call()
        with pytest.raises(InvalidInputError, match="expected metric 'cosine' as before, got 'ip'"):
            DocumentStore(tmp_path / "d", metric="ip")
        assert store.documents(Contains("n", 1))


def test_a_catalogue_of_titles_is_none_of_documents(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as films:
        films.add(demo_titles()[:30])
    with pytest.raises(CatalogError):
        DocumentStore(tmp_path / "films")
    with Catalog.open(tmp_path / "films") as films:
        assert films.count() == 30
    with Catalog.open(tmp_path / "given", embedder=None) as films:
        films.add(demo_titles()[:3], vectors=np.eye(3, 8))
    with pytest.raises(CatalogError, match="expected a folder of documents, got a catalogue of"):
        DocumentStore(tmp_path / "given")


def test_a_newer_folder_is_refused(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "d") as store:
        store.catalog.add([], checkpoint=("documents", b'{"version":2}'))
    with pytest.raises(FormatVersionError, match="expected documents of version 1 or less, got 2"):
        DocumentStore(tmp_path / "d")


def test_maximal_marginal_relevance_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(2)
    rows, query = rng.standard_normal((30, 8)), rng.standard_normal(8)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near = unit @ query / np.linalg.norm(query)
    for weight in (0.0, 0.3, 0.7, 1.0):
        chosen = [int(near.argmax())]
        if weight == 0.0:
            chosen = [0]  # nothing is chosen yet, and likeness does not count
        while len(chosen) < 6:
            worth = weight * near - (1 - weight) * (unit @ unit[chosen].T).max(axis=1)
            worth[chosen] = -np.inf
            chosen.append(int(worth.argmax()))
        assert diverse(query, rows, 6, weight) == chosen
    assert diverse(query, np.empty((0, 8)), 3) == []
    assert len(diverse(query, rows[:2], 9)) == 2
