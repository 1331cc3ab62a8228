"""``tv5 verify``: check a catalogue, and repair it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tv5core.catalog import Catalog
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
)
from tv5core.errors import InvalidInputError
from tv5core.store import VerifyReport

__all__ = ["COMMANDS"]


def verify(
    catalog: CatalogOption = DEFAULT_CATALOG,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Rebuild what can be rebuilt, then check again."),
    ] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            help="With --repair: move titles that cannot be read into this file of JSON Lines.",
            metavar="FILE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file, title and vector, and the graph; exit code 1 if anything is wrong.

    With --repair, the exit code says whether anything is wrong afterwards. Sound titles and
    vectors are never touched: the rest is made from them.
    """
    if quarantine is not None and not repair:
        raise InvalidInputError("expected --quarantine together with --repair, got it alone")
    with (
        Catalog.open(catalog, create=False, read_only=not repair, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        found = opened.verify(progress=report, repair=repair, quarantine=quarantine)
    if as_json:
        print_json(found)
    else:
        _print_report(found)
    if not found.ok:
        raise typer.Exit(1)


def _print_report(found: VerifyReport) -> None:
    for done in found.repaired:
        print(f"repaired: {done}")
    for problem in found.problems:
        print(problem)
    for note in found.notes:
        print_status(note)
    checked = ", ".join(f"{count:,} {name}" for name, count in found.checked.items())
    print_status(f"{'sound' if found.ok else 'NOT sound'}: checked {checked}")


COMMANDS = (verify,)
