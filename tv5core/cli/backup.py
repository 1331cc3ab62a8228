"""``tv5 backup``, ``restore``, ``snapshots``: copy a catalogue, bring a copy back, publish it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tv5core.catalog import BackupReport, Catalog
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
    results,
    size,
)
from tv5core.errors import InvalidInputError
from tv5core.object_storage import is_url
from tv5core.snapshots import PruneReport, SnapshotInfo, list_snapshots, prune_snapshots

__all__ = ["COMMANDS"]

KeepOption = Annotated[
    int | None, typer.Option("--keep", min=1, help="Then remove all but so many newest snapshots.")
]
KeepHoursOption = Annotated[
    float,
    typer.Option(
        "--keep-hours", min=0.0, help="With --keep: and those that served within so many hours."
    ),
]


def backup(
    dest: Annotated[
        str,
        typer.Argument(
            help="A new or an empty folder, or a URL such as s3://bucket/films.", metavar="DEST"
        ),
    ],
    catalog: CatalogOption = DEFAULT_CATALOG,
    compact: Annotated[
        bool, typer.Option("--compact", help="Leave out free space: smaller, a little slower.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check/--no-check", help="Verify the copy before it gets its name."),
    ] = True,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="At a URL: also after another catalogue, or a later state."),
    ] = False,
    keep: KeepOption = None,
    keep_hours: KeepHoursOption = 24.0,
    as_json: AsJson = False,
) -> None:
    """Copy the catalogue as it is now, also while it is searched and written to.

    In a folder, the copy is a catalogue by itself; interrupted, nothing of it is left. At a URL it
    is the next snapshot for readers to follow; interrupted, the next run goes on from there.
    """
    if keep is not None and not is_url(dest):
        raise InvalidInputError("expected --keep with a URL only, got it for a folder")
    with (
        Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.backup(dest, compact=compact, check=check, progress=report, replace=replace)
    pruned = None if keep is None else prune_snapshots(dest, keep=keep, keep_s=keep_hours * 3600)
    if as_json:
        print_json(done)
        return
    print_status(_told(done, checked=check))
    if pruned is not None:
        print_status(_told_pruned(pruned))


def _told(done: BackupReport, *, checked: bool) -> str:
    what = f"{done.titles:,} titles, checked" if checked else "NOT checked"
    if not done.snapshot:
        return f"backed up to {done.path}: {size(done.bytes)}, {what}"
    new = f"{size(done.sent_bytes)} of them new" if done.sent_bytes else "nothing new"
    return f"snapshot {done.snapshot} at {done.path}: {size(done.bytes)}, {new}; {what}"


def _told_pruned(report: PruneReport) -> str:
    return (
        f"removed {len(report.snapshots)} snapshots, {report.kept} are left; "
        f"{report.chunks:,} chunks, {size(report.bytes)}"
    )


def restore(
    source: Annotated[
        str,
        typer.Argument(help="What `backup` or `export` made: a folder or a URL.", metavar="BACKUP"),
    ],
    dest: Annotated[Path, typer.Argument(help="A new or an empty folder.", metavar="DIR")],
    snapshot: Annotated[
        int | None, typer.Option(min=1, help="From a URL: its number; the newest by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a catalogue of a backup, an export or a snapshot, after checking all of it.

    Nothing is overwritten. Interrupted, nothing of it is left; from a URL, the next run goes on
    from there.
    """
    with progress(quiet=as_json) as report:
        done = Catalog.restore(source, dest, progress=report, snapshot=snapshot)
    if as_json:
        print_json(done)
    else:
        print_status(f"restored {done.titles:,} titles to {done.path}: {size(done.bytes)}, checked")


def snapshots(
    url: Annotated[str, typer.Argument(help="Such as s3://bucket/films.")],
    keep: KeepOption = None,
    keep_hours: KeepHoursOption = 24.0,
    as_json: AsJson = False,
) -> None:
    """List what is published at a URL; with --keep, remove what is old first.

    Readers have their snapshots on their own disks: none loses what it reads.
    """
    if not is_url(url):
        raise InvalidInputError(f"expected a URL such as s3://bucket/films, got {url!r}")
    pruned = None if keep is None else prune_snapshots(url, keep=keep, keep_s=keep_hours * 3600)
    found = list_snapshots(url)
    if as_json:
        print_json({"snapshots": found, "pruned": pruned})
        return
    _print_snapshots(found)
    if pruned is not None:
        print_status(_told_pruned(pruned))


def _print_snapshots(found: list[SnapshotInfo]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("snapshot", "published", "titles", "size", "new"):
        table.add_column(name, justify="left" if name == "published" else "right")
    for one in found:
        when = datetime.fromtimestamp(one.published_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        titles = f"{one.titles:,}" if one.titles else "?"
        table.add_row(str(one.number), when, titles, size(one.bytes), size(one.new_bytes))
    results().print(table)


COMMANDS = (backup, restore, snapshots)
