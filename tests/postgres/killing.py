"""Kills a primary, its replica or the syncing process under writes, and compares afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.postgres.conftest import MAPPING, TABLE, fill
from tests.postgres.server import PostgresServer, wait_for
from tv5core.catalog import Catalog
from tv5core.errors import Tv5Error

__all__ = ["KINDS", "Killing", "Round"]

KINDS = ("sync", "primary", "replica", "failover")
"""What is killed: the process that syncs, a server that starts again, or for good."""
_WEIGHTS = (4, 3, 2, 1)
_COLUMNS = "film_id, name, coalesce(plot, '')"
_MOST = 2_000
_PATIENCE_S = 90.0
_RUN = "from tv5core.cli import main; main()"


@dataclass(frozen=True)
class Round:
    """What one round showed.

    ``current_s`` is from the end of the writes until the catalogue had them all.
    """

    killed: str
    writes: int
    refused: int
    titles: int
    current_s: float
    wrong: int


class Killing:
    """Two servers, a process that follows them, and the catalogue that it writes.

    Parameters
    ----------
    folder : Path
    draw : random.Random
    """

    def __init__(self, folder: Path, draw: random.Random) -> None:
        self._draw, self._folder = draw, folder
        self._primary, self._replica = PostgresServer(), PostgresServer()
        self._mapping = folder / "mapping.toml"
        self._mapping.write_text(MAPPING)
        self._sync: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything; the first load is of 300 rows."""
        self._primary.make().sql(TABLE)
        fill(self._primary, 300)
        self._replica.make_replica_of(self._primary)
        self._start_sync()
        wait_for(self._is_current, _PATIENCE_S)

    def stop(self) -> None:
        """End everything."""
        self._kill_sync()
        self._primary.close()
        self._replica.close()

    def round(self, kind: str | None = None) -> Round:
        """Write, kill something meanwhile, start it again, and compare."""
        killed = kind or self._draw.choices(KINDS, _WEIGHTS)[0]
        stop, counts = threading.Event(), [0, 0]
        writer = threading.Thread(target=self._write, args=(stop, counts, self._draw.random()))
        writer.start()
        time.sleep(self._draw.uniform(0.1, 1.0))  # anywhere in what goes on
        getattr(self, f"_{killed}_killed")()
        time.sleep(self._draw.uniform(0.0, 0.3))
        stop.set()
        writer.join()
        started = time.monotonic()
        wrong = 0
        try:
            wait_for(self._is_current, _PATIENCE_S)
        except AssertionError:
            wrong = len(self._theirs() ^ self._ours())
        return Round(
            killed, *counts, len(self._theirs()), round(time.monotonic() - started, 2), wrong
        )

    # -- what is killed -------------------------------------------------------------------

    def _sync_killed(self) -> None:
        self._kill_sync()
        self._start_sync()

    def _primary_killed(self) -> None:
        self._primary.kill()
        self._primary.start()

    def _replica_killed(self) -> None:
        self._replica.kill()
        self._replica.start()

    def _failover_killed(self) -> None:
        self._primary.kill()
        self._primary.close()
        self._replica.promote()
        self._primary, self._replica = self._replica, PostgresServer()
        self._replica.make_replica_of(self._primary)
        self._kill_sync()  # its connection string names the old pair
        self._start_sync()

    # -- the process ----------------------------------------------------------------------

    def _start_sync(self) -> None:
        ports = f"{self._primary.port},{self._replica.port}"
        dsn = f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=postgres"
        with (self._folder / "sync.log").open("ab") as log:
            self._sync = subprocess.Popen(
                [sys.executable, "-c", _RUN, "sync", "postgres", "--follow", "--map",
                 str(self._mapping), "--catalog", str(self._folder / "films")],
                env={**os.environ, "TV5_POSTGRES_DSN": dsn},
                stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip

    def _kill_sync(self) -> None:
        if self._sync is not None:
            self._sync.send_signal(signal.SIGKILL)
            self._sync.wait()

    # -- writes ---------------------------------------------------------------------------

    def _write(self, stop: threading.Event, counts: list[int], seed: float) -> None:
        draw = random.Random(seed)
        while not stop.is_set():
            try:
                with psycopg.connect(
                    self._primary.dsn, autocommit=True, connect_timeout=2
                ) as there:
                    while not stop.is_set():
                        self._change(there, draw)
                        counts[0] += 1
            except (psycopg.Error, OSError):
                counts[1] += 1
                stop.wait(0.02)

    def _change(self, there: psycopg.Connection[tuple[object, ...]], draw: random.Random) -> None:
        """Change some rows in one transaction."""
        with there.transaction():
            for _ in range(draw.randint(1, 4)):
                at, word = draw.randrange(_MOST), f"Name {draw.randrange(10**9)}"
                if draw.random() < 0.3:
                    there.execute("DELETE FROM films WHERE film_id = %s", (at,))
                else:
                    there.execute(
                        "INSERT INTO films (film_id, name, what) VALUES (%s, %s, 'movie')"
                        " ON CONFLICT (film_id) DO UPDATE SET name = excluded.name",
                        (at, word),
                    )

    # -- what is compared -----------------------------------------------------------------

    def _is_current(self) -> bool:
        if self._sync is not None and self._sync.poll() is not None:
            raise RuntimeError(f"the sync ended: {(self._folder / 'sync.log').read_text()[-500:]}")
        return self._ours() == self._theirs()

    def _theirs(self) -> set[tuple[str, str, str]]:
        rows = self._primary.sql(f"SELECT {_COLUMNS} FROM films")
        return {(f"own:{number}", name, plot) for number, name, plot in rows}

    def _ours(self) -> set[tuple[str, str, str]]:
        try:
            with Catalog.open(self._folder / "films", create=False, read_only=True) as catalog:
                titles = catalog.get_many(list(catalog.ids()))
                return {(t.id, t.title, t.overview) for t in titles if t is not None}
        except Tv5Error:  # not made yet
            return set()

    def verify(self) -> list[str]:
        """Return what is wrong with the catalogue, once nobody writes."""
        self._kill_sync()
        with Catalog.open(self._folder / "films", create=False) as catalog:
            return [str(problem) for problem in catalog.verify().problems]
