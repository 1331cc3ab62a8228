"""A closed index says so, whenever it was closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.vectors import SearchSettings, VectorIndex


def test_closed_index_says_so(vectors: F32) -> None:
    with VectorIndex.build(vectors[:50]) as index:
        pass
    index.close()
    for call in (
        lambda: index.search(vectors[0]),
        lambda: len(index),
        lambda: 3 in index,
        index.keys,
        index.memory,
        index.audit,
        lambda: index.filter([1]),
        lambda: index.recall(vectors[:3]),
        lambda: index.settings_for(vectors[:3]),
        lambda: index.snapshot,
        lambda: index.sealed_count,
        lambda: index.live_count,
        lambda: index.removed_count,
        lambda: index.removed_sealed_count,
        lambda: index.add(vectors[:1], [1]),
        lambda: index.remove([1]),
        index.seal,
        lambda: index.calibrate(vectors[:3]),
    ):
        with pytest.raises(errors.ClosedError):
            call()  # type: ignore[operator]
    assert index.dim == 96


class ClosesWhenRead:
    """An argument during whose reading another thread closes the index."""

    def __init__(self, index: VectorIndex, value: npt.NDArray[Any]) -> None:
        self._index, self._value = index, value

    def __array__(self, *_: object, **__: object) -> npt.NDArray[Any]:
        self._index.close()
        return self._value


def test_an_index_closed_during_a_call_says_so(vectors: F32, tmp_path: Path) -> None:
    """It does not say that it knows no key, answer from no rows or publish a sealing."""
    calls: list[Callable[[VectorIndex], object]] = [
        lambda index: index.search(ClosesWhenRead(index, vectors[0])),
        lambda index: index.settings_for(ClosesWhenRead(index, vectors[:5])),
        lambda index: index.calibrate(ClosesWhenRead(index, vectors[:5])),
        lambda index: index.remove(ClosesWhenRead(index, np.asarray([3]))),
        lambda index: index.add(ClosesWhenRead(index, vectors[:1]), [3]),
        lambda index: index.seal(lambda *_: index.close()),
    ]
    for place, call in enumerate(calls):
        path = tmp_path / str(place)
        index = VectorIndex.build(vectors[:50], path=path)
        files = sorted(p.name for p in path.iterdir())
        with pytest.raises(errors.ClosedError):
            call(index)
        assert sorted(p.name for p in path.iterdir()) == files
        with VectorIndex.open(path) as again:
            assert set(again.keys()) == set(range(50))


def test_an_index_closed_while_settings_are_chosen_keeps_none(
    vectors: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = VectorIndex.build(vectors[:50])
    before = index.settings

    def choose(*_: object, **__: object) -> SearchSettings:
        index.close()
        return SearchSettings(recall=0.5)

    monkeypatch.setattr(index, "settings_for", choose)
    with pytest.raises(errors.ClosedError):
        index.calibrate(vectors[:5])
    assert index.settings == before


def test_an_index_closed_while_a_sealing_waits_says_so(
    vectors: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = VectorIndex.build(vectors[:50])

    @contextmanager
    def another() -> Iterator[None]:
        index.close()
        yield

    monkeypatch.setattr(index, "_sealing", another())
    with pytest.raises(errors.ClosedError):
        index.seal()
