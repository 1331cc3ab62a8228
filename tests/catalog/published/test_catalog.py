"""A catalogue at a URL: followed, swapped under load, served on when nobody answers."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.numbered import films, vectors
from tests.object_storage.s3_server import BUCKET, KEY, SECRET, environment, s3_server
from tv5core import Catalog, errors
from tv5core.catalog.async_catalog import AsyncCatalog
from tv5core.catalog.published import PublishedCatalog
from tv5core.catalog.versions import RowChanges

Opener = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Catalog]:
    """A catalogue of 20 films, published."""
    with Catalog.open(tmp_path / "source") as catalog:
        catalog.add(films(0, 20), vectors(0, 20))
        catalog.seal()
        catalog.backup(f"file://{tmp_path}/published")
        yield catalog


@pytest.fixture
def url(source: Catalog, tmp_path: Path) -> str:
    return f"file://{tmp_path}/published"


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Opener]:
    """Opens what is published; closed at the end."""
    made: list[Catalog] = []

    def open_one(**options: Any) -> Any:
        given = {"read_only": True, "cache_dir": tmp_path / "cache", "follow_s": None, **options}
        made.append(Catalog.open(url, **given))
        return made[-1]

    yield open_one
    for catalog in made:
        catalog.close()


def publish(source: Catalog, url: str, start: int, stop: int) -> None:
    source.add(films(start, stop), vectors(start, stop))
    source.backup(url, check=False)


def snapshots(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "snapshots").glob("*[0-9]"))


def test_it_reads_follows_and_says_how_old_it_is(
    source: Catalog, url: str, opened: Opener, tmp_path: Path
) -> None:
    reader = opened()
    assert isinstance(reader, Catalog)
    assert len(reader) == 20
    assert "tmdb:movie:3" in reader
    assert reader.search(vectors(3, 4)[0], 1)[0].id == "tmdb:movie:3"
    assert not reader.refresh()
    publish(source, url, 20, 25)
    assert reader.refresh()
    assert list(reader.ids()) == list(source.ids())
    told = reader.info()["published"]
    assert (told["url"], told["snapshot"], told["error"]) == (url, 2, "")
    assert 0 <= told["age_s"] < 3_600
    assert told["fetches"]
    assert snapshots(tmp_path) == ["0000000002"]
    with pytest.raises(errors.ReadOnlyError):
        reader.add(films(0, 1), vectors(0, 1))
    assert "snapshot 2" in repr(reader)


def test_every_method_goes_to_one_snapshot() -> None:
    """None is inherited: it would look for a store of this object's own."""
    names = {n for n in dir(Catalog) if not n.startswith("_")} - {"open", "restore"}
    special = {"__contains__", "__repr__"}
    assert names | special <= set(vars(PublishedCatalog))
    for name in names - {"extra_fields"}:
        ours, theirs = (inspect.signature(getattr(k, name)) for k in (PublishedCatalog, Catalog))
        assert list(ours.parameters) == list(theirs.parameters), name


def test_swaps_drop_no_call(source: Catalog, url: str, opened: Opener, tmp_path: Path) -> None:
    reader, stop, wrong = opened(), threading.Event(), list[str]()
    done = [0] * 3

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                hits, count = reader.search(vectors(3, 4)[0], 3), len(list(reader.ids()))
                if hits[0].id != "tmdb:movie:3" or count not in range(20, 26):
                    wrong.append(f"{hits[0].id}, {count}")
            except Exception as error:
                wrong.append(repr(error))
            done[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for number in range(5):
        publish(source, url, 20 + number, 21 + number)
        assert reader.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert min(done) > 0
    assert len(reader) == 25
    assert not reader.refresh()  # removes what the last calls held
    assert snapshots(tmp_path) == ["0000000006"]


def test_a_call_that_goes_on_keeps_its_snapshot(
    source: Catalog, url: str, opened: Opener, tmp_path: Path
) -> None:
    reader = opened()
    ids = reader.ids()
    first = next(ids)
    publish(source, url, 20, 21)
    assert reader.refresh()
    assert [first, *ids] == sorted(f"tmdb:movie:{n}" for n in range(20))
    assert len(reader) == 21
    del ids
    gc.collect()
    reader.refresh()
    assert snapshots(tmp_path) == ["0000000002"]


def test_processes_share_what_one_fetches(
    source: Catalog, url: str, opened: Opener, tmp_path: Path
) -> None:
    first, second = opened(), opened()
    assert [one.info()["published"]["fetches"] for one in (first, second)] == [True, False]
    publish(source, url, 20, 21)
    assert not second.refresh()
    assert first.refresh()
    assert snapshots(tmp_path) == ["0000000001", "0000000002"]  # the second still reads the first
    assert second.refresh()
    first.close()
    publish(source, url, 21, 22)
    assert second.refresh(), "it leads now"
    assert (len(second), snapshots(tmp_path)) == (22, ["0000000003"])


def test_another_process_reads_what_is_here(opened: Opener, url: str, tmp_path: Path) -> None:
    opened()
    code = (
        "import sys; from tv5core import Catalog\n"
        "with Catalog.open(sys.argv[1], read_only=True, cache_dir=sys.argv[2]) as films:\n"
        "    print(len(films), films.info()['published']['fetches'], 's3fs' in sys.modules)"
    )
    command = [sys.executable, "-c", code, url, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["20", "False", "False"]


def test_a_child_of_a_fork_reads_on(opened: Opener) -> None:
    reader = opened()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if len(reader) == 20 and not reader.info()["published"]["fetches"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert reader.info()["published"]["fetches"]


def test_it_goes_on_when_what_is_published_is_gone_or_wrong(
    source: Catalog, url: str, opened: Opener, tmp_path: Path
) -> None:
    reader = opened()
    publish(source, url, 20, 21)
    newest = tmp_path / "published" / "snapshots" / "0000000002.json"
    whole = newest.read_bytes()
    newest.write_bytes(whole[:-9])
    with pytest.raises(errors.CorruptFileError, match="expected a snapshot's manifest"):
        reader.refresh()
    assert len(reader) == 20
    assert "expected a snapshot's manifest" in reader.info()["published"]["error"]
    newest.write_bytes(whole)
    assert reader.refresh()
    assert reader.info()["published"]["error"] == ""
    shutil.rmtree(tmp_path / "published")
    with pytest.raises(errors.ObjectStoreError, match="expected snapshot 2 or a newer one"):
        reader.refresh()
    reader.close()
    assert len(opened()) == 21, "opened again, it begins with what is here"


def test_versions_grow_whatever_is_published(
    source: Catalog, url: str, opened: Opener, tmp_path: Path
) -> None:
    reader = opened()
    identity, rows = reader.identity(), RowChanges(reader)
    first, read = reader.version(), reader.get_versioned("tmdb:movie:3")
    assert first == source.version()
    publish(source, url, 20, 21)
    reader.refresh()
    second = reader.version()
    assert second > first
    assert rows.current(read.row, read.seq)
    assert reader.changes(first.seq).rows.tolist() == [20]
    with Catalog.open(tmp_path / "other") as other:
        other.add(films(0, 5), vectors(0, 5))
        other.backup(url, replace=True)
    reader.refresh()
    assert len(reader) == 5
    assert reader.version().seq > second.seq
    assert reader.changes(second.seq).rows is None
    assert not rows.current(read.row, read.seq), "another catalogue's row"
    again = reader.get_versioned("tmdb:movie:3")
    assert again.seq == reader.version().seq
    assert reader.changes(again.seq).rows.tolist() == []
    assert reader.identity() == identity


def test_opening_says_what_it_needs(url: str, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected read_only=True with file"):
        Catalog.open(url, cache_dir=tmp_path / "cache")
    with pytest.raises(errors.InvalidInputError, match="expected cache_dir with file"):
        Catalog.open(url, read_only=True)
    given: dict[str, Any] = {"read_only": True, "cache_dir": tmp_path / "cache"}
    for wrong in (0.0, float("nan"), "often"):
        with pytest.raises(errors.InvalidInputError, match="follow_s"):
            Catalog.open(url, follow_s=wrong, **given)
    with pytest.raises(errors.NotACatalogError, match=r"expected snapshots at .*tv5 backup"):
        Catalog.open(f"{url}-none", **given)
    with pytest.raises(errors.InvalidInputError, match="expected snapshots of file"):
        Catalog.open(url, **given)


def test_closed_it_is_closed(opened: Opener) -> None:
    before = threading.active_count()
    reader = opened(follow_s=60.0)
    reader.close()
    reader.close()
    for call in (reader.count, reader.refresh, reader.identity, lambda: list(reader.ids())):
        with pytest.raises(errors.ClosedError):
            call()
    assert threading.active_count() == before
    assert "closed" in repr(reader)


def test_it_follows_by_itself(source: Catalog, url: str, opened: Opener) -> None:
    reader, seen = opened(follow_s=0.01), threading.Event()
    publish(source, url, 20, 21)
    for _ in range(6_000):
        if len(reader) == 21:
            break
        seen.wait(0.01)
    assert len(reader) == 21


async def test_its_methods_are_awaited(url: str, tmp_path: Path) -> None:
    options = {"read_only": True, "cache_dir": tmp_path / "cache", "follow_s": None}
    async with await AsyncCatalog.open(url, **options) as films:
        assert (await films.get("tmdb:movie:3")).title == "Film 3"
        assert await films.count() == 20


def test_over_s3(source: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All of it over HTTP; no key is logged, nor in what is told or kept."""
    url = f"s3://{BUCKET}/films"
    given: dict[str, Any] = {"read_only": True, "cache_dir": tmp_path / "s3", "follow_s": None}
    caplog.set_level("DEBUG", "tv5core")
    with pytest.MonkeyPatch.context() as patch:
        with s3_server() as address:
            for name, value in environment(address).items():
                patch.setenv(name, value)
            assert source.backup(url).snapshot == 1
            reader = Catalog.open(url, **given)
            assert isinstance(reader, PublishedCatalog)
            publish(source, url, 20, 21)
            assert reader.refresh()
            assert Catalog.restore(url, tmp_path / "back").titles == 21
        with pytest.raises(errors.ObjectStoreUnavailableError):  # the server is gone
            reader.refresh()
        assert len(reader) == 21
        told = str(reader.info()["published"])
        assert "expected an answer" in told
        reader.close()
        with Catalog.open(url, **given) as again:
            assert len(again) == 21
    kept = (tmp_path / "s3" / "state.json").read_text() + told + caplog.text
    assert "fetched snapshot 2" in caplog.text
    assert KEY not in kept
    assert SECRET not in kept
