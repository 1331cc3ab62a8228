"""``tv5 serve`` end to end: killed, reloaded and stopped under load."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import aiohttp
import msgspec
import pytest

from tests.server.process.gateways import Served, served
from tv5core import Catalog
from tv5core.data import demo_titles

TITLES = demo_titles()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gateway")
    catalog = Path(shutil.copytree(sealed, folder / "films"))
    keys = folder / "keys"
    keys.write_text("known\n")
    given = ("log_requests=false", "client_rate=0", f"api_keys_file={keys}")
    limits = ("key_rate=0.001", "key_burst=12")
    options = ["--demo", "--workers", "2"]
    for each in (*given, *limits):
        options += ["--set", each]
    with served(folder, str(catalog), *options) as running:
        assert running.url
        running.catalog = catalog  # type: ignore[attr-defined]
        yield running


class Load:
    """Clients with connections of their own that ask all the time."""

    def __init__(self, url: str, clients: int = 8) -> None:
        self._url, self._clients = url, clients
        self.statuses: Counter[object] = Counter()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(self._clients)]
        await asyncio.sleep(0.3)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.3)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{self._url}/v1/search?q=heist") as answer:
                        await answer.read()
                        self.statuses[answer.status] += 1
                    await asyncio.sleep(0.01)
                except aiohttp.ClientError as error:
                    self.statuses[type(error).__name__] += 1


async def found(url: str, word: str, times: int = 12) -> set[bool]:
    """Return whether a word is found, asked over new connections, so by all workers."""
    answers = set()
    for _ in range(times):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/v1/search", params={"q": word}) as answer,
        ):
            answers.add(f"mine:{word}".encode() in await answer.read())
    return answers


async def test_workers_share_the_limit_of_a_client(gateway: Served) -> None:
    left = []
    for _ in range(40):
        async with (
            aiohttp.ClientSession(headers={"X-Api-Key": "known"}) as session,
            session.get(f"{gateway.url}/v1/suggest?q=jaw") as answer,
        ):
            left.append((answer.status, int(answer.headers["X-RateLimit-Remaining"])))
    assert left == [(200, 11 - n) for n in range(12)] + [(429, 0)] * 28


def named(word: str) -> object:
    return msgspec.structs.replace(TITLES[0], id=f"mine:{word}", title=word)


async def test_what_was_added_is_found_by_every_worker_at_once(gateway: Served) -> None:
    async with gateway.writer() as writer:
        await writer.add([named("Quixotrope")])  # type: ignore[list-item]
        assert await found(gateway.url, "Quixotrope") == {True}
        assert await writer.delete(["mine:Quixotrope"]) == 1
        assert await found(gateway.url, "Quixotrope") == {False}


async def test_every_worker_tells_the_figures_of_all(gateway: Served) -> None:
    async def figures() -> tuple[int, float]:
        url = f"{gateway.url}/live/state"
        # A connection of its own: any worker may answer.
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            state = await answer.json()
        return state["workers"], state["started_at"]

    async with asyncio.timeout(60):
        while {workers for workers, _ in [await figures() for _ in range(8)]} != {2}:
            await asyncio.sleep(0.3)
    assert len({started for _, started in [await figures() for _ in range(8)]}) == 1


async def test_a_killed_writer_loses_nothing_and_is_replaced(gateway: Served) -> None:
    killed = gateway.pid("writer")
    acknowledged: list[str] = []

    async def add(number: int) -> None:
        async with gateway.writer() as writer:
            await writer.add([named(f"Kept{number}")])  # type: ignore[list-item]
            acknowledged.append(f"mine:Kept{number}")

    adding = [asyncio.create_task(add(number)) for number in range(20)]
    await asyncio.sleep(0.01)
    os.kill(killed, signal.SIGKILL)
    await asyncio.gather(*adding)
    await asyncio.to_thread(gateway.wait_for, lambda: gateway.pid("writer") != killed)
    with Catalog.open(gateway.catalog, read_only=True) as catalog:  # type: ignore[attr-defined]
        assert len(acknowledged) == 20
        assert all(name in catalog for name in acknowledged)


async def test_a_killed_worker_is_replaced_and_the_other_goes_on(gateway: Served) -> None:
    killed = gateway.pid("worker 1")
    async with Load(gateway.url) as load:
        os.kill(killed, signal.SIGKILL)
        await asyncio.to_thread(gateway.wait_for, lambda: gateway.pid("worker 1") != killed)
    # Requests it was answering are lost with it, none after.
    assert set(load.statuses) <= {200, "ServerDisconnectedError", "ClientOSError"}
    assert sum(n for kind, n in load.statuses.items() if kind != 200) <= 8
    assert load.statuses[200]


async def test_a_reload_drops_no_request(gateway: Served) -> None:
    before = {gateway.pid(name) for name in ("writer", "worker 1", "worker 2")}
    count = len(gateway.events("reloaded"))
    async with Load(gateway.url) as load:
        gateway.signal(signal.SIGHUP)
        await asyncio.to_thread(gateway.wait_for, lambda: len(gateway.events("reloaded")) > count)
        await asyncio.sleep(1.5)
    assert set(load.statuses) == {200}, load.statuses
    await asyncio.to_thread(gateway.wait_for, lambda: gateway.pid("writer") not in before)
    assert not before & {gateway.pid(name) for name in ("writer", "worker 1", "worker 2")}
    async with gateway.writer() as writer:
        await writer.add([named("Afterwards")])  # type: ignore[list-item]
    assert await found(gateway.url, "Afterwards") == {True}


def test_a_hanging_worker_is_replaced(tmp_path: Path, folder: Path) -> None:
    with served(tmp_path, str(folder), "--set", "heartbeat_timeout_s=3") as running:
        assert running.url
        stopped = running.pid("worker 1")
        os.kill(stopped, signal.SIGSTOP)
        running.wait_for(lambda: running.pid("worker 1") != stopped, 20)
        assert running.events("killing worker 1")[0]["why"] == "no sign of life for 3 s"
        with urllib.request.urlopen(f"{running.url}/healthz", timeout=20) as answer:
            assert answer.status == 200
        assert running.stop() == 0
        assert not list(tmp_path.glob("tv5-serve-*"))


def test_children_end_where_the_supervisor_is_killed(tmp_path: Path, folder: Path) -> None:
    with served(tmp_path, str(folder)) as running:
        assert running.url
        pids = [running.pid("writer"), running.pid("worker 1")]
        running.process.kill()
        running.process.wait()
        end_by = 15.0
        while not all(_is_gone(pid) for pid in pids) and end_by > 0:
            end_by -= 0.1
            time.sleep(0.1)
        assert end_by > 0


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_demo_is_made_in_a_folder_that_goes_with_it(tmp_path: Path) -> None:
    with served(tmp_path, "--demo") as running:
        with urllib.request.urlopen(f"{running.url}/v1/search?q=inception", timeout=20) as answer:
            assert b"Inception" in answer.read()
        assert running.stop() == 0
        assert not list(tmp_path.glob("tv5-serve-*"))


def test_a_catalogue_that_is_not_there_is_an_error_of_usage(tmp_path: Path) -> None:
    with served(tmp_path, str(tmp_path / "none")) as running:
        assert running.process.wait(30) == 2
        running.wait_for(lambda: any("expected a catalogue in" in line for line in running.lines))


def test_a_catalogue_that_another_writes_to_is_an_error(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films"), served(tmp_path, str(tmp_path / "films")) as running:
        assert running.process.wait(30) == 1
        said = " ".join(running.lines)
        assert "expected to be the only writer" in said, said


async def test_a_published_catalogue_is_served_and_followed(sealed: Path, tmp_path: Path) -> None:
    films, url = Path(shutil.copytree(sealed, tmp_path / "films")), f"file://{tmp_path}/published"
    with Catalog.open(films) as source:
        source.backup(url, check=False)
        given = ("--read-only", "--set", f"snapshot_path={tmp_path / 'cache'}")
        with served(tmp_path, url, *given, "--workers", "2", "--set", "follow_s=0.05") as running:
            source.add([named("Quixotical")])  # type: ignore[list-item]
            source.backup(url, check=False)
            for _ in range(600):
                if await found(running.url, "Quixotical") == {True}:
                    break
                await asyncio.sleep(0.1)
            assert await found(running.url, "Quixotical") == {True}
