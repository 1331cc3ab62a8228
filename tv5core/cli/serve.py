"""``tv5 serve``: the gateway over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tv5core.cli.output import print_status
from tv5core.errors import InvalidInputError

if TYPE_CHECKING:
    from tv5core.server.settings import Settings

__all__ = ["COMMANDS", "serve"]


def serve(
    catalog: Annotated[
        str | None,
        typer.Argument(help="The catalogue's folder, tv5-catalog by default; or a URL, to read."),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Serve the shipped titles, in CATALOG or a temporary folder."),
    ] = False,
    host: Annotated[str | None, typer.Option(help="Where to listen; 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="8080; 0 for any free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer; 1.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML; later sources replace them.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the cache on disk.")] = None,
    redis: Annotated[str | None, typer.Option(help="URL of a Redis to share.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Store nothing.")] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, as NAME=VALUE; may repeat.", metavar="NAME=VALUE"),
    ] = None,
) -> None:
    """Serve a catalogue over HTTP, with its pages, metrics and API.

    Settings come from --config, then TV5_* in the environment, then the command line. SIGTERM
    drains, SIGHUP reloads the catalogue and the settings without a dropped request.
    """
    given = {
        "catalog": catalog,
        "demo": demo or None,
        "host": host,
        "port": port,
        "workers": workers,
        "cache_path": None if cache is None else str(cache),
        "redis_url": redis,
        "read_only": read_only or None,
        **_pairs(setting or []),
    }
    try:
        from tv5core.server.process.serving import serve as run
        from tv5core.server.setting_sources import load_settings
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"tv5 serve needs {error.name}: pip install 'tv5core[server]'"
        ) from error
    raise typer.Exit(run(lambda: load_settings(given, file=config), announce=_announce))


def _pairs(settings: list[str]) -> dict[str, Any]:
    found = {}
    for text in settings:
        name, is_given, value = text.partition("=")
        if not is_given:
            raise InvalidInputError(f"expected NAME=VALUE after --set, got {text!r}")
        found[name.strip()] = value
    return found


def _announce(settings: Settings, address: str) -> None:
    pages = {"search": "/", "live": "/live"} if settings.live_page else {}
    lines = {**pages, "API": "/docs", "metrics": "/metrics"}
    print_status(f"serving {settings.catalog} with {settings.workers} worker(s)")
    for name, path in lines.items():
        print_status(f"  {name:<8} {address}{path}")


COMMANDS = (serve,)
