"""A table loaded and followed through its log, against a real PostgreSQL."""

from __future__ import annotations

import threading
import time

import msgspec
import psycopg
import pytest

from tests.postgres.conftest import MAPPING, Synced, fill, mapping_of, wait_for
from tv5core.cli.catalog_sink import CatalogSink
from tv5core.errors import (
    InvalidInputError,
    PostgresAccessError,
    PostgresError,
    PostgresUnavailableError,
    SchemaDriftError,
)
from tv5core.postgres.checkpoint import decode_checkpoint
from tv5core.postgres.sync import PostgresSync
from tv5core.types import Person

KEY = "sync:postgres:public.films"


def test_all_rows_are_loaded_with_their_fields(synced: Synced) -> None:
    fill(synced.server, 300)
    report = synced.sync()
    assert (report.mode, report.rows, report.added, report.rejected) == ("log", 300, 300, 0)
    assert synced.is_equal()
    title = synced.catalog.get("own:7")
    assert title.genres == ("Drama", 'Crime, "new"')
    assert title.cast == (Person("Ann Lee", "Eve"),)
    assert (title.rating, title.votes, title.year) == (7.5, 7, 1957)
    assert synced.catalog.search("w7", k=1)[0].id == "own:7"


def test_inserts_updates_and_deletes_follow(synced: Synced) -> None:
    fill(synced.server, 20)
    synced.sync()
    synced.server.sql(
        "INSERT INTO films (film_id, name, what) VALUES (100, 'Newcomer', 'series')",
        "UPDATE films SET name = 'Renamed' WHERE film_id = 3",
        "DELETE FROM films WHERE film_id = 4",
        "UPDATE films SET film_id = 200 WHERE film_id = 5",
        "BEGIN; INSERT INTO films (film_id, name) VALUES (101, 'x'); ROLLBACK",
    )
    report = synced.sync()
    assert (report.added, report.updated, report.deleted, report.rows) == (2, 1, 2, 0)
    assert synced.is_equal()
    assert synced.catalog.get("own:100").kind == "show"
    assert synced.sync().transactions == 0


def test_what_the_load_saw_is_not_applied_again(synced: Synced) -> None:
    fill(synced.server, 5)
    mapping = mapping_of(synced.folder)
    sink = CatalogSink(synced.catalog)
    stop = threading.Event()
    stop.set()
    PostgresSync(sink, synced.server.dsn, mapping).run(stop)  # the load alone
    checkpoint = decode_checkpoint(synced.catalog.checkpoint(KEY))
    assert checkpoint is not None
    # The slot is older than the snapshot: rows committed between are in the log and were loaded.
    synced.server.sql("UPDATE films SET name = 'Later' WHERE film_id = 1")
    snapshot = synced.server.sql("SELECT pg_current_snapshot()::text")[0][0]
    moved = msgspec.structs.replace(checkpoint, snapshot=snapshot)
    synced.catalog.apply([], [], checkpoint=(KEY, moved.encode()))
    report = synced.sync()
    assert (report.transactions, report.replayed) == (0, 1)
    assert synced.catalog.get("own:1").title == "Film 1"


def test_a_replayed_transaction_is_recognised(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(synced.server, 5)
    synced.sync()
    synced.server.sql("UPDATE films SET name = 'Once' WHERE film_id = 1")
    from tv5core.postgres.slot import Slot

    with monkeypatch.context() as patch:  # as if it were killed before the slot is moved

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Slot, "advance", dies)
        with pytest.raises(KeyboardInterrupt):
            synced.sync()
    assert synced.catalog.get("own:1").title == "Once"
    version = synced.catalog.get_versioned("own:1")
    report = synced.sync()
    assert (report.transactions, report.replayed, report.updated) == (0, 1, 0)
    assert synced.catalog.get_versioned("own:1") == version


def test_long_values_that_an_update_leaves_alone_stay(synced: Synced) -> None:
    fill(synced.server, 3)
    long = "md5(g::text)"
    synced.server.sql(
        "ALTER TABLE films ALTER plot SET STORAGE EXTERNAL",
        f"UPDATE films SET plot = (SELECT string_agg({long}, ' ') FROM generate_series(1, 300) g)"
        " WHERE film_id = 1",
    )
    synced.sync()
    assert len(synced.catalog.get("own:1").overview) > 9_000
    synced.server.sql("UPDATE films SET name = 'Other' WHERE film_id = 1")
    synced.sync()
    assert synced.is_equal()
    synced.catalog.delete("own:1")  # now the catalogue cannot complete it
    synced.server.sql("UPDATE films SET name = 'Third' WHERE film_id = 1")
    synced.sync()
    assert synced.is_equal()


def test_truncate_empties_and_what_follows_stays(synced: Synced) -> None:
    fill(synced.server, 10)
    synced.sync()
    synced.server.sql(
        "BEGIN; TRUNCATE films; INSERT INTO films (film_id, name, what) VALUES"
        " (77, 'After', 'movie'); COMMIT"
    )
    synced.sync()
    assert list(synced.catalog.ids()) == ["own:77"]


def test_titles_of_other_sources_stay(synced: Synced) -> None:
    from tv5core.types import Title

    synced.catalog.add([Title("mine:1", "movie", "Mine")])
    fill(synced.server, 3)
    synced.sync()
    synced.server.sql("TRUNCATE films")
    synced.sync()
    assert list(synced.catalog.ids()) == ["mine:1"]


def test_partitioned_tables_are_loaded_and_followed(synced: Synced) -> None:
    synced.server.sql(
        "CREATE TABLE parts (film_id int PRIMARY KEY, name text, plot text)"
        " PARTITION BY RANGE (film_id)",
        "CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (1000)",
        "CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (1000) TO (20000)",
        "INSERT INTO parts SELECT n, 'Part ' || n, repeat('x y ', 40)"
        " FROM generate_series(0, 3999) n",
    )
    text = (
        'table = "parts"\nid_prefix = "own:"\n[fields]\nid = "film_id"\ntitle = "name"\n'
        'overview = "plot"\n[constants]\nkind = "movie"\n'
    )
    assert synced.sync(text, jobs=3).rows == 4_000
    synced.server.sql(
        "UPDATE parts SET film_id = 5000 WHERE film_id = 10",
        "DELETE FROM parts WHERE film_id = 11",
    )
    synced.sync(text)
    rows = synced.server.sql("SELECT film_id FROM parts")
    assert set(synced.catalog.ids()) == {f"own:{n}" for (n,) in rows}


def test_an_empty_table_is_a_catalogue_without_titles(synced: Synced) -> None:
    report = synced.sync()
    assert (report.rows, report.loads, len(synced.catalog)) == (0, 1, 0)
    fill(synced.server, 2)
    synced.sync()
    assert synced.is_equal()


def test_rows_that_are_no_titles_are_told_and_not_kept(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.server.sql("INSERT INTO films (film_id, name, what) VALUES (50, ' ', 'movie')")
    report = synced.sync()
    assert report.rejected == 1
    assert report.rejects == ["own:50: title: expected text, got an empty value"]
    synced.server.sql("UPDATE films SET what = 'podcast' WHERE film_id = 1")
    assert "expected movie or show, got 'podcast'" in synced.sync().rejects[0]
    assert set(synced.catalog.ids()) == {"own:0", "own:2"}


def test_a_column_that_goes_away_stops_it_and_nothing_is_applied(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.sync()
    synced.server.sql(
        "UPDATE films SET name = 'Before' WHERE film_id = 0",
        "ALTER TABLE films RENAME plot TO story",
        "UPDATE films SET name = 'After' WHERE film_id = 1",
    )
    before = synced.catalog.checkpoint(KEY)
    with pytest.raises(SchemaDriftError, match=r"expected columns plot in public\.films, got"):
        synced.sync()
    assert synced.catalog.checkpoint(KEY) == before
    synced.sync(MAPPING.replace('"plot"', '"story"'))
    assert synced.catalog.get("own:1").title == "After"
    assert synced.catalog.get("own:1").overview


def test_a_lost_slot_is_made_again_and_all_rows_compared(synced: Synced) -> None:
    fill(synced.server, 6)
    synced.sync()
    synced.server.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    synced.server.sql(
        "DELETE FROM films WHERE film_id = 2", "UPDATE films SET name = 'New' WHERE film_id = 1"
    )
    report = synced.sync()
    assert (report.loads, report.updated, report.deleted, report.unchanged) == (1, 1, 1, 4)
    assert synced.is_equal()


def test_a_slot_that_another_catalogue_reads_is_refused(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.sync()
    name = synced.server.sql("SELECT slot_name FROM pg_replication_slots")[0][0]
    synced.server.sql("UPDATE films SET name = 'Stolen' WHERE film_id = 1")
    synced.server.sql(f"SELECT pg_replication_slot_advance('{name}', pg_current_wal_lsn())")
    with pytest.raises(PostgresError, match="another catalogue reads it"):
        synced.sync()


def test_a_change_is_searchable_within_a_second(synced: Synced) -> None:
    fill(synced.server, 50)
    stop = threading.Event()
    made = PostgresSync(CatalogSink(synced.catalog), synced.server.dsn, mapping_of(synced.folder))
    thread = threading.Thread(target=made.run, args=(stop,), kwargs={"follow_s": 0.05})
    thread.start()

    def found(text: str) -> set[str]:
        return {hit.id for hit in synced.catalog.search(text, k=1)}

    try:
        wait_for(lambda: len(synced.catalog) == 50)
        synced.server.sql("UPDATE films SET name = 'Zanzibar nights' WHERE film_id = 9")
        began = time.monotonic()
        wait_for(lambda: "own:9" in found("Zanzibar nights"))
        assert time.monotonic() - began < 5  # beside other tests; alone it takes a tenth of one
        wait_for(lambda: made.report.lag_bytes == 0 and made.report.slowest_s > 0)
    finally:
        stop.set()
        thread.join()


def test_wrong_connections_are_told_apart(synced: Synced) -> None:
    for dsn, error in (
        ("nonsense secret=hunter2", InvalidInputError),
        ("host=127.0.0.1 port=1 user=postgres", PostgresUnavailableError),
        (synced.server.dsn.replace("dbname=postgres", "dbname=nowhere"), PostgresError),
    ):
        with pytest.raises(error) as caught:
            synced.sync(dsn=dsn)
        assert "hunter2" not in str(caught.value)


def test_a_role_without_rights_is_told_what_is_missing(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.server.sql(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "GRANT USAGE ON SCHEMA public TO reader",
    )
    dsn = synced.server.dsn.replace("user=postgres", "user=reader")
    text = MAPPING.replace('updated_at = "changed_at"', "")
    with pytest.raises(PostgresAccessError, match="42501"):
        synced.sync(text, dsn=dsn)
    synced.server.sql("GRANT SELECT ON films TO reader")
    with pytest.raises(PostgresAccessError, match="REPLICATION"):
        synced.sync(text, dsn=dsn)
    assert synced.sync(dsn=dsn).mode == "polling"
    assert synced.is_equal()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"name"', '"title"'), "expected columns title"),
        (('"public.films"', '"public.none"'), "expected a table public.none"),
    ],
)
def test_a_mapping_that_names_what_is_not_there(
    synced: Synced, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(SchemaDriftError, match=said):
        synced.sync(MAPPING.replace(*change))
    assert not synced.server.sql("SELECT * FROM pg_replication_slots")


def test_a_key_that_is_not_the_primary_one_is_refused(synced: Synced) -> None:
    with pytest.raises(InvalidInputError, match="expected seen to be the primary key"):
        synced.sync(MAPPING.replace('id = "film_id"', 'id = "seen"'))


def test_another_database_is_not_mixed_in(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.sync()
    synced.server.sql("DROP DATABASE IF EXISTS other", "CREATE DATABASE other")
    dsn = synced.server.dsn.replace("dbname=postgres", "dbname=other")
    with psycopg.connect(dsn, autocommit=True) as connection:
        from tests.postgres.conftest import TABLE

        connection.execute(TABLE)  # type: ignore[arg-type]
    with pytest.raises(PostgresError, match="expected database postgres"):
        synced.sync(dsn=dsn)
    assert len(synced.catalog) == 3


def test_forget_removes_slot_and_publication(synced: Synced) -> None:
    fill(synced.server, 3)
    synced.sync()
    made = PostgresSync(CatalogSink(synced.catalog), synced.server.dsn, mapping_of(synced.folder))
    assert made.forget()
    assert not synced.server.sql("SELECT FROM pg_replication_slots")
    assert not synced.server.sql("SELECT FROM pg_publication")
    assert not made.forget()
    assert len(synced.catalog) == 3
