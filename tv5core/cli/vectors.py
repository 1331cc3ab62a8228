"""``tv5 vectors import``, ``export``, ``recall``, ``info``: indexes of vectors without titles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import typer
from rich.table import Table

from tv5core.cli.output import AsJson, print_json, print_status, progress, results, size
from tv5core.errors import InvalidInputError
from tv5core.vector_files import FORMATS, VectorFile, open_vectors, write_usearch
from tv5core.vector_files.hdf5 import true_neighbours
from tv5core.vectors import VectorIndex, recall_at_k

__all__ = ["app"]

app = typer.Typer(
    help="Indexes of vectors without titles: from files of other programs, and for them.",
    no_args_is_help=True,
)

_METRICS = ("cosine", "ip")
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", help=f"What the file is, where it does not say: {', '.join(FORMATS)}."
    ),
]
PartOption = Annotated[str, typer.Option(help="Which dataset of an HDF5 file.")]
IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="The index's folder.")]


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help=".npy, .fvecs, .bvecs, .ivecs, HDF5 of ann-benchmarks, or an index that usearch "
            "or hnswlib saved."
        ),
    ],
    index: IndexArgument,
    as_format: FormatOption = None,
    part: PartOption = "train",
    metric: Annotated[
        str | None,
        typer.Option(help="cosine or ip, where the file does not say, or to compare otherwise."),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option(help="Keep the first so many dimensions, of models made for it (Matryoshka)."),
    ] = None,
    rescoring: Annotated[
        str, typer.Option(help="How rows are stored: auto, int8, int16, float16 or float32.")
    ] = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an index there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build an index of the vectors in a file.

    Keys are those of the file, else the numbers of its rows from 0.
    """
    given = open_vectors(file, format=as_format, part=part)
    chosen = _metric(given, metric)
    if not replace and index.exists() and any(index.iterdir() if index.is_dir() else [index]):
        raise InvalidInputError(f"expected a new folder, or --replace, got {index}")
    with (
        progress(quiet=as_json) as report,
        VectorIndex.build(
            given.vectors, given.keys, path=index, dim=dim, metric=chosen, rescoring=rescoring,
            progress=report,
        ) as built,
    ):  # fmt: skip
        facts = {**_facts(built), "format": given.format, "left_out": given.left_out}
    if as_json:
        print_json(facts)
        return
    print_status(
        f"built {index} of {file}, {given.format}: {facts['vectors']:,} vectors of {facts['dim']} "
        f"dimensions, {chosen}"
    )
    if given.left_out:
        print_status(f"{given.left_out:,} rows are marked as deleted and were left out")


def _metric(given: VectorFile, asked: str | None) -> str:
    if asked is not None:
        return asked
    if given.metric in _METRICS:
        return given.metric
    if given.metric:
        raise InvalidInputError(
            f"{given.path}: expected vectors to compare by cosine or ip, got {given.metric}; of "
            "vectors of one length, --metric cosine finds the same neighbours"
        )
    return "cosine"


@app.command()
def export(
    index: IndexArgument,
    file: Annotated[Path, typer.Argument(help="A file for usearch; replaced as a whole.")],
    dtype: Annotated[str, typer.Option(help="What usearch stores: f16, f32 or i8.")] = "f16",
    as_json: AsJson = False,
) -> None:
    """Write a sealed index as a file that usearch loads, in any of its languages."""
    with VectorIndex.open(index) as opened, progress(quiet=as_json) as report:
        done = write_usearch(opened, file, dtype=dtype, progress=report)
    if as_json:
        print_json(done)
    else:
        print_status(f"wrote {done.rows:,} vectors to {done.path}: {size(done.bytes)}")


@app.command()
def recall(
    index: IndexArgument,
    queries: Annotated[
        Path, typer.Argument(help="A file of vectors; of HDF5, its 'test' and 'neighbors'.")
    ],
    truth: Annotated[
        Path | None,
        typer.Option(
            help="True neighbours by key (.ivecs, .npy); else an exact search finds them, and what "
            "storing rows loses counts as missed."
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours compared.")] = 10,
    calibrate: Annotated[
        float | None,
        typer.Option(help="First choose the cheapest settings for such a recall, and keep them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure which share of the true nearest neighbours searches find."""
    asked = open_vectors(queries, part="test")
    rows = np.asarray(asked.vectors)
    with VectorIndex.open(index, read_only=calibrate is None) as opened:
        if calibrate is not None:
            opened.calibrate(rows, calibrate, k)
        true = _truth(truth, asked, k, len(rows))
        if true is None:
            share = opened.recall(rows, k)
        else:
            share = recall_at_k(opened.search(rows, k, threads=0).keys, true)
        settings, kept = opened.settings, opened.row_recall
    if as_json:
        measured = {"recall": share, "k": k, "queries": len(rows)}
        print_json({**measured, "settings": settings, "row_recall": kept})
    else:
        print(f"recall@{k} of {len(rows):,} queries: {share:.4f}")


def _truth(truth: Path | None, asked: VectorFile, k: int, queries: int) -> Any:
    """Return the neighbours that a file states, int64[queries, k], or None."""
    stated: npt.NDArray[np.int64] | None = None
    if truth is not None:
        stated = np.asarray(open_vectors(truth, part="neighbors").vectors, np.int64)
    elif asked.format == "hdf5":
        stated = true_neighbours(asked.path)
    if stated is not None and (len(stated) != queries or stated.shape[1] < k):
        raise InvalidInputError(
            f"expected {k} or more true neighbours of {queries} queries, got {stated.shape}"
        )
    return None if stated is None else stated[:, :k]


@app.command()
def info(index: IndexArgument, as_json: AsJson = False) -> None:
    """Show what an index holds."""
    with VectorIndex.open(index) as opened:
        facts = _facts(opened)
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    kept = facts.pop("row_recall")
    if kept["stored"] is not None:
        facts["rows_keep"] = (
            f"{kept['stored']:.3f} of the ten nearest as given, measured on {kept['queries']} rows"
        )
    for name, value in facts.items():
        table.add_row(
            name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)
        )
    results().print(table)


def _facts(index: VectorIndex) -> dict[str, Any]:
    return {
        "vectors": len(index),
        "dim": index.dim,
        "given_dim": index.given_dim,
        "metric": index.metric,
        "rescoring": index.rescoring,
        "stored_as": index.stored_as,
        "row_recall": msgspec.structs.asdict(index.row_recall),
        "settings": msgspec.to_builtins(index.settings),
        "bytes": sum(part["total"] for part in index.memory().values()),
    }
