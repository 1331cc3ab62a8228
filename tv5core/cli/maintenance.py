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
from tv5core.vectors.settings import WIDEST_POOL

__all__ = ["COMMANDS"]


def info(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Say what the catalogue holds, what it takes, and whether texts can be searched."""
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        facts = opened.info()
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _described(facts).items():
        if value:
            table.add_row(name, Text(value))
    results().print(table)


def _described(facts: Mapping[str, Any]) -> dict[str, str]:
    """Describe a catalogue to people: in words and units, and only what there is."""
    return {
        "catalogue": facts["path"],
        "titles": _titles(facts),
        "text search": _text_search(facts),
        "vectors": _vectors(facts),
        "second space": _second_space(facts["second_space"]),
        "index": _index(facts),
        "search": _settings(facts["settings"]),
        "search by text": _settings(facts["text_settings"]),
        "on disk": f"{size(facts['bytes_on_disk'])}, of which {size(facts['reusable_bytes'])} "
        "are free for new titles",
        "files": ", ".join(f"{name} {size(count)}" for name, count in facts["files"].items()),
        "recovered": "; ".join(facts["recovered"]),
        "disk failure": facts["failure"],
    }


def _titles(facts: Mapping[str, Any]) -> str:
    parts = [f"{facts['titles']:,}"]
    if facts["pending"]:
        parts.append(f"{facts['pending']:,} wait to be embedded (`tv5 seal`)")
    if facts["without_text"]:
        parts.append(f"{facts['without_text']:,} without text or vector")
    return ", ".join(parts)


def _text_search(facts: Mapping[str, Any]) -> str:
    text = facts["text_search"]
    if not text["ready"]:
        return f"not ready: {text['reason']}"
    fitted = facts["fitted_on"]
    by = f"an embedder fitted on {fitted:,} titles" if fitted else facts["embedder"]
    return f"ready, by {by}" + (f"; {text['reason']}" if text["reason"] else "")


def _vectors(facts: Mapping[str, Any]) -> str:
    if not facts["vectors"]:
        return "none"
    kinds = f"{facts['dim']:,} dimensions, {facts['metric']}, {stored_rows(facts)}"
    return f"{facts['vectors']:,} of {kinds}"


def _second_space(facts: Mapping[str, Any]) -> str:
    if not facts:
        return ""
    parts = [f"{facts['vectors']:,} of {facts['dim']:,} dimensions, by {facts['embedder']}"]
    if facts["changes_waiting"] and facts["complete"]:
        parts.append("changes wait to be embedded (`tv5 embed`)")
    if facts["reason"]:
        parts.append(f"not used: {facts['reason']}")
    return "; ".join(parts)


def _index(facts: Mapping[str, Any]) -> str:
    parts = [f"{facts['sealed']:,} sealed (generation {facts['generation']})"]
    if not facts["sealed"]:
        parts = ["nothing sealed yet"]
    parts += [f"{facts[name]:,} {name}" for name in ("live", "removed") if facts[name]]
    return ", ".join(parts)


def stored_rows(facts: Mapping[str, Any]) -> str:
    """Say how rows are stored for exact scores, and what that keeps."""
    kind, kept = facts["stored_as"], facts["row_recall"].get("stored")
    asked = facts["rescoring"]
    stored = asked if kind in ("", asked) else f"{kind} ({asked})"
    keeps = "" if kept is None else f", which keep {kept:.3f} of the ten nearest as given"
    return f"rescored from {stored} rows{keeps}"


def _settings(settings: Mapping[str, Any]) -> str:
    shown = {name: settings[name] for name in settings if name != "own_text"}
    if not shown.get("exact_rows"):
        shown.pop("exact_rows", None)
    scans = shown.get("expansion_search", 0) >= WIDEST_POOL
    if scans:
        del shown["expansion_search"]
    return ("all codes scanned, " if scans else "") + ", ".join(
        f"{name.replace('_', ' ')} {value:.3g}"
        if isinstance(value, float)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in shown.items()
        if value is not None
    )


def seal(catalog: CatalogOption = DEFAULT_CATALOG, as_json: AsJson = False) -> None:
    """Build the graph over all titles, so that searches need not scan recent ones."""
    with (
        Catalog.open(catalog, create=False, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        changed = opened.seal(progress=report)
        facts = opened.info()
    if as_json:
        print_json(facts)
        return
    done = "sealed" if changed else "nothing to do, sealed before:"
    print_status(f"{done} {facts['vectors']:,} vectors of {facts['titles']:,} titles")


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
