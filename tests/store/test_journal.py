from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tv5core.store import embeddings, journal
from tv5core.store.environment import Environment


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    opened = Environment.acquire(tmp_path, writable=True)
    yield opened
    opened.release()


def entries(env: Environment, count: int) -> None:
    for seq in range(1, count + 1):
        env.write(lambda txn, seq=seq: journal.append(txn, seq, [seq, 7], [100 + seq]))


def after(env: Environment, seq: int, next_seq: int, *, titles: bool = False) -> list[int] | None:
    with env.read() as txn:
        rows = journal.rows_after(txn, seq, next_seq, titles=titles)
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


def test_spaces_are_apart(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_DROP_BATCH", 2)
    for space in (1, 2, 3):
        for row in range(5):
            vector = np.full(8, 10 * space + row, np.float32)
            env.write(lambda txn, s=space, r=row, v=vector: embeddings.put(txn, s, r, v))
    assert embeddings.drop_spaces(env, 2) == 10
    with env.read() as txn:
        assert embeddings.rows(txn, 1).tolist() == []
        assert embeddings.rows(txn, 2).tolist() == [0, 1, 2, 3, 4]
        assert not embeddings.has_other_spaces(txn, 2)
        found = embeddings.gather(txn, 2, np.asarray([1, 9, 3]), 8)
        assert found.rows.tolist() == [1, 3]
        assert found.absent.tolist() == [9]
        assert found.vectors[:, 0].tolist() == [21.0, 23.0]
