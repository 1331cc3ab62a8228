"""``tv5 mcp``: a catalogue for agents, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tv5core.catalog import Catalog
from tv5core.cli.output import print_status
from tv5core.errors import InvalidInputError

__all__ = ["COMMANDS", "mcp"]


def mcp(
    catalog: Annotated[Path, typer.Argument(help="The catalogue's folder.")],
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="With --http: where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --http: 0 for any free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="With --http: a name that clients reach it by, NAME:PORT; may repeat.",
            metavar="NAME:PORT",
        ),
    ] = None,
) -> None:
    """Serve a catalogue to agents, read-only: find, similar, where to watch, recommend, count.

    Over HTTP, requests whose Host or Origin is neither of loopback nor allowed are refused.
    """
    try:
        from tv5core.integrations.mcp import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"tv5 mcp needs {error.name}: pip install 'tv5core[mcp]'"
        ) from error
    with Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened:
        if http:
            names = allow_host or []
            serve_http(opened, host=host, port=port, allowed_hosts=names, announce=_announce)
        else:
            serve_stdio(opened)


def _announce(address: str) -> None:
    print_status(f"serving {address}")


COMMANDS = (mcp,)
