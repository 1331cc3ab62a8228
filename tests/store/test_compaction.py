"""A copy without free pages holds the same entries."""

from __future__ import annotations

from pathlib import Path

from tests.catalog.numbered import films
from tests.lmdb_env.owners import OWNER
from tv5core import Catalog, Title
from tv5core.lmdb_env.page_check import check_file
from tv5core.store.compaction import copy_compactly
from tv5core.store.databases import databases_by_name, known_flags
from tv5core.store.environment import Environment
from tv5core.store.transaction import Txn

ALIKE = 600
"""Titles of one alias: so many rows have a tree of their own, which LMDB's own copy dies of."""


def entries(txn: Txn) -> dict[str, list[tuple[bytes, bytes]]]:
    return {
        name: [(bytes(key), bytes(value)) for key, value in txn.raw.cursor(database)]
        for name, (database, _) in databases_by_name(txn.dbs).items()
    }


def test_all_entries_are_there_and_no_free_pages(tmp_path: Path) -> None:
    stages: list[tuple[int, int]] = []
    with Catalog.open(tmp_path / "c", auto_seal=False) as catalog:
        alike = [Title(f"id{i}", "movie", "Alike", year=2000) for i in range(ALIKE)]
        catalog.add(alike, embed=False)
        catalog.add(films(5_000, 5_400), embed=False)
        catalog.delete([title.id for title in films(5_000, 5_400)])
        environment = catalog._store.environment
        (tmp_path / "copy").mkdir()
        with environment.read() as txn:
            want = entries(txn)
            copy_compactly(
                txn, tmp_path / "copy", lambda done, total, _: stages.append((done, total))
            )
        flags = known_flags(environment.members)
    size, before = ((tmp_path / at / "data.mdb").stat().st_size for at in ("copy", "c"))
    assert size < before
    assert stages[-1][0] == stages[-1][1] == sum(map(len, want.values()))
    check_file(tmp_path / "copy" / "data.mdb", flags, budget=10**9)
    copy = Environment.acquire(tmp_path / "copy", OWNER, writable=False)
    with copy.read() as txn:
        assert entries(txn) == want
    copy.release(OWNER)


def test_a_compact_backup_of_titles_that_share_an_alias(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c", embedder=None) as catalog:
        alike = [Title(f"id{i}", "movie", "Alike", year=2000) for i in range(ALIKE)]
        catalog.add(alike, embed=False)
        catalog.backup(tmp_path / "b", compact=True)
    with Catalog.open(tmp_path / "b", embedder=None, read_only=True) as copy:
        assert len(copy.find("name:movie:2000:alike")) == ALIKE
