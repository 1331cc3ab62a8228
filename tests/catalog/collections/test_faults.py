"""Servers that are away, processes that end, collections of others: nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.catalog.numbered import DIM, films, vectors
from tests.vector_databases.servers import MilvusServer, fresh_name
from tv5core.catalog import Catalog
from tv5core.errors import (
    CollectionMismatchError,
    InvalidInputError,
    VectorDatabaseError,
    VectorDatabaseUnavailableError,
)
from tv5core.files import failpoints
from tv5core.types import Title
from tv5core.vector_databases import VectorCollection, open_collection

AWAY = "qdrant://127.0.0.1:1/films?timeout_s=1"
PLOTS = ["a shark hunts swimmers", "a ship sinks at sea", "two friends rob a bank"]


@pytest.fixture
def at(tmp_path: Path) -> str:
    return f"qdrant+memory://{tmp_path.name}/{fresh_name()}"


@pytest.fixture
def there(at: str) -> Iterator[VectorCollection]:
    collection = open_collection(at)
    yield collection
    collection.close()


def plots(start: int, stop: int) -> list[Title]:
    return [
        Title(f"id{i}", "movie", f"Name {i}", overview=f"{PLOTS[i % 3]} number{i}")
        for i in range(start, stop)
    ]


def kinds(found: object) -> set[int]:
    return {int(hit.id[2:]) % 3 for hit in found}  # type: ignore[attr-defined]


# -- a server that is away ----------------------------------------------------------------


def test_a_catalogue_opens_and_takes_titles_while_the_server_is_away(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c", vectors=AWAY) as catalog:
        catalog.add(plots(0, 60))
        catalog.wait()
        found = catalog.search("a shark hunts swimmers", 20)
        assert kinds(found) == {0}  # what waits is here, with its meaning
        assert not found.degraded
        elsewhere = catalog.info()["elsewhere"]
        assert (elsewhere["waiting"], elsewhere["lag"], elsewhere["reachable"]) == (60, -1, False)
        assert "127.0.0.1:1/films" in elsewhere["reason"]


def test_searches_go_on_by_words_and_say_so(tmp_path: Path, milvus: MilvusServer) -> None:
    url = f"{milvus.url}/{fresh_name()}?timeout_s=20&nlist=16"
    with Catalog.open(tmp_path / "c", vectors=url) as catalog:
        catalog.add(plots(0, 60))
        catalog.wait()
        assert catalog.info()["elsewhere"]["waiting"] == 0
        whole = catalog.search("a shark hunts swimmers", 20)
        milvus.stop()
        try:
            _check_without(catalog)
        finally:
            milvus.start()
        catalog.wait()  # returns though the last try may have failed
        _until_sent(catalog)
        again = catalog.search("a shark hunts swimmers", 20)
        assert not again.degraded
        assert kinds(again) == {0}
        assert len(whole) == 20
        assert catalog.info()["elsewhere"] | {"sent_at": 0} == {
            "url": url.partition("?")[0],
            "vectors": 61,
            "waiting": 0,
            "lag": 0,
            "sent_at": 0,
            "reachable": True,
            "reason": "",
        }


def _check_without(catalog: Catalog) -> None:
    found = catalog.search("a shark hunts swimmers", 20, explain=True, cursor="")
    assert kinds(found) == {0}
    assert found.degraded.startswith("by words alone: expected milvus://127.0.0.1")
    assert found.explanation["degraded"] == found.degraded
    more = catalog.search("a shark hunts swimmers", 20, cursor=found.cursor) if found.cursor else ()
    assert not {hit.id for hit in found} & {hit.id for hit in more}
    assert catalog.search("swimmers", mode="keyword").degraded == ""
    assert catalog.search(where="kind:movie").degraded == ""
    with pytest.raises(VectorDatabaseUnavailableError):
        catalog.search("a shark hunts swimmers", mode="semantic")
    with pytest.raises(VectorDatabaseUnavailableError):
        catalog.similar("id3")
    catalog.add(plots(60, 61))
    assert "id60" in [hit.id for hit in catalog.search("number60")]
    assert not catalog.info()["elsewhere"]["reachable"]
    assert catalog.info()["elsewhere"]["waiting"] == 1
    assert catalog.suggest("name 1")


def _until_sent(catalog: Catalog) -> None:
    import time

    ends = time.monotonic() + 60
    while catalog.info()["elsewhere"]["lag"] or not catalog.info()["elsewhere"]["reachable"]:
        assert time.monotonic() < ends
        catalog._manager.poke()  # type: ignore[attr-defined]
        catalog.search("a shark hunts swimmers")
        time.sleep(0.1)


# -- at least once ------------------------------------------------------------------------


class _EndError(BaseException):
    """A process ends here."""


@pytest.mark.parametrize("step", ["outbox: applied", "outbox: recorded"])
def test_what_was_sent_when_a_process_ended_is_sent_again(
    tmp_path: Path, at: str, there: VectorCollection, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []

    def end(name: str) -> None:
        if name == step and not reached:
            reached.append(name)
            raise VectorDatabaseError("expected to go on, got the end of a process")

    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        monkeypatch.setattr(failpoints, "hook", end)
        catalog.add(films(0, 700), vectors(0, 700))
        catalog.wait()
        assert reached
        assert catalog.info()["elsewhere"]["waiting"] > 0
    monkeypatch.setattr(failpoints, "hook", None)
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.wait()
        assert there.count() == 700
        assert catalog.info()["elsewhere"]["waiting"] == 0
        for i in (0, 511, 512, 699):
            assert catalog.search(vectors(i, i + 1)[0], 1)[0].id == f"tmdb:movie:{i}"


def test_a_write_that_was_never_sent_is_found_after_reopening(tmp_path: Path, at: str) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=AWAY) as catalog:
        catalog.add(films(0, 5), vectors(0, 5))
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        assert catalog.search(vectors(3, 4)[0], 1)[0].id == "tmdb:movie:3"
        catalog.wait()
        assert catalog.info()["elsewhere"]["waiting"] == 0


def test_changes_made_without_the_collection_reach_it_later(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        catalog.wait()
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:  # by its own index
        catalog.delete("tmdb:movie:7")
        catalog.add(films(50, 60), vectors(50, 60))
        catalog.seal()
        catalog.optimize()
        assert catalog.search(vectors(55, 56)[0], 1)[0].id == "tmdb:movie:55"
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.wait()
        assert there.count() == 59
        assert catalog.verify().ok
        assert catalog.search(vectors(7, 8)[0], 1)[0].id != "tmdb:movie:7"


def test_a_journal_that_does_not_lead_on_has_all_sent_again(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    from tv5core.store import repair

    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        catalog.wait()
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        catalog.delete("tmdb:movie:7")
        repair.restart_journal(catalog._store)
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.wait()
        assert there.count() == 49
        assert catalog.search(vectors(9, 10)[0], 1)[0].id == "tmdb:movie:9"
        assert catalog.info()["elsewhere"]["waiting"] == 0


# -- collections that are not ours, or are gone -------------------------------------------


def test_another_catalogues_collection_is_refused(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    with Catalog.open(tmp_path / "one", embedder=None, vectors=at) as one:
        one.add(films(0, 5), vectors(0, 5))
        one.wait()
    with Catalog.open(tmp_path / "other", embedder=None) as other:
        other.add(films(0, 3), vectors(0, 3))
    with pytest.raises(CollectionMismatchError, match="choose another name"):
        Catalog.open(tmp_path / "other", embedder=None, vectors=at)
    assert there.count() == 5
    with Catalog.open(tmp_path / "other", embedder=None) as other:  # its lock was released
        assert len(other) == 3


def test_an_export_is_not_searched_and_what_is_searched_is_no_export(
    tmp_path: Path, at: str
) -> None:
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        catalog.add(films(0, 5), vectors(0, 5))
        catalog.export_collection(at)
    with pytest.raises(CollectionMismatchError, match="made as copy"):
        Catalog.open(tmp_path / "c", embedder=None, vectors=at)
    other = f"{at}_other"
    with Catalog.open(tmp_path / "c", embedder=None, vectors=other) as catalog:
        catalog.wait()
        with pytest.raises(CollectionMismatchError, match="made as served"):
            catalog.export_collection(other)
        assert catalog.export_collection(at).recall == 1  # compared with what is served


def test_a_collection_of_another_width_is_refused(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    there.create(DIM + 8, "cosine", {})
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        catalog.add(films(0, 5), vectors(0, 5))
    with pytest.raises(CollectionMismatchError, match="of others"):
        Catalog.open(tmp_path / "c", embedder=None, vectors=at)


def test_a_collection_that_was_lost_is_made_again(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        catalog.wait()
        there.drop()
        with pytest.raises(VectorDatabaseError):
            catalog.search(vectors(3, 4)[0])
        catalog.add(films(50, 51), vectors(50, 51))
        _until_found(catalog)
        assert there.count() == 51
    there.drop()
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(51, 52), vectors(51, 52))
        _until_found(catalog)
        assert there.count() == 52


def _until_found(catalog: Catalog) -> None:
    import time

    ends = time.monotonic() + 60
    while True:
        catalog.wait()
        try:
            if catalog.search(vectors(3, 4)[0], 1)[0].id == "tmdb:movie:3":
                return
        except VectorDatabaseError:
            pass
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_what_is_lost_there_is_seen_by_a_check(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        catalog.wait()
        assert catalog.verify().ok
        there.delete([3, 4])
        report = catalog.verify()
        assert not report.ok
        assert "48" in str(report.problems)
        assert catalog.verify(repair=True).ok
        assert there.count() == 50


# -- wrong arguments ----------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://h/c", "qdrant://h", "", 7])
def test_wrong_urls(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInputError):
        Catalog.open(tmp_path / "c", vectors=url)
    with Catalog.open(tmp_path / "c") as catalog:
        assert not len(catalog)


def test_what_the_server_decides_cannot_be_calibrated(tmp_path: Path, at: str) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        with pytest.raises(InvalidInputError, match="calibrate"):
            catalog.calibrate(vectors(0, 5))


def test_searches_are_explained(tmp_path: Path, at: str) -> None:
    with Catalog.open(tmp_path / "c", embedder=None, vectors=at) as catalog:
        catalog.add(films(0, 50), vectors(0, 50))
        catalog.wait()
        query = np.ones(DIM, np.float32)
        plans = catalog.search(query, 5, where="year:2000", explain=True).explanation["plans"]
        assert at in plans[0]["plan"]


async def test_a_gateway_and_its_cache_say_so_and_forget_it(
    tmp_path: Path, at: str, there: VectorCollection
) -> None:
    from tv5core.cached import CachedCatalog

    with Catalog.open(tmp_path / "c", vectors=at) as catalog:
        catalog.add(plots(0, 60))
        catalog.wait()
        async with CachedCatalog.open(catalog, None) as cached:
            catalog._manager.collection._check = _refuse  # type: ignore[attr-defined]
            catalog._manager.collection._checked = False  # type: ignore[attr-defined]
            found = await cached.search("a shark hunts swimmers")
            assert "by words alone" in found.degraded
            catalog._manager.collection._check = lambda _: None  # type: ignore[attr-defined]
            catalog._manager.collection._alone_until = 0.0  # type: ignore[attr-defined]
            assert not (await cached.search("a shark hunts swimmers")).degraded


def _refuse(_: object) -> None:
    raise VectorDatabaseUnavailableError("expected an answer, got none")
