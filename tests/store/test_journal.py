from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.lmdb_env.owners import OWNER
from tv5core.store import embeddings, journal
from tv5core.store.environment import Environment
from tv5core.store.meta import Meta


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    opened = Environment.acquire(tmp_path, OWNER, writable=True)
    yield opened
    opened.release(OWNER)


def entries(env: Environment, count: int) -> None:
    for seq in range(1, count + 1):
        env.write(lambda txn, seq=seq: journal.append(txn, seq, [seq, 7], [100 + seq]))


def after(env: Environment, seq: int, next_seq: int, *, titles: bool = False) -> list[int] | None:
    with env.read() as txn:
        rows = journal.rows_after(txn, seq, Meta(next_seq=next_seq), titles=titles)
        return None if rows is None else rows.tolist()


def test_rows_come_once_and_sorted(env: Environment) -> None:
    entries(env, 3)
    assert after(env, 0, 4) == [1, 2, 3, 7]
    assert after(env, 2, 4) == [3, 7]
    assert after(env, 2, 4, titles=True) == [3, 7, 103]
    assert after(env, 3, 4) == []


def test_a_trimmed_journal_says_so(env: Environment) -> None:
    entries(env, 5)
    journal.trim(env, 2)
    assert after(env, 1, 6) is None
    assert after(env, 2, 6) == [3, 4, 5, 7]
    journal.trim(env, 5)
    assert after(env, 4, 6) is None
    assert after(env, 5, 6) == []


def test_trimming_more_than_a_batch(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_TRIM_BATCH", 3)
    entries(env, 10)
    journal.trim(env, 9)
    with env.read() as txn:
        assert (journal.first_seq(txn), journal.last_seq(txn)) == (10, 10)


def folded(env: Environment, meta: Meta, keep: int, *, forget: bool = False) -> Meta:
    return env.write(lambda txn: journal.fold(txn, meta, keep=keep, forget=forget))


def test_a_folded_journal_has_the_same_rows(env: Environment) -> None:
    entries(env, 10)
    journal.trim(env, 2)
    meta = folded(env, Meta(next_seq=11), 3)
    assert meta.journal_from == 3
    with env.read() as txn:
        assert journal.count(txn) == 4
        assert (journal.first_seq(txn), journal.last_seq(txn)) == (7, 10)

        def rows(seq: int, *, titles: bool = False) -> list[int] | None:
            found = journal.rows_after(txn, seq, meta, titles=titles)
            return None if found is None else found.tolist()

        assert rows(1) is None
        assert rows(2) == [*range(3, 11)]
        assert rows(4) == rows(2)  # within the folded entry: its rows, and then some
        assert rows(7) == [7, 8, 9, 10]
        assert rows(8, titles=True) == [7, 9, 10, 109, 110]
    env.write(lambda txn: journal.append(txn, 11, [], [11]))
    again = folded(env, Meta(next_seq=12, journal_from=3), 0)
    assert again.journal_from == 3
    with env.read() as txn:
        assert journal.count(txn) == 1
        found = journal.rows_after(txn, 2, again, titles=True)
        assert found is not None
        # A row whose vector changed is not also one of which only the title did.
        assert found.tolist() == [*range(3, 12), *range(103, 111)]
    assert folded(env, again, 0) == again  # nothing to fold


def test_rows_that_nobody_waits_for_are_forgotten(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FORGET_ROWS", 12)
    entries(env, 5)
    kept = folded(env, Meta(next_seq=6), 0, forget=True)
    assert kept.journal_from == 1
    env.write(lambda txn: journal.append(txn, 6, [], [200, 201]))
    env.write(lambda txn: journal.append(txn, 7, [], [202]))
    gone = folded(env, Meta(next_seq=8, journal_from=1), 1, forget=True)
    assert gone.journal_from == 0
    with env.read() as txn:
        assert journal.rows_after(txn, 5, gone) is None
        assert journal.rows_after(txn, 6, gone, titles=True) == [202]


def test_spaces_are_apart(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_DROP_BATCH", 2)
    for space in (1, 2, 3):
        for row in range(5):
            vector = np.full(8, 10 * space + row, np.float32)
            env.write(lambda txn, s=space, r=row, v=vector: embeddings.put(txn, s, r, v))
    assert embeddings.drop_spaces(env, (2,)) == 10
    with env.read() as txn:
        assert embeddings.rows(txn, 1).tolist() == []
        assert embeddings.rows(txn, 2).tolist() == [0, 1, 2, 3, 4]
        assert not embeddings.has_other_spaces(txn, (2,))
        found = embeddings.gather(txn, 2, np.asarray([1, 9, 3]), 8)
        assert found.rows.tolist() == [1, 3]
        assert found.absent.tolist() == [9]
        assert found.vectors[:, 0].tolist() == [21.0, 23.0]
