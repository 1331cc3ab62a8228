"""The writer: the one process that changes the catalogue, asked by workers over a Unix socket.

A reply comes after the commit, so what was acknowledged survives the writer. Additions that wait
are stored together, in one commit: under load it is the commit that costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError, Tv5Error
from tv5core.server.logs import log
from tv5core.server.process.framing import frame, read_frame
from tv5core.server.process.life import Life, keep_what_is_open
from tv5core.server.process.messages import Add, Reply, Request, decode_request, encode, failure_of

__all__ = ["MAX_TITLES", "WriterServer", "write_until_stopped"]

MAX_TITLES = 1_000
"""Titles of one commit."""
_QUEUE = 256
_PEER = struct.Struct("3i")
_NICER = 5
"""Sealing takes what processors the workers leave: a third of one where all are wanted."""


@dataclass(eq=False)
class _Asked:
    request: Request
    answer: asyncio.Future[Reply]

    def settle(self, changed: int = 0, error: Exception | None = None) -> None:
        failure = None if error is None else failure_of(error)
        if not self.answer.done():
            self.answer.set_result(Reply(self.request.number, changed, failure))


class WriterServer:
    """Answers requests to change a catalogue, one commit at a time.

    Parameters
    ----------
    catalog : Catalog
        Open for writing; remains the caller's to close.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue(_QUEUE)
        self._thread = ThreadPoolExecutor(1, "tv5-write")
        self._connections: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self, bound: socket.socket) -> AsyncIterator[None]:
        """Answer at a socket; on leaving, what was read is still stored and replied to."""
        server = await asyncio.start_unix_server(self._connected, sock=bound)
        working = asyncio.create_task(self._work())
        try:
            yield
        finally:
            server.close()
            await self._queue.join()
            await asyncio.sleep(0)  # replies leave
            for task in [working, *self._connections]:
                task.cancel()
            await asyncio.gather(working, *self._connections, return_exceptions=True)
            self._thread.shutdown()

    # -- connections --------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            _check_peer(writer.get_extra_info("socket"))
            await self._read(reader, writer)
        except InvalidInputError as error:
            log.warning("closed a connection to the writer: %s", error)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replies: set[asyncio.Task[None]] = set()
        try:
            while (body := await read_frame(reader)) is not None:
                answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
                # A full queue stops reading: the worker's socket fills, and its caller waits.
                await self._queue.put(_Asked(decode_request(body), answer))
                reply = asyncio.create_task(_reply(answer, writer))
                replies.add(reply)
                reply.add_done_callback(replies.discard)
        finally:
            if replies:
                await asyncio.wait(replies)

    # -- work ---------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            asked = [await self._queue.get()]
            while not self._queue.empty() and _join(asked, self._queue):
                pass
            try:
                await self._change(asked)
            finally:
                for _ in asked:
                    self._queue.task_done()

    async def _change(self, asked: list[_Asked]) -> None:
        try:
            changed = await self._run(asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker is told
            if len(asked) == 1:
                asked[0].settle(error=error)
                return
            for one in asked:  # one of them is to blame
                await self._change([one])
            return
        for one, count in zip(asked, changed, strict=True):
            one.settle(count)

    async def _run(self, asked: list[_Asked]) -> list[int]:
        loop = asyncio.get_running_loop()
        first = asked[0].request
        if isinstance(first, Add):
            groups = [one.request.titles for one in asked if isinstance(one.request, Add)]
            titles = [title for group in groups for title in group]
            await loop.run_in_executor(self._thread, partial(self._catalog.add, titles))
            return [len(group) for group in groups]
        call = partial(self._catalog.delete, list(first.ids))
        return [await loop.run_in_executor(self._thread, call)]


def _join(asked: list[_Asked], queue: asyncio.Queue[_Asked]) -> bool:
    """Take the next request in where both are additions; return whether another may follow."""
    following: _Asked = queue._queue[0]  # type: ignore[attr-defined]  # noqa: SLF001 - no peek
    if not (isinstance(asked[0].request, Add) and isinstance(following.request, Add)):
        return False
    held = sum(len(one.request.titles) for one in asked if isinstance(one.request, Add))
    if held + len(following.request.titles) > MAX_TITLES:
        return False
    asked.append(queue.get_nowait())
    return True


async def _reply(answer: asyncio.Future[Reply], writer: asyncio.StreamWriter) -> None:
    reply = await answer
    with contextlib.suppress(ConnectionError):
        writer.write(frame(encode(reply)))
        await writer.drain()


def _check_peer(connection: socket.socket) -> None:
    """Refuse other users, also where the folder was opened to them."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, uid, _ = _PEER.unpack(packed)
    if uid != os.geteuid():
        raise InvalidInputError(f"expected a process of user {os.geteuid()}, got one of {uid}")


async def write_until_stopped(
    life: Life, folder: str, bound: socket.socket, vectors: str | None = None
) -> None:
    """Be the writer of a catalogue.

    Parameters
    ----------
    life : Life
    folder : str
        The catalogue's.
    bound : socket
        Listening already.
    vectors : str, optional
        URL of the collection that keeps its vectors.
    """
    with contextlib.suppress(OSError):
        os.nice(_NICER)  # before there are threads: each inherits it
    catalog = await asyncio.to_thread(partial(Catalog.open, folder, create=False, vectors=vectors))
    keep_what_is_open()
    try:
        async with WriterServer(catalog).serving(bound):
            life.ready()
            await life.stop.wait()
    finally:
        try:
            await asyncio.to_thread(catalog.close)
        except Tv5Error as error:
            log.error("closing the catalogue: %s", error)
