"""AsyncCatalog: the methods of a catalogue for programs that await, in a bounded number of threads.

::

    async with await AsyncCatalog.open("films", read_only=True) as films:
        result = await films.within(0.2).search("french heist movies under two hours")

Calls that read share some worker threads. Calls that change the catalogue wait for each other
anyway, so they share one thread more, and never keep readers waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial, update_wrapper
from itertools import islice
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from tv5core.arguments import check_int, check_real, check_type
from tv5core.catalog.catalog import Catalog
from tv5core.cores import usable_cores
from tv5core.errors import ClosedError, TimedOutError

__all__ = ["AsyncCatalog"]

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST_S = 1e6
_IDS_BLOCK = 1_000


def _reading(
    method: Callable[Concatenate[Catalog, P], T],
) -> Callable[Concatenate[AsyncCatalog, P], Coroutine[Any, Any, T]]:
    """Make a method that awaits one of the catalogue's that reads."""

    async def call(self: AsyncCatalog, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._read(partial(self._bound(method), *args, **kwargs))

    update_wrapper(call, method)
    return call


def _changing(
    method: Callable[Concatenate[Catalog, P], T],
) -> Callable[Concatenate[AsyncCatalog, P], Coroutine[Any, Any, T]]:
    """Make a method that awaits one of the catalogue's that changes it, or works for long."""

    async def call(self: AsyncCatalog, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._change(partial(self._bound(method), *args, **kwargs))

    update_wrapper(call, method)
    return call


class _Workers:
    """Threads, shared by all views of one catalogue."""

    def __init__(self, readers: int) -> None:
        self._count, self.closed = readers, False
        self.start()

    def start(self) -> None:
        """Make threads and a lock; in the child of a fork there are none of the parent's."""
        self.readers = ThreadPoolExecutor(self._count, "tv5-read")
        self.changer = ThreadPoolExecutor(1, "tv5-change")
        self._lock = threading.Lock()

    def submit(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> asyncio.Future[T]:
        context = contextvars.copy_context()
        with self._lock:
            if self.closed:
                raise ClosedError("expected an open catalogue, got one after close()")
            return asyncio.wrap_future(pool.submit(context.run, call))

    def close(self) -> None:
        with self._lock:
            self.closed = True
        for pool in (self.readers, self.changer):
            pool.shutdown(wait=True, cancel_futures=True)


class AsyncCatalog:
    """A catalogue whose methods are awaited; made by :meth:`open`, or of a catalogue.

    Every method does what that of :class:`Catalog` does, in a thread. A call whose task is
    cancelled, or whose deadline passes, ends at once: where no thread had begun it, it is never
    made; a search that a thread is at is finished there and dropped; a change that a thread is at
    goes on to its end, so whether it was made is to be asked afterwards.

    Parameters
    ----------
    catalog : Catalog
        Closed by :meth:`close`, too.
    threads : int, optional
        How many calls that read run at once; by default one a core, at least 2.

    Attributes
    ----------
    catalog : Catalog
    deadline_s : float or None
        Seconds that a call which reads may take, waiting for a thread included.
    """

    def __init__(self, catalog: Catalog, *, threads: int | None = None) -> None:
        check_type("catalog", catalog, Catalog)
        count = max(2, usable_cores()) if threads is None else threads
        self.catalog = catalog
        self.deadline_s: float | None = None
        self._workers = _Workers(check_int("threads", count, 1, 1_024))

    @classmethod
    async def open(
        cls, path: str | os.PathLike[str], *, threads: int | None = None, **options: Any
    ) -> AsyncCatalog:
        """Open a catalogue in a thread; options are those of ``Catalog.open``."""
        catalog = await asyncio.to_thread(partial(Catalog.open, path, **options))
        try:
            return cls(catalog, threads=threads)
        except BaseException:
            catalog.close()
            raise

    def within(self, deadline_s: float) -> AsyncCatalog:
        """Return a view of the same catalogue whose calls that read have a deadline.

        Parameters
        ----------
        deadline_s : float
            Seconds from each call on; a call that has no answer by then raises TimedOutError.
        """
        view = object.__new__(type(self))
        view.catalog, view._workers = self.catalog, self._workers
        view.deadline_s = check_real("deadline_s", deadline_s, 0.0, _LONGEST_S)
        return view

    def __repr__(self) -> str:
        within = "" if self.deadline_s is None else f", within {self.deadline_s} s"
        return f"<AsyncCatalog of {self.catalog!r}{within}>"

    def _bound(self, method: Callable[Concatenate[Catalog, P], T]) -> Callable[P, T]:
        """Return the catalogue's own method: one that is published answers in its own way."""
        found: Callable[P, T] = getattr(self.catalog, method.__name__)
        return found

    async def _read(self, call: Callable[[], T]) -> T:
        future = self._workers.submit(self._workers.readers, call)
        if self.deadline_s is None:
            return await future
        try:
            async with asyncio.timeout(self.deadline_s) as deadline:
                return await future
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise TimedOutError(f"expected an answer in {self.deadline_s} s, got none") from error

    async def _change(self, call: Callable[[], T]) -> T:
        return await self._workers.submit(self._workers.changer, call)

    # -- reading --------------------------------------------------------------------------

    search = _reading(Catalog.search)
    search_many = _reading(Catalog.search_many)
    suggest = _reading(Catalog.suggest)
    facets = _reading(Catalog.facets)
    filter_text = _reading(Catalog.filter_text)
    similar = _reading(Catalog.similar)
    embed_queries = _reading(Catalog.embed_queries)
    get = _reading(Catalog.get)
    get_many = _reading(Catalog.get_many)
    replica_record = _reading(Catalog.replica_record)
    replica_rows = _reading(Catalog.replica_rows)
    replica_rows_after = _reading(Catalog.replica_rows_after)
    get_vectors = _reading(Catalog.get_vectors)
    get_versioned = _reading(Catalog.get_versioned)
    find = _reading(Catalog.find)
    popular = _reading(Catalog.popular)
    recommend = _reading(Catalog.recommend)
    browse = _reading(Catalog.browse)
    trending = _reading(Catalog.trending)
    profiles = _reading(Catalog.profiles)
    profile = _reading(Catalog.profile)
    learnt = _reading(Catalog.learnt)
    learnt_version = _reading(Catalog.learnt_version)
    count = _reading(Catalog.count)
    checkpoint = _reading(Catalog.checkpoint)
    changes = _reading(Catalog.changes)
    version = _reading(Catalog.version)
    identity = _reading(Catalog.identity)
    info = _reading(Catalog.info)
    to_arrow = _reading(Catalog.to_arrow)

    async def ids(self) -> AsyncIterator[str]:
        """Iterate over all ids, sorted; sees changes made meanwhile."""
        found = self.catalog.ids()
        while block := await self._read(lambda: list(islice(found, _IDS_BLOCK))):
            for name in block:
                yield name

    # -- changing, and what takes long ----------------------------------------------------

    add = _changing(Catalog.add)
    add_table = _changing(Catalog.add_table)
    apply = _changing(Catalog.apply)
    delete = _changing(Catalog.delete)
    declare = _changing(Catalog.declare)
    embed_pending = _changing(Catalog.embed_pending)
    refit = _changing(Catalog.refit)
    drop_second_space = _changing(Catalog.drop_second_space)
    seal = _changing(Catalog.seal)
    upgrade = _changing(Catalog.upgrade)
    optimize = _changing(Catalog.optimize)
    calibrate = _changing(Catalog.calibrate)
    learn = _changing(Catalog.learn)
    forget_learnt = _changing(Catalog.forget_learnt)
    put_profile = _changing(Catalog.put_profile)
    delete_profile = _changing(Catalog.delete_profile)
    verify = _changing(Catalog.verify)
    backup = _changing(Catalog.backup)
    export = _changing(Catalog.export)
    export_lines = _changing(Catalog.export_lines)
    export_collection = _changing(Catalog.export_collection)
    import_collection = _changing(Catalog.import_collection)
    clear_checkpoints = _changing(Catalog.clear_checkpoints)
    wait = _changing(Catalog.wait)

    @staticmethod
    async def restore(*args: Any, **kwargs: Any) -> Any:
        """Make a catalogue of an export or a backup in a thread; see ``Catalog.restore``."""
        return await asyncio.to_thread(partial(Catalog.restore, *args, **kwargs))

    # -- closing --------------------------------------------------------------------------

    async def close(self) -> None:
        """Refuse new calls, wait for those that threads are at, and close the catalogue."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._workers.close()
        self.catalog.close()

    def after_fork(self) -> None:
        """Go on as a reader in the child of a fork, with threads of its own."""
        self.catalog.after_fork()
        self._workers.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
