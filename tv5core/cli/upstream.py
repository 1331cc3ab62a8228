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
    source: Annotated[Source, typer.Argument(help="Source: tmdb.")],  # noqa: ARG001
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
    seal: Annotated[bool, typer.Option(help="Make the new titles searchable at the end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fetch titles from TMDB into a catalogue, the most popular first.

    You can interrupt it at any time: the same command continues from there. The key comes from
    TMDB_BEARER_TOKEN or TMDB_API_KEY, or from a file named by TMDB_BEARER_TOKEN_FILE or
    TMDB_API_KEY_FILE. TV5_TMDB_URL holds the address of a mirror to use instead of TMDB.
    """
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
