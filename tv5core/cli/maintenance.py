"""``tv5 info``, ``seal``, ``optimize`` and ``upgrade``: look after a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
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

__all__ = ["COMMANDS"]


def info(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Say what the catalogue holds and what it takes."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        facts = opened.info()
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value in _flat(facts):
        table.add_row(name, Text(value))
    results().print(table)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in facts.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows.extend(_flat(value, f"{name}: "))
        else:
            rows.append((name, _printable(value)))
    return rows


def _printable(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def seal(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Build the graph over all titles, so that searches need not scan recent ones."""
    with (
        Catalog.open(catalog, create=False, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        opened.seal(progress=report)
        facts = opened.info()
    if as_json:
        print_json(facts)
    else:
        print_status(f"sealed {facts['vectors']:,} vectors of {facts['titles']:,} titles")


def optimize(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Drop what deletions and replacements left: rows of the graph, old journal, stray files."""
    with (
        Catalog.open(catalog, create=False, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.optimize(progress=report)
    if as_json:
        print_json(done)
        return
    print_status(
        f"dropped {done.removed_rows:,} removed rows, {done.journal_entries:,} journal entries, "
        f"{done.old_vectors:,} vectors of earlier embeddings and {len(done.files):,} files"
    )
    print_status(
        f"{size(done.bytes_before)} before, {size(done.bytes_after)} now, of which "
        f"{size(done.reusable_bytes)} are free for new titles"
    )


def upgrade(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Bring a catalogue of an earlier format up to the present one: checksums, index files.

    It works without as well, and `seal` does the same. Interrupted, it continues where it ended.
    """
    with (
        Catalog.open(catalog, create=False, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.upgrade(progress=report)
    if as_json:
        print_json(done)
        return
    index = "the index was built again" if done.rebuilt else "the index is as it was"
    print_status(f"format {done.format}: {done.checksums:,} checksums added, {index}")
    if done.damaged:
        print_status(f"{done.damaged:,} damaged values are as they were: see `tv5 verify`")
        raise typer.Exit(1)


COMMANDS = (info, seal, optimize, upgrade)
