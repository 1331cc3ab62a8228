"""``tv5 embed``: embed what waits, and give a catalogue a second space or take it away."""

from __future__ import annotations

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

__all__ = ["COMMANDS"]


def embed(
    catalog: CatalogOption = DEFAULT_CATALOG,
    space: Annotated[
        str | None,
        typer.Option(
            help="Give titles a second space, or go on with it: multilingual, "
            "model2vec:FOLDER or sentence-transformers:FOLDER."
        ),
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Forget the second space, with its vectors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Embed titles that wait for it, and seal; a second space makes searches know more.

    What was embedded stays where this is cut off, and the next run goes on from there.
    """
    if drop and space is not None:
        raise InvalidInputError("expected --space or --drop, got both")
    with (
        Catalog.open(catalog, create=False, embedder=None, second_embedder=space) as opened,
        progress(quiet=as_json) as report,
    ):
        dropped = opened.drop_second_space() if drop else 0
        embedded = 0 if drop else opened.embed_pending(report)
        sealed = False if drop else opened.seal(report)
        second = opened.info()["second_space"]
    if as_json:
        found = {"embedded": embedded, "dropped": dropped, "sealed": sealed}
        print_json({**found, "second_space": second})
    elif drop:
        print_status(f"dropped {dropped:,} vectors of the second space")
    else:
        print_status(_said(embedded, second))
    if second and second["reason"]:
        raise typer.Exit(1)


def _said(embedded: int, second: dict[str, object]) -> str:
    if not second:
        return f"embedded {embedded:,} titles"
    if second["reason"]:
        return f"the second space is not used: {second['reason']}"
    vectors = second["vectors"]
    return f"embedded {embedded:,} titles; the second space has {vectors:,} vectors"


COMMANDS = (embed,)
