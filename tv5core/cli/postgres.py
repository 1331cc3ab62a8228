"""What ``tv5 sync postgres`` does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import msgspec
import typer

from tv5core.catalog import Catalog
from tv5core.cli.catalog_sink import CatalogSink
from tv5core.cli.output import print_json, print_status, progress
from tv5core.errors import InvalidInputError
from tv5core.postgres.mapping import load_mapping
from tv5core.postgres.report import PostgresReport
from tv5core.postgres.sync import Mode, PostgresSync

__all__ = ["PostgresPlan", "sync_postgres"]

_LINE_EVERY_S = 10.0


@dataclass(frozen=True)
class PostgresPlan:
    """The options of ``tv5 sync postgres``, as they were given."""

    dsn: str | None
    mapping: Path | None
    mode: Mode
    jobs: int
    follow: bool
    reload: bool
    forget: bool


def sync_postgres(catalog: Path, plan: PostgresPlan, *, seal: bool, as_json: bool) -> None:
    """Bring a catalogue up to date with a table, and follow it where asked to.

    Raises
    ------
    InvalidInputError
        Options or the mapping are wrong.
    PostgresError
    """
    if plan.dsn is None or plan.mapping is None:
        raise InvalidInputError(
            "expected --dsn (or TV5_POSTGRES_DSN) and --map with postgres, got neither or one"
        )
    with Catalog.open(catalog) as opened:
        mapping = load_mapping(plan.mapping, opened.extra_fields)
        with progress(quiet=as_json) as embedding:
            sync = PostgresSync(
                CatalogSink(opened), plan.dsn, mapping, mode=plan.mode, jobs=plan.jobs,
                progress=_teller(quiet=as_json, follow=plan.follow, as_json=as_json),
                embed_progress=embedding,
            )  # fmt: skip
            if plan.forget:
                _forget(sync)
                return
            if plan.reload:
                sync.reload()
            with _stopped_by_signals() as stop:
                report = sync.run(stop, follow_s=0.1 if plan.follow else None)
            if seal and not plan.follow:
                opened.seal(progress=embedding)
        total = opened.count()
    if as_json:
        print_json({"titles": total, **msgspec.structs.asdict(report)})
    else:
        _print(report, total)


def _forget(sync: PostgresSync) -> None:
    found = sync.forget()
    print_status("the slot is removed" if found else "there was no slot of this catalogue")


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Have Ctrl-C and a service manager end the work after the batch at hand."""
    stop = Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _teller(*, quiet: bool, follow: bool, as_json: bool) -> Callable[[PostgresReport], None]:
    """Return what prints a line every ten seconds: words, or JSON while following."""
    printed = time.monotonic()

    def tell(report: PostgresReport) -> None:
        nonlocal printed
        if time.monotonic() - printed < _LINE_EVERY_S:
            return
        printed = time.monotonic()
        if as_json and follow:
            print_json(report)
        elif not quiet:
            print_status(_line(report))

    return tell


def _line(report: PostgresReport) -> str:
    return (
        f"{report.stage}: {report.rows:,} rows loaded, {report.added:,} new, "
        f"{report.updated:,} updated, {report.deleted:,} removed; {report.lag_s:.1f} s behind"
    )


def _print(report: PostgresReport, total: int) -> None:
    for reject in report.rejects:
        print_status(f"no title: {reject}")
    print_status(f"{_line(report)}, in {report.seconds:.1f} s")
    if report.rejected:
        print_status(f"{report.rejected:,} rows are no titles")
    print_status(f"the catalogue holds {total:,} titles")
    if report.rows and report.rejected == report.rows:
        raise typer.Exit(1)
