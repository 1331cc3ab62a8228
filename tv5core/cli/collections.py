"""``tv5 export qdrant|milvus`` and ``tv5 import qdrant|milvus``: copies in a vector database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from tv5core.catalog import Catalog
from tv5core.catalog.collections.exporting import CollectionReport
from tv5core.cli.output import print_json, print_status, progress
from tv5core.errors import InvalidInputError
from tv5core.vector_databases import is_collection_url
from tv5core.vector_databases.address import BACKENDS

__all__ = [
    "BACKENDS",
    "CollectionOption",
    "OptionsOption",
    "UrlOption",
    "collection_url",
    "from_collection",
    "to_collection",
]

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Server of the vector database, such as http://localhost:6333. Keys are read from "
        "TV5_QDRANT_API_KEY and TV5_MILVUS_TOKEN.",
    ),
]
CollectionOption = Annotated[
    str | None, typer.Option("--collection", help="Name of the collection there.")
]
OptionsOption = Annotated[
    str,
    typer.Option(
        "--options",
        help="How a new collection is made: shard_number=4,replication_factor=2 for Qdrant, "
        "shards_num=4,replica_number=2 for Milvus; timeout_s=30.",
    ),
]

_SCHEMES = {"http": "", "https": "+https"}


def collection_url(backend: str, url: str | None, collection: str | None, options: str) -> str:
    """Return the URL of a collection, of what the options of a command say.

    Raises
    ------
    InvalidInputError
    """
    if not url or not collection:
        raise InvalidInputError(
            f"expected --url and --collection with {backend}, got neither or one"
        )
    scheme, mark, place = url.partition("://")
    if not mark:
        scheme, place = "http", url
    if scheme in _SCHEMES:
        scheme = backend + _SCHEMES[scheme]
    place = place.rstrip("/") if place.strip("/") else place
    made = f"{scheme}://{place}/{quote(collection, safe='')}"
    made += f"?{options.replace(',', '&')}" if options else ""
    if not is_collection_url(made) or not scheme.startswith(backend):
        raise InvalidInputError(f"expected --url http://host:port of {backend}, got {scheme}://...")
    return made


def to_collection(catalog: Path, url: str, *, replace: bool, as_json: bool) -> None:
    """Export a catalogue to a collection."""
    with (
        Catalog.open(catalog, create=False, read_only=True, embedder=None) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.export_collection(url, report, replace=replace)
    _print(done, f"exported {done.titles:,} titles: {done.sent:,} points sent", as_json)


def from_collection(catalog: Path, url: str, *, embed: bool, as_json: bool) -> None:
    """Import a collection into a catalogue."""
    embedder = "lsa" if embed else None
    with (
        Catalog.open(catalog, embedder=embedder) as opened,
        progress(quiet=as_json) as report,
    ):
        done = opened.import_collection(url, report, embed=embed)
    _print(done, f"imported {done.sent:,} points; the catalogue holds {done.titles:,}", as_json)


def _print(done: CollectionReport, what: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    print_status(
        f"{what}, {done.removed:,} removed; {done.path} has {done.vectors:,} points, "
        f"{done.sampled} of them were compared, and {done.recall:.0%} of their neighbours found"
    )
