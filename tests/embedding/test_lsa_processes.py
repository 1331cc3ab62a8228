"""Titles embedded in processes have the vectors that the embedder gives them here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.crash.model import title
from tv5core.embedding import LsaEmbedder
from tv5core.embedding.lsa_processes import LsaProcesses

TITLES = [title(f"t:{n}:a", n % 9) for n in range(50)]


@pytest.fixture(scope="module")
def embedder() -> LsaEmbedder:
    return LsaEmbedder().fit(TITLES)


@pytest.fixture(scope="module")
def processes(
    embedder: LsaEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LsaProcesses]:
    path: Path = tmp_path_factory.mktemp("model") / "model"
    embedder.save(path)
    with LsaProcesses(embedder, path, 2) as made:
        yield made


def test_blocks_have_the_same_bits(embedder: LsaEmbedder, processes: LsaProcesses) -> None:
    starts = [0, 1, 2, 20, 20, 50]
    blocks = [(start, TITLES[start:stop]) for start, stop in pairwise(starts)]
    found = list(processes.blocks(blocks))
    assert [start for start, _ in found] == starts[:-1]
    whole = embedder.embed_titles(TITLES)
    np.testing.assert_array_equal(np.concatenate([vectors for _, vectors in found]), whole)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 49])
def test_shares_have_the_same_bits(
    embedder: LsaEmbedder, processes: LsaProcesses, count: int
) -> None:
    some = TITLES[:count]
    np.testing.assert_array_equal(processes.embed(some), embedder.embed_titles(some))


def test_a_title_has_one_vector_whatever_it_is_embedded_with(embedder: LsaEmbedder) -> None:
    whole = embedder.embed_titles(TITLES)
    for place in range(0, len(TITLES), 10):
        alone = embedder.embed_titles(TITLES[place : place + 1])
        np.testing.assert_array_equal(alone, whole[place : place + 1])
