"""``tv5 sync`` and ``tv5 fetch`` as a user runs them, against the stand-in."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.cli.command import Done, tv5
from tests.upstream.standin.justwatch import JustWatchContent
from tests.upstream.standin.serve import add_justwatch, add_tmdb
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core import Catalog
from tv5core.cli import syncing
from tv5core.upstream.sync.full_sync import sync_tmdb
from tv5core.upstream.tmdb.exports import latest_export_day

KEY = "canary-key-of-the-tests"


class Background:
    """A stand-in on a thread of its own."""

    def __init__(self) -> None:
        self.server = Standin(bearer=KEY, contract=10_000)
        self.content = TmdbContent(330)
        self.justwatch = JustWatchContent(330)
        add_tmdb(self.server, self.content)
        self.other = Standin(contract=10_000)
        add_justwatch(self.other, self.justwatch)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(300)

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self.server.start())
        self.call(self.other.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.server.stop())
        self.call(self.other.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "TV5_TMDB_URL": f"{self.server.url}/3",
            "TV5_JUSTWATCH_URL": self.other.url,
            "TMDB_BEARER_TOKEN": KEY,
        }

    def tv5(self, *arguments: object, **env: str) -> Done:
        return tv5(*arguments, **{**self.environment, **env})

    async def start(self, *arguments: object) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from tv5core.cli import main; main()", *map(str, arguments),
            env={**os.environ, **self.environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture(scope="module")
def tmdb() -> Iterator[Background]:
    with Background() as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(tmdb: Background) -> None:
    tmdb.server.paths.clear()
    tmdb.server.queries.clear()
    tmdb.content.changed.clear()


def test_the_most_popular_titles_arrive_and_are_found(tmdb: Background, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    done = tmdb.tv5("sync", "tmdb", "-c", folder, "--limit", 60, "--share", "1.0")
    assert done.returncode == 0, done.stderr
    assert "60 titles fetched" in done.stderr
    assert "60 new" in done.stderr
    assert "the catalogue holds 60 titles" in done.stderr
    assert KEY not in done.stdout + done.stderr
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.info()["pending"] == 0
        first = next(iter(tmdb.content.works.values()))
        assert catalog.get(first.key).title == first.title
        assert catalog.search(first.overview, 1)[0].id == first.key
    more = tmdb.tv5("sync", "tmdb", "-c", folder, "--limit", 70, "--share", "1", "--json")
    report = json.loads(more.stdout)
    assert (report["titles"], report["earlier"], report["fetched"]) == (70, 60, 10)
    assert more.stderr == ""
    assert report["failures"] == []


def test_what_could_not_be_had_is_listed(tmdb: Background, tmp_path: Path) -> None:
    export = tmp_path / "movie_ids.json"
    ids = [work.id for work in tmdb.content.works.values() if work.media == "movie"][:5]
    lines = [{"id": n, "popularity": 9.0, "original_title": "x", "adult": False} for n in ids]
    lines += [{"id": 999_999, "popularity": 1.0, "original_title": "[gone]", "adult": False}]
    lines += [{"id": 12, "popularity": 1.0, "original_title": "x", "adult": True}]
    export.write_text("\n".join(map(json.dumps, lines)) + "\nnonsense\n", "utf-8")
    folder = tmp_path / "c"
    done = tmdb.tv5("sync", "tmdb", "-c", folder, "--export", export, "--kind", "movie")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"tmdb:movie:999999\s+not found\s+tmdb movie/999999: The resource", done.stdout
    )
    assert "5 titles fetched" in done.stderr
    assert "1 failed" in done.stderr
    assert "1 adult titles" in done.stderr
    assert "1 malformed lines" in done.stderr
    again = json.loads(
        tmdb.tv5(
            "sync", "tmdb", "-c", folder, "--export", export, "--kind", "movie", "--json"
        ).stdout
    )
    assert (again["fetched"], again["earlier"]) == (0, 5)
    assert [f["id"] for f in again["failures"]] == ["tmdb:movie:999999"]
    assert again["errors"] == {"not found": 1}


def failing(*paths: str) -> Faults:
    """Return faults that make these paths always answer 500."""

    class Failing(Faults):
        def pick(self, path: str, time: int) -> str:
            return "status_500" if path.partition("?")[0] in paths else ""

    return Failing()


def test_one_film_that_always_fails_is_listed_and_the_rest_sealed(
    tmdb: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, folder = tmp_path / "movie_ids.json", tmp_path / "c"
    ids = [work.id for work in tmdb.content.works.values() if work.media == "movie"][:12]
    lines = [{"id": n, "popularity": 9.0, "original_title": "x", "adult": False} for n in ids]
    export.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    command = ("sync", "tmdb", "-c", folder, "--export", export, "--kind", "movie", "--json")
    monkeypatch.setattr(tmdb.server, "faults", failing(f"/3/movie/{ids[3]}"))
    done = tmdb.tv5(*command, "--share", "1")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["fetched"], report["failed"]) == (11, 1)
    assert [f["id"] for f in report["failures"]] == [f"tmdb:movie:{ids[3]}"]
    with Catalog.open(folder, read_only=True) as catalog:
        assert (catalog.count(), catalog.info()["pending"]) == (11, 0)
    monkeypatch.setattr(tmdb.server, "faults", Faults())
    again = json.loads(tmdb.tv5(*command, "--share", "1").stdout)
    assert (again["fetched"], again["failed"], again["titles"]) == (1, 0, 12)


def test_where_all_fail_it_lists_them_and_exits_1(
    tmdb: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = tmp_path / "movie_ids.json"
    export.write_text('{"id": 603, "popularity": 9.0, "original_title": "x"}\n', "utf-8")
    monkeypatch.setattr(tmdb.server, "faults", failing("/3/movie/603"))
    done = tmdb.tv5(
        "sync", "tmdb", "-c", tmp_path / "c", "--export", export, "--kind", "movie", "--json"
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"] == {"status 500": 1}


def test_an_outage_midway_seals_what_is_stored_and_exits_1(
    tmdb: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Outage(Faults):
        asked = 0

        def pick(self, path: str, time: int) -> str:
            self.asked += path.startswith("/3/movie/")
            return "status_503" if self.asked > 10 else ""

    export, folder = tmp_path / "movie_ids.json", tmp_path / "c"
    ids = [work.id for work in tmdb.content.works.values() if work.media == "movie"][:40]
    lines = [{"id": n, "popularity": 9.0, "original_title": "x", "adult": False} for n in ids]
    export.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    monkeypatch.setattr(tmdb.server, "faults", Outage())
    arguments = ["sync", "tmdb", "-c", folder, "--export", export, "--kind", "movie"]
    soon = partial(sync_tmdb, max_outage_s=0.5, concurrency=2)  # so that it gives up
    with monkeypatch.context() as patch:
        patch.setattr(syncing, "sync_tmdb", soon)
        done = tmdb.tv5(*arguments, "--share", "1")
    assert done.returncode == 1
    assert "the same command continues from there" in " ".join(done.stderr.split())
    with Catalog.open(folder, read_only=True) as catalog:
        facts = catalog.info()
        assert 8 <= facts["titles"] == facts["sealed"] <= 10
        assert facts["pending"] == 0
    monkeypatch.setattr(tmdb.server, "faults", Faults())
    assert tmdb.tv5(*arguments, "--share", "1").returncode == 0
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.count() == 40


def test_changes_are_fetched_again(tmdb: Background, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    assert tmdb.tv5("sync", "tmdb", "-c", folder, "--limit", 20, "--share", "1").returncode == 0
    works = list(tmdb.content.works.values())
    day = latest_export_day()
    for work in (works[3], works[300]):
        tmdb.content.change(work.renamed("A New Name"), day)
    done = tmdb.tv5("sync", "tmdb", "-c", folder, "--changes", "--since", day.isoformat())
    assert "1 titles fetched" in done.stderr, done.stderr
    assert "1 updated" in done.stderr
    assert "1 changed at TMDB but are not in this catalogue" in done.stderr
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog.get(works[3].key).title == "A New Name"
    tmdb.content.change(works[3], day)


def test_an_interrupted_sync_says_how_to_resume(tmdb: Background, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    asked = ("sync", "tmdb", "-c", folder, "--share", "1", "--no-seal")

    async def interrupted() -> Done:
        process = await tmdb.start(*asked)
        while len(tmdb.server.paths) < 50:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        return Done(asked, process.returncode or 0, out.decode(), err.decode())

    done = tmdb.call(interrupted())
    assert done.returncode == 1
    assert "the same command continues from there" in done.stderr
    assert "Traceback" not in done.stderr
    with Catalog.open(folder, read_only=True) as catalog:
        stored = catalog.count()
    assert 0 < stored < 330
    report = json.loads(tmdb.tv5(*asked, "--json").stdout)
    assert (report["earlier"], report["titles"]) == (stored, 330)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("sync", "elsewhere"), 2, "elsewhere"),
        (("sync", "tmdb", "--kind", "film"), 2, "expected movie, tv or both, got film"),
        (("sync", "tmdb", "--since", "yesterday"), 2, "expected a day such as 2026-01-31"),
        (("sync", "tmdb", "--changes", "--limit", "5"), 2, "expected --changes without"),
        (("sync", "tmdb", "--changes"), 2, "there is no earlier sync"),
        (("sync", "tmdb", "--share", "1.5"), 2, "--share"),
        (("fetch", "603"), 2, "expected tmdb:movie:603, tmdb:tv:1399 or imdb:tt0133093"),
        (("fetch", "tmdb:movie:1"), 1, "The resource you requested could not be found"),
    ],
)
def test_wrong_arguments(
    tmdb: Background, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = tmdb.tv5(*arguments, TV5_CATALOG=str(tmp_path / "c"))
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_without_a_key_or_with_a_wrong_one(tmdb: Background, tmp_path: Path) -> None:
    wrong = tmdb.tv5("sync", "tmdb", "-c", tmp_path / "c", TMDB_BEARER_TOKEN="another-secret")
    assert wrong.returncode == 1
    assert "expected a key that TMDB accepts" in " ".join(wrong.stderr.split())
    assert "continues from there" not in wrong.stderr
    assert "another-secret" not in wrong.stderr
    none = tmdb.tv5("fetch", "tmdb:movie:603", TMDB_BEARER_TOKEN="", TV5_TMDB_URL="")
    assert none.returncode == 1
    assert "expected a key for TMDB in TMDB_BEARER_TOKEN or TMDB_API_KEY" in none.stderr
    folder = tmp_path / "none"
    none = tmdb.tv5("sync", "tmdb", "-c", folder, TMDB_BEARER_TOKEN="", TV5_TMDB_URL="")
    assert none.returncode == 1
    assert not folder.exists(), "without a key there is no catalogue either"


def test_a_key_from_a_file(tmdb: Background, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY + "\n", "ascii")
    done = tmdb.tv5(
        "fetch", "tmdb:movie:603", TMDB_BEARER_TOKEN="", TMDB_BEARER_TOKEN_FILE=str(path)
    )
    assert done.returncode == 0, done.stderr


def test_fetch_shows_a_title_and_stores_it(tmdb: Background, tmp_path: Path) -> None:
    done = tmdb.tv5("fetch", "imdb:tt0133093", "--catalog", tmp_path / "c")
    assert done.returncode == 0, done.stderr
    assert "The Matrix (1999)" in done.stdout
    assert "Keanu Reeves" in done.stdout
    assert "where to watch: data by JustWatch" in done.stderr
    with Catalog.open(tmp_path / "c", read_only=True) as catalog:
        assert catalog.get("tmdb:movie:603").title == "The Matrix"
    title = json.loads(tmdb.tv5("fetch", "tmdb:tv:1399", "--json").stdout)
    assert (title["id"], title["kind"]) == ("tmdb:tv:1399", "show")


def test_fetch_says_what_it_left_out(
    tmdb: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmdb.tv5("fetch", "tmdb:movie:603")
    assert "left out" not in plain.stderr
    (place,) = (k for k, work in tmdb.content.works.items() if work.key == "tmdb:movie:603")
    odd = dataclasses.replace(tmdb.content.works[place], runtime=95.5)  # type: ignore[arg-type]
    monkeypatch.setitem(tmdb.content.works, place, odd)
    for form in ((), ("--json",)):
        done = tmdb.tv5("fetch", "tmdb:movie:603", *form)
        assert done.returncode == 0, done.stderr
        assert "1 unusable values left out: runtime" in done.stderr


def test_fetch_asks_justwatch_only_on_request(tmdb: Background) -> None:
    plain = tmdb.tv5("fetch", "tmdb:movie:603", "--json")
    assert not tmdb.other.arrivals
    assert all("themoviedb" in o["url"] for o in json.loads(plain.stdout)["offers"])
    both = tmdb.tv5("fetch", "tmdb:movie:603", "--json", "--justwatch")
    found = [o for o in json.loads(both.stdout)["offers"] if o.get("region") == "US"]
    assert found
    assert all("watch.example" in offer["url"] for offer in found)
    tmdb.justwatch.closed = {"US"}
    try:
        closed = tmdb.tv5("fetch", "tmdb:movie:603", "--justwatch")
    finally:
        tmdb.justwatch.closed = set()
    assert closed.returncode == 0
    assert "justwatch: " in closed.stderr
    assert "country US is not available" in closed.stderr
