"""``tv5 export``: write a catalogue in formats that other programs read."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tv5core.catalog import Catalog
from tv5core.cli.collections import (
    BACKENDS,
    CollectionOption,
    OptionsOption,
    UrlOption,
    collection_url,
    to_collection,
)
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
    size,
)
from tv5core.errors import InvalidInputError

__all__ = ["COMMANDS"]

_STDOUT = Path("-")


class Format(StrEnum):
    """Format of an exported file."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    usearch = "usearch"


def export(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[qdrant|milvus]",
            help="Copy titles and vectors into a collection of this vector database instead.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE|-",
            help="A new folder for all of the catalogue; a .jsonl, .csv or .parquet file, or - for "
            "standard output, for the titles (Parquet holds their vectors, too); a .usearch file "
            "for the index, beside which .ids.jsonl has the ids of its keys.",
        ),
    ] = None,
    catalog: CatalogOption = DEFAULT_CATALOG,
    as_format: Annotated[
        Format | None,
        typer.Option("--format", help="Format of a file; by default its suffix says it."),
    ] = None,
    url: UrlOption = None,
    collection: CollectionOption = None,
    options: OptionsOption = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the collection that is there first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write titles and vectors as they are at one moment.

    A folder holds titles.jsonl, vectors.npy (float32), ids.txt (of their rows) and what else
    `tv5 restore` needs to make an equal catalogue of it. Into a collection, only what has changed
    since the last export is sent; what an interrupted one has sent stays.
    """
    if to is not None:
        _check_target(to, output, as_format)
        made = collection_url(to, url, collection, options)
        to_collection(catalog, made, replace=replace, as_json=as_json)
        return
    if output is None or url or collection or options or replace:
        raise InvalidInputError(
            "expected --output, or qdrant or milvus with --url and --collection, got "
            + ("neither" if output is None else "something of both")
        )
    _check_format(output, as_format)
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
        print_status(
            f"exported {done.titles:,} titles and {done.vectors:,} vectors to {done.path}: "
            f"{size(done.bytes)}"
        )


def _check_target(to: str, output: Path | None, chosen: Format | None) -> None:
    if to not in BACKENDS:
        raise InvalidInputError(f"expected qdrant or milvus to export to, got {to!r}")
    if output is not None or chosen is not None:
        raise InvalidInputError(f"expected no --output and no --format with {to}, got one")


def _check_format(output: Path, chosen: Format | None) -> None:
    suffix = ".jsonl" if output == _STDOUT else output.suffix
    if chosen is not None and suffix != f".{chosen}":
        raise InvalidInputError(
            f"expected a file ending in .{chosen} for --format {chosen}, got {output}"
        )


def _to_stdout(opened: Catalog) -> None:
    try:
        opened.export_lines(sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader closed the pipe; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


COMMANDS = (export,)
