"""A worker's side of the writer: changes go to the process that has the catalogue open."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Self

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.server.errors import WriterUnavailableError
from tv5core.server.process.framing import frame, read_frame
from tv5core.server.process.messages import Add, Delete, Reply, decode_reply, encode, error_of
from tv5core.server.process.writer_process import MAX_TITLES
from tv5core.types import Title

__all__ = ["WriterClient"]

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5

Changed = Callable[[Sequence[str]], Awaitable[object]]


class WriterClient:
    """Stores and deletes titles through the writer; used as ``async with``, from one event loop.

    Where the writer dies, a request without a reply is sent again to the next one: storing the
    same title twice is storing it once. So every method returns after a commit, or raises.

    Parameters
    ----------
    path : path-like
        The writer's socket.
    deadline_s : float
        How long a request may wait for its reply, restarts of the writer included.

    Attributes
    ----------
    changed : callable or None
        Awaited with the ids of what was changed, such as to invalidate what is cached of them.
    """

    def __init__(self, path: str | os.PathLike[str], *, deadline_s: float = 10.0) -> None:
        self._path, self._deadline_s = os.fspath(path), deadline_s
        self.changed: Changed | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def add(self, titles: Sequence[Title]) -> None:
        """Store titles, at most 1,000 in a commit.

        Raises
        ------
        WriterUnavailableError
            No reply by the deadline; what was sent may be stored later, or not.
        Tv5Error
            As ``Catalog.add``.
        """
        for begin in range(0, len(titles), MAX_TITLES):
            block = tuple(titles[begin : begin + MAX_TITLES])
            for title in block:
                if not isinstance(title, Title):
                    raise InvalidInputError(f"expected a Title, got {shown(title)}")
            await self._ask(partial(Add, titles=block))
            await self._tell([title.id for title in block])

    async def delete(self, ids: Iterable[str]) -> int:
        """Delete titles by id; return how many there were.

        After a restart of the writer it may be fewer, as some were deleted by the first try.
        """
        listed = (ids,) if isinstance(ids, str) else tuple(ids)
        deleted = await self._ask(partial(Delete, ids=listed))
        await self._tell(listed)
        return deleted

    async def _tell(self, ids: Sequence[str]) -> None:
        if self.changed is not None:
            await self.changed(ids)

    # -- requests -----------------------------------------------------------------------------

    async def _ask(self, make: Callable[[int], Add | Delete]) -> int:
        number = next(self._numbers)
        data = frame(encode(make(number)))
        try:
            async with asyncio.timeout(self._deadline_s):
                reply = await self._until_replied(number, data)
        except TimeoutError:
            waited = f"{self._deadline_s:g} s"
            raise WriterUnavailableError(
                f"expected a reply of the writer within {waited}, got none", retry_after_s=1.0
            ) from None
        finally:
            self._waiting.pop(number, None)
        if reply.failure is not None:
            raise error_of(reply.failure)
        return reply.changed

    async def _until_replied(self, number: int, data: bytes) -> Reply:
        pause = _SHORTEST_PAUSE_S
        while True:
            try:
                return await self._sent(number, data)
            except OSError:
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_S, pause * 2)

    async def _sent(self, number: int, data: bytes) -> Reply:
        writer = await self._connected()
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        writer.write(data)
        await writer.drain()
        return await reply

    # -- the connection -----------------------------------------------------------------------

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                reader, self._writer = await asyncio.open_unix_connection(self._path)
                self._reading = asyncio.create_task(self._read(reader, self._writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await read_frame(reader)) is not None:
                reply = decode_reply(body)
                waiting = self._waiting.get(reply.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except (OSError, InvalidInputError):
            pass  # as at the end of the stream: whoever waits sends again
        finally:
            self._lost(writer)

    def _lost(self, writer: asyncio.StreamWriter) -> None:
        self._writer = None
        writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the writer is gone"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
