"""serve: the whole gateway, from settings to the end of its last process."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from tv5core.catalog import Catalog
from tv5core.data import demo_titles
from tv5core.errors import InvalidInputError, NotACatalogError, Tv5Error
from tv5core.object_storage import is_url, parse_location
from tv5core.server.client_limits.shared import CLIENTS_FILE, SharedBuckets
from tv5core.server.logs import configure_logs, log
from tv5core.server.process.life import Life, run_child
from tv5core.server.process.sockets import address_of, bind_workers, bind_writer
from tv5core.server.process.supervisor import Place, Supervisor
from tv5core.server.process.worker import answer_until_stopped
from tv5core.server.process.writer_process import write_until_stopped
from tv5core.server.settings import Settings

__all__ = ["make_demo_catalog", "serve"]

_FIXED = ("host", "port", "workers", "read_only")
"""Settings that only a restart changes: sockets and processes hang on them."""


def serve(
    load: Callable[[], Settings], *, announce: Callable[[Settings, str], None] = lambda *_: None
) -> int:
    """Run a gateway until SIGTERM or SIGINT; return the exit code.

    SIGHUP reads the settings again and opens the catalogue anew: new workers start beside those
    that answer, which drain when the new ones are ready. Where they cannot start, nothing changes.

    Parameters
    ----------
    load : callable
        Reads the settings; called at the beginning and on SIGHUP.
    announce : callable
        Called with the settings and the address when requests are answered.

    Raises
    ------
    Tv5Error
        It cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="tv5-serve-", ignore_cleanup_errors=True) as made:
        folder = Path(made)  # with mode 0700, as mkdtemp makes it
        settings = _prepared(load(), folder)
        configure_logs(settings.log_level, threaded=False)
        _share_metrics(folder)
        SharedBuckets.make(folder / CLIENTS_FILE)
        gateway = _Gateway(settings, folder, load)
        with gateway.listening():
            return gateway.supervisor(announce).run()


def make_demo_catalog(folder: str | os.PathLike[str]) -> int:
    """Make the catalogue of the demo where there is none yet; return how many titles it has."""
    with Catalog.open(folder) as catalog:
        if not catalog.count():
            catalog.add(demo_titles())
            catalog.wait()
            catalog.seal()
        return catalog.count()


def _prepared(settings: Settings, folder: Path) -> Settings:
    """Return the settings with a catalogue that is there."""
    if not settings.demo:
        _check_catalog(settings)
        return settings
    default = msgspec.structs.fields(Settings)
    unnamed = settings.catalog == next(f.default for f in default if f.name == "catalog")
    catalog = str(folder / "catalog") if unnamed else settings.catalog
    _in_child(partial(make_demo_catalog, catalog))
    cache = settings.cache_path or str(folder / "cache")
    return msgspec.structs.replace(settings, catalog=catalog, cache_path=cache)


def _check_catalog(settings: Settings) -> None:
    if is_url(settings.catalog):
        _check_published(settings)
    elif not Path(settings.catalog).is_dir():
        raise NotACatalogError(f"expected a catalogue in {settings.catalog}, got no folder")


def _check_published(settings: Settings) -> None:
    where = parse_location(settings.catalog).url
    if not settings.read_only:
        raise InvalidInputError(
            f"setting read_only: expected true (--read-only) with {where}, got false: what is "
            "published is only read"
        )
    if settings.snapshot_path is None:
        raise InvalidInputError(
            f"setting snapshot_path: expected a folder for the snapshots of {where}, got none"
        )


def _in_child(work: Callable[[], object]) -> None:
    """Do work in a child, so that this process starts no threads and opens nothing."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - nothing may run the parent's code
            sys.stderr.write(f"tv5: {error}\n")
            sys.stderr.flush()
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise Tv5Error("expected a catalogue for the demo, got the error above")


def _share_metrics(folder: Path) -> None:
    """Have Prometheus' client keep its figures in files, which add up over processes."""
    metrics = folder / "metrics"
    metrics.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    if "prometheus_client" in sys.modules:  # then it chose where to keep them as it was imported
        from prometheus_client import values

        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


@dataclass
class _Gateway:
    """Sockets and places of one gateway."""

    settings: Settings
    folder: Path
    load: Callable[[], Settings]

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hold the sockets."""
        given = self.settings
        self.workers = bind_workers(given.host, given.port, given.workers)
        self.writer = None if given.read_only else bind_writer(self.folder)
        self.address = address_of(self.workers[0])
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening, as far as this process is concerned."""
        for bound in self.workers:
            bound.close()

    def supervisor(self, announce: Callable[[Settings, str], None]) -> Supervisor:
        """Return the supervisor of all processes."""
        places = [self._place(n, bound) for n, bound in enumerate(self.workers, 1)]
        if self.writer is not None:
            places.insert(0, Place("writer", self._write, alone=True))
        return Supervisor(
            places,
            drain_s=self.settings.drain_s,
            on_ready=lambda: announce(self.settings, self.address),
            on_stop=self.close,
            on_reload=self._reload,
            on_end=_forget_metrics,
            beat_timeout_s=self.settings.heartbeat_timeout_s,
        )

    def _place(self, number: int, bound: socket.socket) -> Place:
        place = Place(f"worker {number}", lambda status: self._work(place, bound, status))
        return place

    def _reload(self) -> None:
        loaded, held = self.load(), self.settings
        if held.demo:  # it stays where it was made
            loaded = msgspec.structs.replace(
                loaded, catalog=held.catalog, cache_path=held.cache_path
            )
        for name in _FIXED:
            if getattr(loaded, name) != getattr(held, name):
                log.warning("%s changes only with a restart", name)
        fixed = {name: getattr(held, name) for name in _FIXED}
        _check_catalog(loaded)
        self.settings = msgspec.structs.replace(loaded, **fixed)
        configure_logs(self.settings.log_level, threaded=False)

    # -- in a child ---------------------------------------------------------------------------

    def _work(self, place: Place, bound: socket.socket, status: int) -> int:
        for other in self.workers:
            if other is not bound:
                other.close()
        path = None
        if self.writer is not None:
            self.writer.close()
            path = self.folder / "writer.sock"
        silent_s = place.silent_s
        return self._run(
            lambda life: answer_until_stopped(
                life, self.settings, bound, self.folder, path, silent_s=silent_s
            ),
            status,
        )

    def _write(self, status: int) -> int:
        self.close()
        assert self.writer is not None
        bound = self.writer
        return self._run(
            lambda life: write_until_stopped(
                life, self.settings.catalog, bound, self.settings.vectors_url
            ),
            status,
        )

    def _run(self, main: Callable[[Life], object], status: int) -> int:
        handler = configure_logs(self.settings.log_level, threaded=True)
        try:
            return run_child(main, status)  # type: ignore[arg-type]
        finally:
            handler.close()


def _forget_metrics(pid: int) -> None:
    """Drop the gauges of an ended process from the sums, as ``mark_process_dead`` does.

    Without Prometheus' client, which this process must not import: it forks.
    """
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)
