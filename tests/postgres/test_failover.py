"""A primary and its streaming replica: loads from the replica, and what a failover leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.postgres.conftest import MAPPING, TABLE, Synced, fill, mapping_of, wait_for
from tests.postgres.server import PostgresServer
from tv5core.catalog import Catalog
from tv5core.cli.catalog_sink import CatalogSink
from tv5core.postgres import loading
from tv5core.postgres.sync import PostgresSync


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    first, second = PostgresServer(), PostgresServer()
    try:
        first.make().sql(TABLE)
        yield first, second.make_replica_of(first)
    finally:
        second.close()
        first.close()


def both(first: PostgresServer, second: PostgresServer) -> str:
    ports = f"{first.port},{second.port}"
    return f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=postgres"


def test_rows_come_from_the_replica_and_a_failover_loses_nothing(
    pair: tuple[PostgresServer, PostgresServer],
    catalog: Catalog,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = pair
    fill(first, 200)
    ports = []
    take = loading.take_snapshot

    def noted(connection: object) -> tuple[str, str]:
        ports.append(connection.info.port)  # type: ignore[attr-defined]
        return take(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "take_snapshot", noted)
    synced = Synced(catalog, first, tmp_path)  # type: ignore[arg-type]
    made = PostgresSync(
        CatalogSink(catalog), both(first, second), mapping_of(synced.folder, MAPPING)
    )
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,), kwargs={"follow_s": 0.02})
    thread.start()
    try:
        wait_for(lambda: made.report.stage == "following" and len(catalog) == 200)
        assert ports == [second.port]
        first.sql("UPDATE films SET name = 'Before' WHERE film_id = 1")
        wait_for(lambda: catalog.get("own:1").title == "Before")
        end = first.sql("SELECT pg_current_wal_lsn()::text")[0][0]
        wait_for(lambda: second.sql(f"SELECT pg_last_wal_replay_lsn() >= '{end}'")[0][0])
        first.kill()
        second.promote()
        second.sql("DELETE FROM films WHERE film_id = 2",
                   "UPDATE films SET name = 'After' WHERE film_id = 3")  # fmt: skip
        wait_for(lambda: catalog.get("own:3").title == "After")
        synced.server = second
        wait_for(synced.is_equal)
        assert made.report.loads == 2
        second.sql("UPDATE films SET name = 'Later' WHERE film_id = 4")
        wait_for(lambda: catalog.get("own:4").title == "Later")
    finally:
        stop.set()
        thread.join()


def test_a_restarted_primary_is_followed_on(
    pair: tuple[PostgresServer, PostgresServer], catalog: Catalog, tmp_path: object
) -> None:
    first, second = pair
    second.kill()
    fill(first, 20)
    synced = Synced(catalog, first, tmp_path)  # type: ignore[arg-type]
    synced.sync(dsn=both(first, second))  # without its replica
    first.sql("UPDATE films SET name = 'Kept' WHERE film_id = 1")
    first.kill()
    first.start()
    report = synced.sync(dsn=both(first, second))
    assert (report.loads, report.updated) == (0, 1)
    assert synced.is_equal()


def test_a_synchronous_replica_holds_nothing_up(
    pair: tuple[PostgresServer, PostgresServer], catalog: Catalog, tmp_path: object
) -> None:
    first, second = pair
    first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    wait_for(lambda: first.sql("SELECT sync_state FROM pg_stat_replication")[0][0] == "sync")
    fill(first, 20)
    synced = Synced(catalog, first, tmp_path)  # type: ignore[arg-type]
    synced.sync(dsn=both(first, second))
    first.sql("DELETE FROM films WHERE film_id = 1")
    synced.sync(dsn=both(first, second))
    assert synced.is_equal()
