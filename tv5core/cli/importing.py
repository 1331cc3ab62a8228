"""``tv5 import``: read films and series out of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tv5core.catalog import Catalog
from tv5core.catalog.copies.export import EXPORT
from tv5core.cli.collections import (
    BACKENDS,
    CollectionOption,
    UrlOption,
    collection_url,
    from_collection,
)
from tv5core.cli.output import (
    DEFAULT_CATALOG,
    AsJson,
    CatalogOption,
    print_json,
    print_status,
    progress,
    results,
)
from tv5core.errors import InvalidInputError
from tv5core.extra_fields import EXTRA_TYPES
from tv5core.importers import FORMATS, FileReport, ImportReport, import_paths

__all__ = ["COMMANDS"]


def _existing(paths: list[Path]) -> list[Path]:
    """Refuse paths that do not exist, but for the name of a vector database alone."""
    if len(paths) == 1 and str(paths[0]) in BACKENDS:
        return paths
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"Path '{path}' does not exist.")
    return paths


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            callback=_existing,
            help="Files, or folders whose files to import; or qdrant or milvus, for a collection "
            "that `tv5 export` has filled.",
            metavar="PATH...",
        ),
    ],
    catalog: CatalogOption = DEFAULT_CATALOG,
    format_: Annotated[
        str | None,
        typer.Option("--format", help=f"Read every file as this: {', '.join(FORMATS)}."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Streaming service of the files, where their names don't say."),
    ] = None,
    region: Annotated[str, typer.Option(help="Country of the offers in the files.")] = "US",
    map_: Annotated[
        str | None,
        typer.Option("--map", help="Columns of any CSV: title=Title,overview=Plot,year=Year."),
    ] = None,
    extra_fields: Annotated[
        str | None,
        typer.Option(
            "--extra-fields",
            help="Declare fields of your own, to be read as extra.NAME: studio=keyword,budget=int. "
            f"Types: {', '.join(EXTRA_TYPES)}.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Write rejected rows here, with file, line and reason: .csv or JSON Lines."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop each file after so many rows.")
    ] = None,
    date_format: Annotated[
        str,
        typer.Option(
            help="day-first, month-first or a pattern such as %d/%m/%Y, where dates don't say."
        ),
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="Encoding of text files, where it is not UTF-8 or Windows-1252.")
    ] = "",
    prefer: Annotated[
        str,
        typer.Option(
            help="Whose fields win where two titles are one work: newer, first or a source such "
            "as tmdb; else the source of higher rank."
        ),
    ] = "",
    url: UrlOption = None,
    collection: CollectionOption = None,
    embed: Annotated[
        bool,
        typer.Option(
            "--embed", help="Of a collection, take the titles and embed them here once more."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import files; what several say of one work becomes one title.

    An interrupted import resumes where it was, and importing the same files again
    changes nothing. Exit code 1: a whole file could not be read.
    """
    if url is not None or collection is not None or embed:
        backend = str(paths[0])
        if paths != [Path(backend)] or backend not in BACKENDS:
            raise InvalidInputError(
                "expected qdrant or milvus alone with --url, --collection and --embed, got paths"
            )
        made = collection_url(backend, url, collection, "")
        from_collection(catalog, made, embed=embed, as_json=as_json)
        return
    _refuse_exports(paths)
    mapping = None if map_ is None else _pairs("--map field=Column,field=Column", map_)
    own = _pairs("--extra-fields name=type,name=type", extra_fields) if extra_fields else None
    with Catalog.open(catalog, extra_fields=own) as opened:
        try:
            with progress(quiet=as_json) as report:
                done = import_paths(
                    opened, paths, format=format_, provider=provider, region=region,
                    mapping=mapping, rejects=rejects, progress=report, limit=limit,
                    date_format=date_format, encoding=encoding, prefer=prefer,
                )  # fmt: skip
        except KeyboardInterrupt:
            _print_interrupted(opened.count(), catalog)
            raise typer.Exit(1) from None
        total = opened.count()
    if as_json:
        print_json(_as_json(done, total))
    else:
        _print_report(done, total, rejects)
    _warn_of_unread(done)
    if done.unreadable or (not done.files and any(each.columns for each in done.skipped)):
        raise typer.Exit(1)


def _print_interrupted(total: int, catalog: Path) -> None:
    print_status(
        f"interrupted; the catalogue holds {total:,} titles, and no title was stored in part. The "
        "same command continues from there; titles that are not embedded yet are found once it "
        f"is done, or after `tv5 seal -c {catalog}`"
    )


def _warn_of_unread(done: ImportReport) -> None:
    """Name the tables in folders that only their owner can explain."""
    for file in done.skipped:
        if file.columns:
            print_status(
                f"warning: {file.path} was not read, its columns are not known: "
                f"{', '.join(file.columns)[:300]}; --map title=COLUMN,year=COLUMN,... names them"
            )


def _refuse_exports(paths: list[Path]) -> None:
    """Refuse exports, whose titles an import would merge where they are about one work."""
    for path in paths:
        if (path / EXPORT).is_file():
            raise InvalidInputError(
                f"expected files to import, got an export: `tv5 restore {path} DIR` brings it back "
                f"as it was, `tv5 import {path / 'titles.jsonl'}` merges its titles"
            )


def _pairs(expected: str, text: str) -> dict[str, Any]:
    """Read ``field=Column,field=Column``."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(
        sign and field.strip() and column.strip() for field, sign, column in pairs
    ):
        raise InvalidInputError(f"expected {expected}, got {text!r}")
    return {field.strip(): column.strip() for field, _, column in pairs}


_COUNTS = ("rows", "new", "merged", "changed", "unchanged", "auxiliary")


def _print_report(done: ImportReport, total: int, rejects: Path | None) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("file", style="bold", overflow="fold")
    table.add_column("format")
    for name in (*_COUNTS, "rejected", "seconds"):
        table.add_column(name, justify="right")
    for file in done.files:
        counts = [f"{getattr(file, name):,}" for name in _COUNTS]
        table.add_row(
            Text(file.path.name), file.format, *counts, f"{file.rejected.total():,}",
            f"{file.seconds:.1f}",
        )  # fmt: skip
    results().print(table)
    for file in done.files:
        for kind, reasons in (("rejected", file.rejected), ("left out", file.notes)):
            for reason, count in reasons.most_common():
                print_status(f"{file.path.name}: {count:,} {kind}: {reason}")
    for file in done.files:
        if file.date_order:
            _print_dates(file)
    for skipped in (each for each in done.skipped if not each.columns):
        print_status(f"skipped {skipped.path}: {skipped.reason}")
    print_status(
        f"{done.rows:,} rows in {done.seconds:.1f} s: {done.new:,} new titles, "
        f"{done.rejected:,} rows rejected; the catalogue holds {total:,} titles"
    )
    if rejects is not None:
        print_status(f"rejected rows and values left out are in {rejects}")


def _print_dates(file: FileReport) -> None:
    either = f"{file.ambiguous_dates:,} could be read either way"
    if file.date_order == "unknown":
        print_status(
            f"{file.path.name}: whether day or month comes first is not known; {either} and keep "
            "their year only; --date-format day-first or month-first says it"
        )
    else:
        print_status(f"{file.path.name}: dates read as {file.date_order}; {either}")


def _as_json(done: ImportReport, total: int) -> dict[str, Any]:
    return {
        "titles": total,
        "rows": done.rows,
        "new": done.new,
        "rejected": done.rejected,
        "embedded": done.embedded,
        "seconds": round(done.seconds, 3),
        "files": [_file(file) for file in done.files],
        "skipped": [
            {"path": str(s.path), "reason": s.reason, "columns": s.columns} for s in done.skipped
        ],
    }


def _file(file: FileReport) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "format": file.format,
        "why": file.why,
        **{name: getattr(file, name) for name in _COUNTS},
        "resumed": file.resumed,
        "rejected": dict(file.rejected),
        "notes": dict(file.notes),
        "date_order": file.date_order,
        "ambiguous_dates": file.ambiguous_dates,
        "seconds": round(file.seconds, 3),
    }


COMMANDS = (import_,)
