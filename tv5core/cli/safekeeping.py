"""``tv5 verify``, ``backup``, ``restore`` and ``export``: keep a catalogue safe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tv5core.catalog import Catalog
from tv5core.cli.browse import DEFAULT_CATALOG
from tv5core.cli.output import AsJson, CatalogOption, print_json, progress, size, tell
from tv5core.errors import InvalidInputError
from tv5core.store import VerifyReport

__all__ = ["COMMANDS"]

_STDOUT = Path("-")


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

    With --repair, the exit code tells whether anything is wrong afterwards. Sound titles and
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
        _print_findings(found)
    if not found.ok:
        raise typer.Exit(1)


def _print_findings(found: VerifyReport) -> None:
    for done in found.repaired:
        print(f"repaired: {done}")
    for problem in found.problems:
        print(problem)
    checked = ", ".join(f"{count:,} {name}" for name, count in found.checked.items())
    tell(f"{'sound' if found.ok else 'NOT sound'}: checked {checked}")


def backup(
    dest: Annotated[Path, typer.Argument(help="A new or an empty folder.", metavar="DIR")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    compact: Annotated[
        bool, typer.Option("--compact", help="Leave out free space: smaller, a little slower.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check/--no-check", help="Verify the copy before it gets its name."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Copy the catalogue as it is now, also while it is searched and written to.

    The copy is a catalogue by itself. Interrupted, nothing of it is left.
    """
    with (
        Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.backup(dest, compact=compact, check=check, progress=report)
    if as_json:
        print_json(done)
        return
    what = f"{done.titles:,} titles, checked" if check else "NOT checked"
    tell(f"backed up to {done.path}: {size(done.bytes)}, {what}")


def restore(
    source: Annotated[
        Path, typer.Argument(help="What `backup` or `export` made.", metavar="BACKUP")
    ],
    dest: Annotated[Path, typer.Argument(help="A new or an empty folder.", metavar="DIR")],
    as_json: AsJson = False,
) -> None:
    """Make a catalogue of a backup or of an export, after checking all of it.

    Nothing is overwritten. Interrupted, nothing of it is left.
    """
    with progress(quiet=as_json) as report:
        done = Catalog.restore(source, dest, progress=report)
    if as_json:
        print_json(done)
    else:
        tell(f"restored {done.titles:,} titles to {done.path}: {size(done.bytes)}, checked")


def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE.jsonl|-",
            help="A new folder for all of the catalogue; a .jsonl file, or - for standard output, "
            "for the titles alone.",
        ),
    ],
    catalog: CatalogOption = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Write titles as JSON Lines and vectors as .npy, as they are at one moment.

    A folder holds titles.jsonl, vectors.npy (float32), ids.txt (of their rows) and what else
    `tv5 restore` needs to make an equal catalogue of it.
    """
    if output == _STDOUT and as_json:
        raise InvalidInputError("expected --json without --output -, got both")
    with (
        Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        if output == _STDOUT:
            _to_stdout(opened)
            return
        done = opened.export(output, progress=report)
    if as_json:
        print_json(done)
    else:
        tell(
            f"exported {done.titles:,} titles and {done.vectors:,} vectors to {done.path}: "
            f"{size(done.bytes)}"
        )


def _to_stdout(opened: Catalog) -> None:
    try:
        opened.export_lines(sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has had enough; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


COMMANDS = (verify, backup, restore, export)
