"""``tv5 info``, ``verify`` and ``seal``: look after a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.cli.browse import DEFAULT_CATALOG
from tv5core.cli.output import AsJson, CatalogOption, print_json, progress, results, tell

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
            rows.append((name, _told(value)))
    return rows


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def verify(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Check every file, title and vector; exit code 1 if anything is wrong."""
    with (
        Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        found = opened.verify(progress=report)
    if as_json:
        print_json(found)
    else:
        for problem in found.problems:
            print(problem)
        checked = ", ".join(f"{count:,} {name}" for name, count in found.checked.items())
        tell(f"{'sound' if found.ok else 'NOT sound'}: checked {checked}")
    if not found.ok:
        raise typer.Exit(1)


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
        tell(f"sealed {facts['vectors']:,} vectors of {facts['titles']:,} titles")


COMMANDS = (info, verify, seal)
