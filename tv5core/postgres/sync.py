"""PostgresSync: a table's rows in a catalogue, loaded once and followed from then on.

Each batch of transactions is stored in one transaction of the catalogue, together with the
position in the log up to which it reaches. The slot is moved behind that, so a crash between the
two replays transactions, and these are recognised by their position: nothing is lost, and nothing
is seen twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from threading import Event
from typing import Literal

import msgspec

from tv5core.backoff import Backoff
from tv5core.errors import InvalidInputError, PostgresError, PostgresUnavailableError
from tv5core.postgres.checkpoint import Checkpoint, decode_checkpoint
from tv5core.postgres.connection import Connection, Connector, translated
from tv5core.postgres.following import Follower
from tv5core.postgres.loading import load
from tv5core.postgres.mapping import TableMapping
from tv5core.postgres.polling import Poller
from tv5core.postgres.report import PostgresReport, ReportProgress, Sink
from tv5core.postgres.slot import NoLogError, Slot
from tv5core.postgres.table import describe
from tv5core.types import Progress

__all__ = ["Mode", "PostgresSync"]

Mode = Literal["auto", "log", "polling"]
_IDENTITY = """
SELECT current_database()::text, (SELECT system_identifier::text FROM pg_control_system())
"""
_MAX_PAUSE_S = 5.0
"""Between attempts to reach a server that is gone."""


class PostgresSync:
    """Keeps a catalogue equal to a table.

    Parameters
    ----------
    sink : Sink
    dsn : str
    mapping : TableMapping
    mode : "auto", "log" or "polling"
        ``auto`` reads the log where it may, else polls if the mapping names ``updated_at``.
    jobs : int
        Connections that copy during the first load.
    max_outage_s : float
        Seconds without a server before it is an error.
    progress : callable, optional
        Takes the report, now and then.
    embed_progress : callable, optional

    Raises
    ------
    InvalidInputError
        The connection string cannot be read, or a value is out of range.
    """

    def __init__(
        self,
        sink: Sink,
        dsn: str,
        mapping: TableMapping,
        *,
        mode: Mode = "auto",
        jobs: int = 2,
        max_outage_s: float = 300.0,
        progress: ReportProgress | None = None,
        embed_progress: Progress | None = None,
    ) -> None:
        if not 1 <= jobs <= 32 or not max_outage_s >= 0:
            raise InvalidInputError(
                f"expected 1 to 32 jobs and max_outage_s from 0, got {jobs} and {max_outage_s}"
            )
        if mode == "polling" and not mapping.updated_at:
            raise InvalidInputError("expected updated_at in the mapping for polling, got none")
        self._sink, self._mapping, self._mode, self._jobs = sink, mapping, mode, jobs
        self._connector = Connector(dsn)
        self._max_outage_s, self._embed_progress = max_outage_s, embed_progress
        self._progress = progress or (lambda _: None)
        self.report = PostgresReport()
        self._key = f"sync:postgres:{'.'.join(mapping.name)}"
        self._primary: Connection | None = None
        self._source: Follower | Poller | None = None

    # -- running --------------------------------------------------------------------------

    def run(self, stop: Event | None = None, *, follow_s: float | None = None) -> PostgresReport:
        """Bring the catalogue up to date; with ``follow_s`` go on, looking so often, until stopped.

        Raises
        ------
        PostgresError
            What was stored stays, and the next run goes on from there.
        """
        started = time.monotonic()
        stop = stop or Event()
        try:
            self._open()  # what is wrong from the start is not retried
            while not stop.is_set():
                if not self._retried(self._step, stop) and not stop.is_set():
                    if follow_s is None:
                        break
                    self._retried(lambda: self._wait(follow_s, stop), stop)
                self.report.seconds = time.monotonic() - started
                self._progress(self.report)
        finally:
            self.report.seconds = time.monotonic() - started
            self.close()
        return self.report

    def close(self) -> None:
        """Close the connections; the slot stays."""
        with suppress(Exception):
            if isinstance(self._source, Poller):
                self._source.close()
        with suppress(Exception):
            if self._primary is not None:
                self._primary.close()
        self._primary = self._source = None

    def forget(self) -> bool:
        """Remove slot and publication there, and the checkpoint's progress; titles stay.

        A slot that nobody reads keeps the server's log for ever. Returns whether there was one.
        """
        found = decode_checkpoint(self._sink.checkpoint(self._key))
        if found is None:
            return False
        with self._connector.primary() as connection:
            slot = Slot(connection, found.slot, found.publication)
            dropped = slot.drop()
            if not self._mapping.publication:
                slot.drop_publication()
        self._sink.apply([], [], embed=False, checkpoint=(self._key, b""))
        return dropped

    def reload(self) -> None:
        """Have the next run load all rows again."""
        found = decode_checkpoint(self._sink.checkpoint(self._key))
        if found is not None:
            self._save(msgspec.structs.replace(found, phase="loading", mapping=""))

    def _step(self) -> bool:
        if self._source is None:
            self._open()
        return self._source.step() if self._source is not None else False

    def _wait(self, seconds: float, stop: Event) -> bool:
        if isinstance(self._source, Poller):
            self._source.wait(seconds)
        else:
            stop.wait(seconds)
        return True

    def _retried(self, call: Callable[[], bool], stop: Event) -> bool:
        """Call; where the server is lost, connect again for as long as an outage may last."""
        pauses = Backoff(0.05, _MAX_PAUSE_S).pauses()
        deadline = time.monotonic() + self._max_outage_s
        while True:
            try:
                return call()
            except PostgresUnavailableError:
                self.close()
                if time.monotonic() > deadline or stop.is_set():
                    raise
                self.report.reconnects += 1
                stop.wait(next(pauses))

    # -- opening --------------------------------------------------------------------------

    def _open(self) -> None:
        self.close()
        self._primary = self._connector.primary()
        table = describe(self._primary, self._mapping)
        checkpoint = self._begun()
        slot = Slot(self._primary, checkpoint.slot, checkpoint.publication)
        lsn = self._slot_position(slot) if table.is_table else None
        checkpoint = self._begun()  # which says so where the slot was lost
        if not table.is_table and not self._mapping.updated_at:
            raise InvalidInputError(
                "expected a table, or updated_at in the mapping, got the view "
                f"{self._mapping.table}"
            )
        if lsn is not None:
            table.check_key(self._mapping)
        wanted = "polling" if lsn is None else "log"
        self.report.mode = wanted
        if checkpoint.phase != wanted:
            checkpoint = self._load(checkpoint, lsn)
        self.report.stage = "embedding"
        self._embed()
        self.report.stage = "following"
        self._source = self._made(slot, checkpoint)

    def _made(self, slot: Slot, checkpoint: Checkpoint) -> Follower | Poller:
        if checkpoint.phase == "polling" or self._primary is None:
            return Poller(
                self._connector, self._sink, self._mapping, self._key, checkpoint, self.report
            )
        return Follower(
            self._primary, slot, self._sink, self._mapping, self._key, checkpoint, self.report
        )

    def _slot_position(self, slot: Slot) -> int | None:
        """Return where the slot stands, made where needed; None where rows are to be polled."""
        if self._mode == "polling":
            return None
        try:
            there = slot.position()
            if there is None:
                # Never made; or lost: with its server, or with the log it was to keep.
                slot.drop()
                self._save(msgspec.structs.replace(self._begun(), phase="loading"))
                there = slot.make(self._mapping)
        except NoLogError:
            if self._mode == "log" or not self._mapping.updated_at:
                raise
            return None
        return there

    def _begun(self) -> Checkpoint:
        """Return the checkpoint, stored before anything is made over there."""
        system, database = self._identity()
        found = decode_checkpoint(self._sink.checkpoint(self._key))
        if found is None:
            name = f"tv5_{self._mapping.name[1].lower()[:30]}_{token_hex(4)}"
            name = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
            found = Checkpoint(
                system=system,
                database=database,
                slot=self._mapping.slot or name,
                publication=self._mapping.publication or name,
            )
        elif (found.system, found.database) != (system, database):
            raise PostgresError(
                f"expected database {found.database} of cluster {found.system}, whose rows this "
                f"catalogue has, got {database} of {system}: use another catalogue, or --forget"
            )
        if found.mapping != self._mapping.digest:
            found = msgspec.structs.replace(found, phase="loading", mapping=self._mapping.digest)
        self._save(found)
        return found

    def _identity(self) -> tuple[str, str]:
        assert self._primary is not None
        with translated("say which server it is"):
            row = self._primary.execute(_IDENTITY).fetchone()
        return (str(row[1]), str(row[0])) if row else ("", "")

    def _load(self, checkpoint: Checkpoint, lsn: int | None) -> Checkpoint:
        """Load all rows; what interrupts it has it begin anew, past what is stored already."""
        # Of an earlier phase: its slot's place is that of this load.
        if checkpoint.phase != "loading":
            checkpoint = msgspec.structs.replace(checkpoint, phase="loading")
            self._save(checkpoint)
        self.report.stage = "loading"
        loaded = load(
            self._connector, self._sink, self._mapping, lsn or 0, self._jobs, self.report,
            lambda: self._progress(self.report),
        )  # fmt: skip
        done = msgspec.structs.replace(
            checkpoint,
            phase="polling" if lsn is None else "log",
            lsn=lsn or 0,
            snapshot=loaded.snapshot if lsn is not None else "",
            cursor=loaded.newest,
        )
        stored = (self._key, done.encode())
        self.report.deleted += self._sink.apply(
            [], loaded.stale, embed=False, checkpoint=stored
        ).deleted
        return done

    def _embed(self) -> None:
        started = time.monotonic()
        self._progress(self.report)
        if self._sink.embed_pending(self._embed_progress):
            self.report.embed_s += time.monotonic() - started

    def _save(self, checkpoint: Checkpoint) -> None:
        if self._sink.checkpoint(self._key) != checkpoint.encode():
            self._sink.apply([], [], embed=False, checkpoint=(self._key, checkpoint.encode()))
