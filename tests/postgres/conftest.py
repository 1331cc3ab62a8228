from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg")
pytest.importorskip("psycopg_pool")

from tests.postgres.server import PostgresServer, wait_for
from tv5core.catalog import Catalog
from tv5core.cli.catalog_sink import CatalogSink
from tv5core.postgres.mapping import TableMapping, load_mapping
from tv5core.postgres.report import PostgresReport
from tv5core.postgres.sync import PostgresSync

TABLE = """CREATE TABLE films (film_id int PRIMARY KEY, name text NOT NULL, what text,
 made int, plot text, genres text[], people jsonb, score numeric(3,1), seen int, day date,
 changed_at timestamptz NOT NULL DEFAULT now(), gone_at timestamptz, note text)"""
MAPPING = """
table = "public.films"
updated_at = "changed_at"
id_prefix = "own:"
[fields]
id = "film_id"
title = "name"
kind = "what"
year = "made"
overview = "plot"
genres = "genres"
cast = "people"
rating = "score"
votes = "seen"
release_date = "day"
"""


@pytest.fixture(scope="session")
def primary() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server.make()
    finally:
        server.close()


@pytest.fixture
def server(primary: PostgresServer) -> PostgresServer:
    """A server with an empty table, and nothing of an earlier test."""
    primary.sql(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
        "DO $$ DECLARE p text; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP"
        " EXECUTE 'DROP PUBLICATION ' || p; END LOOP; END $$",
        "DROP SCHEMA public CASCADE",
        "CREATE SCHEMA public",
        TABLE,
    )
    return primary


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "films") as opened:
        yield opened


def mapping_of(folder: Path, text: str = MAPPING, **extra: Any) -> TableMapping:
    path = folder / "mapping.toml"
    path.write_text(text)
    return load_mapping(path, extra)


def fill(server: PostgresServer, count: int, first: int = 0) -> None:
    server.sql(
        "INSERT INTO films SELECT n, 'Film ' || n, 'movie', 1950 + n % 70, 'A story of w' || n"
        " || ' and v' || n % 7, ARRAY['Drama', 'Crime, \"new\"'],"
        ' \'[{"name": "Ann Lee", "character": "Eve"}]\','
        f" 7.5, n, '1999-03-31' FROM generate_series({first}, {first + count - 1}) n"
    )


class Synced:
    """A catalogue and its table, brought up to date on demand."""

    def __init__(self, catalog: Catalog, server: PostgresServer, folder: Path) -> None:
        self.catalog, self.server, self.folder = catalog, server, folder

    def sync(self, text: str = MAPPING, dsn: str | None = None, **options: Any) -> PostgresReport:
        mapping = mapping_of(self.folder, text, **self.catalog.extra_fields)
        made = PostgresSync(CatalogSink(self.catalog), dsn or self.server.dsn, mapping, **options)
        return made.run()

    def is_equal(self, table: str = "films") -> bool:
        rows = self.server.sql(f"SELECT film_id, name, plot FROM {table} ORDER BY 1")
        theirs = {(f"own:{n}", name, plot or "") for n, name, plot in rows}
        titles = self.catalog.get_many(list(self.catalog.ids()))
        return theirs == {(t.id, t.title, t.overview) for t in titles if t is not None}


@pytest.fixture
def synced(catalog: Catalog, server: PostgresServer, tmp_path: Path) -> Synced:
    return Synced(catalog, server, tmp_path)


__all__ = ["MAPPING", "Synced", "fill", "mapping_of", "wait_for"]
