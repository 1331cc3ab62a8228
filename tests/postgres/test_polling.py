"""A table polled where its log may not be read: changes, deletions, notifications, lag."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.postgres.conftest import MAPPING, TABLE, Synced, fill, mapping_of, wait_for
from tests.postgres.server import PostgresServer
from tv5core.cli.catalog_sink import CatalogSink
from tv5core.errors import InvalidInputError, PostgresAccessError
from tv5core.postgres.sync import PostgresSync

NOTIFY = (
    """CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM
    pg_notify('films', coalesce(NEW.film_id, OLD.film_id)::text); RETURN NULL; END $$""",
    """CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON films FOR EACH ROW
    EXECUTE FUNCTION told()""",
)


def test_changes_and_deletions_are_polled(synced: Synced) -> None:
    fill(synced.server, 30)
    report = synced.sync(mode="polling")
    assert (report.mode, report.added) == ("polling", 30)
    assert not synced.server.sql("SELECT FROM pg_replication_slots")
    synced.server.sql(
        "UPDATE films SET name = 'Changed', changed_at = now() WHERE film_id = 3",
        "DELETE FROM films WHERE film_id = 4",
        "INSERT INTO films (film_id, name, what) VALUES (90, 'Added', 'movie')",
    )
    report = synced.sync(mode="polling")
    assert (report.rows, report.added, report.updated, report.deleted) == (0, 1, 1, 1)
    assert synced.is_equal()
    again = synced.sync(mode="polling")
    assert (again.added, again.updated, again.unchanged) == (0, 0, 0)
    assert 0 <= again.lag_s < 60


def test_rows_marked_as_deleted_go(synced: Synced) -> None:
    text = MAPPING.replace("id_prefix", 'deleted_at = "gone_at"\nid_prefix')
    fill(synced.server, 3)
    for mode in ("polling", "log"):
        synced.sync(text, mode=mode)
        gone = {"polling": 1, "log": 2}[mode]
        synced.server.sql(
            f"UPDATE films SET gone_at = now(), changed_at = now() WHERE film_id = {gone}"
        )
        synced.sync(text, mode=mode)
        assert f"own:{gone}" not in set(synced.catalog.ids())
    assert set(synced.catalog.ids()) == {"own:0"}


def test_a_transaction_that_commits_late_is_not_missed(synced: Synced) -> None:
    import psycopg

    fill(synced.server, 3)
    synced.sync(mode="polling")
    with psycopg.connect(synced.server.dsn) as late:
        late.execute("UPDATE films SET name = 'Late', changed_at = now() WHERE film_id = 1")
        synced.server.sql("UPDATE films SET name = 'Soon', changed_at = now() WHERE film_id = 2")
        synced.sync(mode="polling")
        late.commit()
    synced.sync(mode="polling")
    assert synced.is_equal()


def test_notifications_bring_deletions_at_once(synced: Synced) -> None:
    fill(synced.server, 10)
    synced.server.sql(*NOTIFY)
    text = MAPPING.replace("id_prefix", 'channel = "films"\nid_prefix')
    made = PostgresSync(
        CatalogSink(synced.catalog), synced.server.dsn, mapping_of(synced.folder, text),
        mode="polling",
    )  # fmt: skip
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,), kwargs={"follow_s": 1.0})
    thread.start()
    try:
        wait_for(lambda: made.report.stage == "following" and len(synced.catalog) == 10)
        synced.server.sql("DELETE FROM films WHERE film_id = 3")
        wait_for(lambda: len(synced.catalog) == 9)
        assert synced.is_equal()
    finally:
        stop.set()
        thread.join()


def test_a_view_is_polled(synced: Synced) -> None:
    fill(synced.server, 5)
    synced.server.sql("CREATE VIEW seen_films AS SELECT * FROM films WHERE seen > 1")
    text = MAPPING.replace("public.films", "public.seen_films")
    assert synced.sync(text).mode == "polling"
    assert set(synced.catalog.ids()) == {"own:2", "own:3", "own:4"}
    with pytest.raises(InvalidInputError, match="got the view"):
        synced.sync(text.replace('updated_at = "changed_at"', ""))


@pytest.fixture
def minimal() -> Iterator[PostgresServer]:
    server = PostgresServer(wal_level="replica")
    try:
        yield server.make()
    finally:
        server.close()


def test_without_a_logical_log_it_polls_or_says_so(minimal: PostgresServer, synced: Synced) -> None:
    minimal.sql(TABLE)
    fill(minimal, 3)
    synced.server = minimal
    with pytest.raises(PostgresAccessError, match=r"55000.*wal_level = logical"):
        synced.sync(mode="log")
    assert synced.sync().mode == "polling"
    assert synced.is_equal()
    with pytest.raises(InvalidInputError, match="expected updated_at"):
        synced.sync(MAPPING.replace('updated_at = "changed_at"', ""), mode="polling")
