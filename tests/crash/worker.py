"""The processes that are killed: a writer that acknowledges what it did, and readers."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from tests.crash import shim
from tests.crash.model import (
    CHUNK,
    DIM,
    Kind,
    Op,
    State,
    apply,
    as_dict,
    choose,
    embedded,
    pair,
    title,
    vector,
)
from tv5core.catalog import Catalog, calibration, writer
from tv5core.catalog.index import seal_policy
from tv5core.catalog.spaces import new_space, text_embedding
from tv5core.embedding import LsaEmbedder
from tv5core.errors import ClosedError, NotACatalogError, Tv5Error
from tv5core.files import failpoints
from tv5core.recommend import Profile
from tv5core.store import environment, journal, second_space
from tv5core.vectors import growing, live_graph

MOST = 160  # titles, about

_SMALL = (
    (writer, "CHUNK_TITLES", CHUNK),
    (seal_policy, "MAX_LIVE_ROWS", 90),
    (new_space, "MAX_LIVE_ROWS", 90),
    (growing, "LEAST_ROWS", 60),
    (live_graph, "FIRST_ROWS", 40),
    (new_space, "_BLOCK", 48),
    (text_embedding, "_BLOCK", 48),
    (second_space, "_BLOCK", 16),
    (journal, "_TRIM_BATCH", 8),
    (environment, "INITIAL_MAP_BYTES", 1 << 17),
    (calibration, "SAMPLE", 8),
)


FAILPOINTS = (
    "add: committed",
    "add: indexed",
    "add: written",
    "backup: copied",
    "copy: filled",
    "copy: named",
    "copy: synced",
    "delete: committed",
    "delete: written",
    "documents: written",
    "file: renamed",
    "file: replaced",
    "file: synced",
    "file: written",
    "learn: published",
    "learn: recorded",
    "optimize: folded",
    "optimize: sealed",
    "optimize: tidied",
    "refit: filled",
    "refit: fitted",
    "refit: indexed",
    "refit: old space dropped",
    "refit: recorded",
    "refit: taken over",
    "repair: derived repaired",
    "repair: index built",
    "repair: vectors repaired",
    "seal: caught up",
    "seal: recorded",
    "seal: served",
    "second: built",
    "second: embedded",
    "second: recorded",
    "second: stored",
    "tidy: journal trimmed",
    "tidy: orphans removed",
    "upgrade: recorded",
    "upgrade: some values rewritten",
)
"""Every failpoint of the code; a test compares them."""


def shrink() -> None:
    """Make all limits small, so that little data crosses each of them: chunks, growth, sealing."""
    for module, name, value in _SMALL:
        if not hasattr(module, name):
            raise RuntimeError(f"expected {module.__name__}.{name}, which is gone: name its heir")
        setattr(module, name, value)


def warm_up() -> None:
    """Import what is imported late, once, before processes are forked from this one."""
    LsaEmbedder().fit([title(f"t:{n}:a", 0) for n in range(5)])


def open_catalog(folder: Path, kind: Kind, *, read_only: bool = False) -> Catalog:
    """Open a campaign's catalogue."""
    return Catalog.open(
        folder,
        read_only=read_only,
        create=not read_only,
        embedder="lsa" if kind.embeds else None,
        second_embedder=embedded if kind.second else None,
        metric=kind.metric,
        rescoring=kind.rescoring,
    )


def methods(kind: Kind) -> list[str]:
    """Name the calls a mixed load makes besides adding and deleting."""
    found = ["seal", "seal", "seal", "close", "background_seal", "backup"]
    found += ["optimize", "repair", "upgrade", "learn", "put_profile"]
    found += ["embed_pending", "embed_pending", "drop_second_space"] if kind.second else []
    return found + (["refit", "embed_pending"] if kind.embeds else [])


def backup_folder(folder: Path) -> Path:
    """Name where a campaign's backups go."""
    return folder.with_name(folder.name + ".backup")


def power_log(folder: Path) -> Path:
    """Name where operations are logged of a writer that is to lose power."""
    return folder.with_name("log-" + folder.name[::-1])  # the name in it would be logged, too


def perform(catalog: Catalog, op: Op, kind: Kind) -> None:
    """Do one operation."""
    if op.name == "add":
        given = None
        if not kind.embeds and op.embed:
            rows = [vector(name, version) for name, version in op.items]
            given = np.stack(rows) if rows else np.empty((0, DIM), np.float32)
        catalog.add(
            [title(name, version) for name, version in op.items],
            given,
            embed=op.embed,
            checkpoint=("import", str(op.mark).encode()) if op.mark else None,
        )
    elif op.name == "delete":
        catalog.delete(op.ids)
    elif op.name == "learn":
        learn(catalog)
    elif op.name == "put_profile":
        catalog.put_profile("some", Profile(like=tuple(islice(catalog.ids(), 3)), text="a film"))
    elif op.name == "background_seal":
        catalog.seal(wait=False)
    elif op.name == "backup":
        back_up(catalog)
    elif op.name == "repair":
        report = catalog.verify(repair=True)
        if not report.ok:
            raise RuntimeError(f"expected a repair of everything, got {report.problems}")
    else:
        getattr(catalog, op.name)()


def learn(catalog: Catalog) -> None:
    """Learn from two users, who consume the titles there are."""
    ids = list(islice(catalog.ids(), 40))
    if ids:
        catalog.learn((f"user {place % 2}", name, 1.0) for place, name in enumerate(ids))


def back_up(catalog: Catalog) -> None:
    """Back up in place of the last one."""
    target = backup_folder(catalog._store.folder)
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    catalog.backup(target)


# -- the writer ---------------------------------------------------------------------------


class Plan:
    """How a writer is to end.

    Attributes
    ----------
    kind : str
        "time", "failpoint", "file", "power": killed at a moment, and what was not synced by then
        is dropped; or "signal": an exception out of a signal handler, after which the same
        handle is used on and closed, the catalogue opened again, and only then killed.
    """

    def __init__(self, chance: random.Random) -> None:
        kinds = ["time", "failpoint", "failpoint", "file", "file", "file", "power", "power"]
        kinds += ["signal", "signal"]
        self.kind = chance.choice(kinds)
        self.after_s = chance.choice([0.02, 0.1, 0.4]) * chance.random()
        self.nth = int(10 ** chance.uniform(0, 2.9))
        self.action = chance.choice([shim.KILL_BEFORE, shim.KILL_AFTER, shim.KILL_TORN])
        # Some failpoints are rare: half of the time one of them is waited for by name.
        self.failpoint = chance.choice(FAILPOINTS) if chance.random() < 0.5 else ""
        self.failpoint_nth = int(10 ** chance.uniform(0, 0.7 if self.failpoint else 2.2))

    def set_up(self, folder: Path) -> None:
        """Prepare to be killed; called in the process that is to be."""
        if self.kind == "power":
            shim.log(f"/{folder.name}", power_log(folder))
        elif self.kind == "signal":
            signal.signal(signal.SIGALRM, _interrupt)
            signal.setitimer(signal.ITIMER_REAL, self.after_s + 1e-3)
        elif self.kind == "file":
            shim.arm(f"/{folder.name}", self.nth, self.action)
        elif self.kind == "failpoint":
            failpoints.hook = _kill_at(self.failpoint, self.failpoint_nth)


class Interrupted(BaseException):
    """Raised out of a signal handler; no failed fit, which an addition survives."""


def _interrupt(*_: object) -> None:
    raise Interrupted


def _kill_at(name: str, nth: int) -> Callable[[str], None]:
    seen = 0

    def hook(failpoint: str) -> None:
        nonlocal seen
        seen += not name or failpoint == name
        if seen == nth and (not name or failpoint == name):
            os.write(_LAST_WORDS[0], f"{json.dumps({'failpoint': failpoint})}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


_LAST_WORDS: list[int] = []


def write(
    folder: Path,
    kind: Kind,
    state: State,
    seed: int,
    plan: Plan,
    pipe: int,
    *,
    ops: int,
    repair: bool,
) -> None:
    """Open the catalogue and change it until killed, reporting each step over a pipe."""
    chance = random.Random(seed)
    _LAST_WORDS[:] = [pipe]
    plan.set_up(folder)

    def tell(**message: Any) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    catalogs: list[Catalog] = []
    try:
        tell(begin=as_dict(Op("open")))
        catalogs.append(open_catalog(folder, kind))
        tell(done=True)
        for number in range(ops):
            op = (
                Op("repair")
                if repair and not number
                else choose(chance, state, most=MOST, methods=methods(kind))
            )
            tell(begin=as_dict(op))
            if op.name == "close":
                catalogs[-1].close()
                catalogs.append(open_catalog(folder, kind))
            else:
                perform(catalogs[-1], op, kind)
            tell(done=True)
            state = apply(state, op, kind)
    except Interrupted:
        _go_on(folder, kind, catalogs)
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.kill(os.getpid(), signal.SIGKILL)


def _go_on(folder: Path, kind: Kind, catalogs: list[Catalog]) -> None:
    """Use the catalogue after an exception cut something short: nothing may hang or stay locked."""
    for catalog in catalogs[-1:]:
        with suppress(ClosedError):  # it was closing
            assert len(list(catalog.ids())) == len(catalog)
    for catalog in catalogs:
        catalog.close()
    with open_catalog(folder, kind) as again:
        assert len(list(again.ids())) == len(again)


# -- readers ------------------------------------------------------------------------------


def read(folder: Path, kind: Kind, seed: int, pipe: int) -> None:
    """Read until killed; report what no reader may see."""
    chance = random.Random(seed)
    while True:
        with suppress(NotACatalogError), open_catalog(folder, kind, read_only=True) as catalog:
            for _ in range(chance.choice([3, 30, 300])):
                for problem in _look(catalog, chance, kind):
                    os.write(pipe, json.dumps({"problem": problem}).encode() + b"\n")


def _look(catalog: Catalog, chance: random.Random, kind: Kind) -> Iterator[str]:
    first, second = pair(chance.randrange(MOST // 2))
    a, b = catalog.get_many([first, second])
    if (a is None) != (b is None) or (a and b and a.popularity != b.popularity):
        yield f"a reader saw half a change of {first} and {second}: {a and a.popularity}"
    for found in (a, b):
        if found is not None and found != title(found.id, int(found.popularity)):
            yield f"a reader saw a title that was never written: {found.id}"
    query: Any = title(first, 0).overview if kind.embeds else vector(first, 0)
    with suppress(_NotFittedError):
        catalog._current().view()  # makes documents of what changed
        for hit in _search(catalog, query):
            if hit.title != title(hit.id, int(hit.title.popularity)):
                yield f"a search found a title that was never written: {hit.id}"


class _NotFittedError(Exception):
    pass


def _search(catalog: Catalog, query: Any) -> list[Any]:
    try:
        return catalog.search(query, 5)
    except Tv5Error as error:
        # Only a writer repairs a damaged text model; everything else is a failure.
        if "fitted embedder" in str(error):
            raise _NotFittedError from error
        raise


# -- forking ------------------------------------------------------------------------------


class Child:
    """A forked process and the pipe it reports through."""

    def __init__(self, work: Callable[[int], None]) -> None:
        reading, writing_end = os.pipe()
        fcntl.fcntl(writing_end, fcntl.F_SETPIPE_SZ, 1 << 20)  # nobody empties it meanwhile
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            _run(work, writing_end)
        os.close(writing_end)
        self.pipe: BinaryIO = os.fdopen(reading, "rb", buffering=0)
        self._rest = b""

    def kill(self) -> int:
        """Kill it if it runs; return its exit status as ``waitpid`` gives it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]

    def drain(self) -> int:
        """Read what is there by now, so that the pipe never fills; return how much there was."""
        os.set_blocking(self.pipe.fileno(), False)
        while piece := self.pipe.read(1 << 20):
            self._rest += piece
        os.set_blocking(self.pipe.fileno(), True)
        return len(self._rest)

    def messages(self) -> list[dict[str, Any]]:
        """Read all there is to the end of the pipe; call it once the child is dead or dying."""
        data = self._rest + self.pipe.read()
        self.pipe.close()
        return [json.loads(line) for line in data.splitlines() if line.endswith(b"}")]


def _run(work: Callable[[int], None], pipe: int) -> NoReturn:
    try:
        work(pipe)
    except BaseException:
        error = json.dumps({"error": traceback.format_exc()}).encode() + b"\n"
        with suppress(OSError):
            os.write(pipe, error)
        os._exit(1)
    os._exit(0)


@contextmanager
def quiet() -> Iterator[None]:
    """Discard warnings about recovery, which are expected here."""
    import logging

    logger = logging.getLogger("tv5core")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
