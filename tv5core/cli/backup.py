"""``tv5 backup`` and ``restore``: copy a catalogue, and bring a copy back."""

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
    size,
)

__all__ = ["COMMANDS"]


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
    print_status(f"backed up to {done.path}: {size(done.bytes)}, {what}")


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
        print_status(f"restored {done.titles:,} titles to {done.path}: {size(done.bytes)}, checked")


COMMANDS = (backup, restore)
