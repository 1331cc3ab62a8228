"""The application: the commands of all modules, and errors as exit codes."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer

from tv5core import kernels
from tv5core.cli import (
    backup,
    browse,
    cache,
    demo,
    doctor,
    embedding,
    export,
    gateway,
    importing,
    maintenance,
    mcp,
    recommending,
    search,
    serve,
    upstream,
    vectors,
    verify,
)
from tv5core.cli.output import errors, never_fail_to_encode
from tv5core.errors import InvalidInputError, NotACatalogError, Tv5Error

__all__ = ["app", "run"]

app = typer.Typer(
    name="tv5",
    help="Search film and TV titles. Exit codes: 0 done, 1 something is wrong, 2 wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    *importing.COMMANDS,
    *upstream.COMMANDS,
    *search.COMMANDS,
    *browse.COMMANDS,
    *recommending.COMMANDS,
    *maintenance.COMMANDS,
    *embedding.COMMANDS,
    *verify.COMMANDS,
    *backup.COMMANDS,
    *export.COMMANDS,
    *demo.COMMANDS,
    *doctor.COMMANDS,
    *serve.COMMANDS,
    *gateway.COMMANDS,
    *mcp.COMMANDS,
):
    # "import" is a keyword, so that function has an underscore behind its name.
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(cache.app, name="cache")
app.add_typer(vectors.app, name="vectors")


def _version(show: bool) -> None:
    if show:
        print(f"tv5core {version('tv5core')}, kernels: {kernels.active()}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print versions.")
    ] = False,
) -> None:
    """Search film and TV titles."""


def run() -> None:
    """Run ``tv5``; never shows a traceback for an error tv5core foresees."""
    warnings.showwarning = _show_warning
    never_fail_to_encode()
    try:
        app(prog_name="tv5")
    except (InvalidInputError, NotACatalogError) as error:
        errors.print(f"tv5: {error}", style="red", highlight=False, markup=False)
        sys.exit(2)
    except (Tv5Error, OSError) as error:
        errors.print(f"tv5: {error}", style="red", highlight=False, markup=False)
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    errors.print(f"tv5: warning: {message}", style="yellow", highlight=False, markup=False)
