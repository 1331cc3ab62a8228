"""The files that one call goes through, found by running it.

::

    python -m tests.ways

prints, for a query, an added title, a cached key and an upstream request, each file of tv5core in
which a function runs, in the order in which the call enters them, and the files it enters it from.
ARCHITECTURE.md lists them; ``tests/test_architecture.py`` holds it to that.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import tv5core
from tv5core import Catalog
from tv5core.cache import Policy, TieredCache
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.memory.tier import MemoryTier
from tv5core.data import demo_titles
from tv5core.upstream import Fetcher, Priority, tmdb_provider

ROOT = Path(tv5core.__file__).parent

# What everything stands on: words every reader knows after ARCHITECTURE.md, not steps of a way.
GROUND = {
    *("types", "results", "errors", "observing", "arguments", "bitmap", "backoff"),
    *("kernels", "files", "lmdb_env", "analysis", "names", "cores", "worker_pool"),
}


class Trace:
    """Which files calls enter while it is on, in every thread that starts after it is made."""

    def __init__(self) -> None:
        self._here: dict[str, set[str]] = {}
        self._elsewhere: dict[str, set[str]] = {}
        self._thread = threading.get_ident()
        self._on = False
        threading.setprofile(self._event)

    @contextmanager
    def on(self) -> Iterator[None]:
        gc.collect()
        gc.disable()  # what was left by others would run its finalizers on this way
        self._on = True
        sys.setprofile(self._event)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._on = False
            gc.enable()

    def close(self) -> None:
        threading.setprofile(None)

    @property
    def entered(self) -> dict[str, set[str]]:
        """The files, and where they are entered from.

        First those that the thread of the call enters, in its order. Others run beside it, so that
        theirs is another each time.
        """
        files = [*self._here, *(file for file in self._elsewhere if file not in self._here)]
        return {f: self._here.get(f, set()) | self._elsewhere.get(f, set()) for f in files}

    def _event(self, frame: FrameType, event: str, _: Any) -> None:
        if not self._on or event != "call" or frame.f_code.co_name == "<module>":
            return
        file, caller = _file(frame), _caller(frame)
        if file and file != caller:
            here = threading.get_ident() == self._thread
            (self._here if here else self._elsewhere).setdefault(file, set()).add(caller)


def _file(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""


def _caller(frame: FrameType) -> str:
    """Return the nearest file of tv5core that the call comes from; empty for a thread or a loop."""
    below = frame.f_back
    while below is not None:
        if file := _file(below):
            return file
        below = below.f_back
    return ""


def steps(entered: dict[str, set[str]]) -> list[str]:
    """Return the files of a way without the ground's, in the order in which they are entered."""
    return [file for file in entered if file.split("/")[0].removesuffix(".py") not in GROUND]


def query(folder: Path) -> dict[str, set[str]]:
    """Search a sealed catalogue by text."""
    trace = Trace()
    with Catalog.open(folder / "films") as catalog:
        catalog.add(demo_titles())
        catalog.seal()
        catalog.search("a shark at the beach", k=3)
        with trace.on():
            catalog.search("toys come alive", k=3)
    trace.close()
    return trace.entered


def title(folder: Path) -> dict[str, set[str]]:
    """Add a title to a sealed catalogue."""
    trace, titles = Trace(), list(demo_titles())
    with Catalog.open(folder / "films") as catalog:
        catalog.add(titles[:-2])
        catalog.seal()
        catalog.add(titles[-2:-1])
        with trace.on():
            catalog.add(titles[-1:])
    trace.close()
    return trace.entered


def key(folder: Path) -> dict[str, set[str]]:
    """Load a key that is in no tier, store it in memory and on disk, and read it."""
    return asyncio.run(_key(folder))


async def _key(folder: Path) -> dict[str, set[str]]:
    async def load(key: str) -> str:
        return key

    trace = Trace()
    policies = {"cast": Policy(ttl_s=3600)}
    disk = DiskTier(folder / "cache", 1 << 26)
    # On a busy machine a read may take longer than a service would wait, and be given up.
    cache = TieredCache(MemoryTier(1 << 26), [disk], policies=policies, tier_timeout_s=60.0)
    async with cache:
        await cache.get_or_load("cast", "one", load)
        with trace.on():
            await cache.get_or_load("cast", "two", load)
            await cache.get_or_load("cast", "two", load)
    trace.close()
    return trace.entered


def request(_: Path) -> dict[str, set[str]]:
    """Fetch from TMDB: where it is, the environment says."""
    return asyncio.run(_request())


async def _request() -> dict[str, set[str]]:
    trace = Trace()
    async with Fetcher(tmdb_provider()) as fetcher:
        await fetcher.get("movie/603", priority=Priority.USER, deadline_s=5)
        with trace.on():
            await fetcher.get("movie/604", priority=Priority.USER, deadline_s=5)
    trace.close()
    return trace.entered


WAYS = {"query": query, "title": title, "key": key, "request": request}


def main() -> None:
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            entered = way(Path(folder))
        counted = steps(entered)
        print(f"{name}: {len(counted)} files, {len(entered) - len(counted)} more of the ground")
        for file, callers in entered.items():
            print(
                f"  {' ' if file in counted else '.'} {file:<42} from {', '.join(sorted(callers))}"
            )


if __name__ == "__main__":
    main()
