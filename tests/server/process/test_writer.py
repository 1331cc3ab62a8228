"""The writer and its clients, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tv5core import Catalog
from tv5core.data import demo_titles
from tv5core.errors import InvalidInputError
from tv5core.server.errors import WriterUnavailableError
from tv5core.server.process.sockets import bind_workers, bind_writer
from tv5core.server.process.writer_client import WriterClient
from tv5core.server.process.writer_process import WriterServer
from tv5core.types import Title

TITLES = demo_titles()


@pytest.fixture
def private(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    opened = Catalog.open(tmp_path / "films", embedder=None)
    yield opened
    opened.close()


@contextlib.asynccontextmanager
async def pair(catalog: Catalog, private: Path) -> AsyncIterator[WriterClient]:
    bound = bind_writer(private)
    async with WriterServer(catalog).serving(bound), client(private) as asking:
        yield asking


def client(private: Path, deadline_s: float = 5.0) -> WriterClient:
    return WriterClient(private / "writer.sock", deadline_s=deadline_s)


async def test_what_was_added_is_stored_on_return_and_told(catalog: Catalog, private: Path) -> None:
    told: list[str] = []
    async with pair(catalog, private) as writer:

        async def changed(ids: list[str]) -> None:
            told.extend(ids)

        writer.changed = changed
        await writer.add(TITLES[:3])
        assert catalog.count() == 3
        assert await writer.delete([TITLES[0].id, "unknown"]) == 1
        assert TITLES[0].id not in catalog
    assert told == [*(title.id for title in TITLES[:3]), TITLES[0].id, "unknown"]


async def test_additions_at_once_share_commits_and_all_are_stored(
    catalog: Catalog, private: Path
) -> None:
    before = catalog.version().seq
    async with pair(catalog, private) as writer, client(private) as other:
        await asyncio.gather(
            *((writer if n % 2 else other).add([title]) for n, title in enumerate(TITLES[:60]))
        )
        assert catalog.count() == 60
        assert catalog.version().seq - before <= 60


async def test_one_wrong_addition_fails_alone(catalog: Catalog, private: Path) -> None:
    wrong = msgspec.structs.replace(TITLES[1], id="")
    async with pair(catalog, private) as writer:
        results = await asyncio.gather(
            writer.add(TITLES[:1]), writer.add([wrong]), writer.add(TITLES[2:3]),
            return_exceptions=True,
        )  # fmt: skip
    assert [type(one) for one in results] == [type(None), InvalidInputError, type(None)]
    assert catalog.count() == 2


async def test_other_things_than_titles_are_refused(catalog: Catalog, private: Path) -> None:
    async with pair(catalog, private) as writer:
        with pytest.raises(InvalidInputError, match="expected a Title, got 'x'"):
            await writer.add(["x"])  # type: ignore[list-item]


class Slow:
    """A catalogue whose additions wait."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.added: list[Title] = []
        self._loop = asyncio.get_running_loop()

    def add(self, titles: list[Title]) -> None:
        asyncio.run_coroutine_threadsafe(self.go_on.wait(), self._loop).result()
        self.added += titles


async def test_a_request_without_a_reply_is_sent_to_the_next_writer(
    catalog: Catalog, private: Path
) -> None:
    bound = bind_writer(private)
    held = bound.dup()  # as the supervisor holds it
    lost = asyncio.Event()

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.transport.abort()
        lost.set()

    first = await asyncio.start_unix_server(die, sock=bound)
    async with client(private) as writer:
        adding = asyncio.create_task(writer.add(TITLES[:2]))
        await lost.wait()
        first.close()
        async with WriterServer(catalog).serving(held):
            await adding
        assert catalog.count() == 2


async def test_without_a_writer_a_change_fails_by_its_deadline(private: Path) -> None:
    async with client(private, 0.1) as writer:
        with pytest.raises(WriterUnavailableError, match=r"within 0\.1 s, got none"):
            await writer.add(TITLES[:1])


async def test_what_was_read_before_the_end_is_stored_and_replied_to(private: Path) -> None:
    slow = Slow()
    async with contextlib.AsyncExitStack() as stack:
        bound = bind_writer(private)
        serving = WriterServer(slow).serving(bound)  # type: ignore[arg-type]
        await serving.__aenter__()
        writer = await stack.enter_async_context(client(private))
        adding = [asyncio.create_task(writer.add([title])) for title in TITLES[:5]]
        await asyncio.sleep(0.05)
        ending = asyncio.create_task(serving.__aexit__(None, None, None))
        await asyncio.sleep(0)
        slow.go_on.set()
        await asyncio.gather(*adding)
        await ending
    assert slow.added == list(TITLES[:5])


async def test_nonsense_closes_its_connection_only(catalog: Catalog, private: Path) -> None:
    async with pair(catalog, private) as writer:
        for nonsense in (b"\xff\xff\xff\xff", struct.pack("<I", 3) + b"abc", b"\x01"):
            reader, stranger = await asyncio.open_unix_connection(private / "writer.sock")
            stranger.write(nonsense)
            stranger.write_eof()
            assert await asyncio.wait_for(reader.read(), 60) == b""
            stranger.close()
        await writer.add(TITLES[:1])


def test_a_folder_that_others_may_enter_is_refused(private: Path) -> None:
    private.chmod(0o755)
    with pytest.raises(InvalidInputError, match=r"0700, got .* with 0755"):
        bind_writer(private)


def test_a_port_in_use_is_refused_also_where_it_is_shared() -> None:
    bound = bind_workers("127.0.0.1", 0, 2)
    port = bound[0].getsockname()[1]
    assert bound[1].getsockname()[1] == port
    with pytest.raises(InvalidInputError, match=f"got 127.0.0.1:{port}: one in use"):
        bind_workers("127.0.0.1", port, 1)
    for one in bound:
        one.close()


def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected an address to listen on, got 300"):
        bind_workers("300.1.1.1", 0, 1)
