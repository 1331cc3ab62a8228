"""``tv5 sync`` and ``tv5 fetch``: titles from TMDB.

Here is only what they take. What they do is in :mod:`.syncing`, imported when one is called: it
needs aiohttp, which no other command should wait for or need.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tv5core.cli.output import DEFAULT_CATALOG, AsJson, CatalogOption
from tv5core.errors import InvalidInputError

__all__ = ["COMMANDS"]


class Source(StrEnum):
    """Source of the titles."""

    tmdb = "tmdb"
    postgres = "postgres"


class PostgresMode(StrEnum):
    """How changes of a table become known."""

    auto = "auto"
    log = "log"
    polling = "polling"


Region = Annotated[str, typer.Option(help="Country of age ratings, such as US.")]
Language = Annotated[str, typer.Option(help="Language of titles and texts, such as en-US.")]


@contextmanager
def _its_extra() -> Iterator[None]:
    """Say what to install where the client of TMDB lacks something."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"tv5 sync and fetch need {error.name}: pip install 'tv5core[upstream]'"
        ) from error


def sync(
    source: Annotated[Source, typer.Argument(help="Source: tmdb or postgres.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    kind: Annotated[str, typer.Option(help="movie, tv or both: movie,tv.")] = "movie,tv",
    export: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A downloaded daily id export instead of the newest; may be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only this many of the most popular titles.")
    ] = None,
    min_popularity: Annotated[
        float, typer.Option(min=0.0, help="Only titles with at least this popularity.")
    ] = 0.0,
    changes: Annotated[
        bool, typer.Option("--changes", help="Fetch the titles that changed since last time.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Fetch the titles that changed since this day; implies --changes."),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Part of TMDB's rate to take: 0.2 leaves room for users, 1.0 is full speed.",
        ),
    ] = 0.2,
    region: Region = "US",
    language: Language = "en-US",
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            envvar="TV5_POSTGRES_DSN",
            show_envvar=False,
            help="postgres: connection string, with all hosts of primary and replicas.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="postgres: TOML that maps columns to fields.")
    ] = None,
    mode: Annotated[
        PostgresMode, typer.Option(help="postgres: how changes become known.")
    ] = PostgresMode.auto,
    jobs: Annotated[
        int, typer.Option(min=1, max=32, help="postgres: connections that copy at first.")
    ] = 2,
    follow: Annotated[
        bool, typer.Option("--follow", help="postgres: go on until stopped.")
    ] = False,
    reload: Annotated[bool, typer.Option("--reload", help="postgres: load all rows anew.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="postgres: remove the slot, and do nothing else.")
    ] = False,
    seal: Annotated[bool, typer.Option(help="Make the new titles searchable at the end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Bring titles from TMDB, or from a table in PostgreSQL, into a catalogue.

    You can interrupt it at any time: the same command continues from there. The key comes from
    TMDB_BEARER_TOKEN or TMDB_API_KEY, or from a file named by TMDB_BEARER_TOKEN_FILE or
    TMDB_API_KEY_FILE. TV5_TMDB_URL holds the address of a mirror to use instead of TMDB.
    """
    if source is Source.postgres:
        from tv5core.cli.postgres import PostgresPlan, sync_postgres

        rows = PostgresPlan(dsn, mapping, mode.value, jobs, follow, reload, forget)
        sync_postgres(catalog, rows, seal=seal, as_json=as_json)
        return
    if dsn is not None and mapping is not None:
        raise InvalidInputError("expected --map with postgres, got tmdb")
    with _its_extra():
        from tv5core.cli.syncing import SyncPlan, sync_titles
    plan = SyncPlan(
        kind, export or [], limit, min_popularity, changes, since, share, region, language
    )
    sync_titles(catalog, plan, seal=seal, as_json=as_json)


def fetch(
    id: Annotated[str, typer.Argument(help="tmdb:movie:603, tmdb:tv:1399, or imdb:tt0133093.")],
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="Store the title here as well.")
    ] = None,
    justwatch: Annotated[
        bool,
        typer.Option("--justwatch", help="Look up offers at JustWatch too (an unofficial API)."),
    ] = False,
    region: Annotated[
        str, typer.Option(help="Country of the age rating, and of JustWatch's offers.")
    ] = "US",
    language: Language = "en-US",
    as_json: AsJson = False,
) -> None:
    """Fetch one title from TMDB and show it; keys are read as for sync."""
    with _its_extra():
        from tv5core.cli.syncing import fetch_title
    fetch_title(id, catalog, justwatch=justwatch, region=region, language=language, as_json=as_json)


COMMANDS = (sync, fetch)
