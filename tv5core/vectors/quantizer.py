"""Quantizer: one sign bit a dimension, and two factors that make the estimate unbiased.

With ``c`` the centre, ``P`` a random orthonormal rotation and ``x' = P(x - c)``, the code of ``x``
is the sign bits of ``x'`` and (RaBitQ; Gao and Long, SIGMOD 2024)::

    <q, x>  ~  <q, c> + f_add + f_rescale * <sign bits as +-1, q'>
    f_add     = <x, c> - <c, c>
    f_rescale = |x'|^2 / sum_i |x'_i|
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.kernels.code_layout import CodeLayout

__all__ = ["Quantizer"]

F32 = npt.NDArray[np.float32]
_ROUNDS = 4
"""Two rounds are enough for sentence embeddings, but where variance is aligned with the axes, as
after a truncated SVD, they cost 3 to 4 points of recall at 40 candidates; four equal a dense
rotation."""


@dataclass(frozen=True)
class Quantizer:
    """Centre and rotation shared by all codes of an index.

    Attributes
    ----------
    center : float32[dim]
    signs : float32[rounds, bits]
        +-1; one row a round of the rotation. ``bits`` is ``dim`` padded to a multiple of 64.
    """

    center: F32
    signs: F32

    @classmethod
    def create(cls, center: F32, seed: int = 0) -> Quantizer:
        """Draw a rotation for vectors of the centre's width."""
        bits = -(-len(center) // 64) * 64
        draw = np.random.default_rng(seed).integers(0, 2, (_ROUNDS, bits))
        return cls(np.ascontiguousarray(center, np.float32), (2 * draw - 1).astype(np.float32))

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return len(self.center)

    @property
    def bits(self) -> int:
        """Width of the codes, a multiple of 64."""
        return int(self.signs.shape[1])

    @property
    def layout(self) -> CodeLayout:
        """Where the parts of a code are."""
        return CodeLayout(self.bits)

    def equals(self, other: Quantizer) -> bool:
        """Tell whether another one turns vectors into the same codes."""
        same = np.array_equal(self.center, other.center)
        return same and np.array_equal(self.signs, other.signs)

    @cached_property
    def shift(self) -> F32:
        """float32[bits]: the rotated centre, which turns ``P(x - c)`` into ``P x``."""
        rotated: F32 = self.turn(self.center[None])[0]
        return rotated

    def turn(self, vectors: F32) -> F32:
        """Rotate without centring: float32[n, dim] -> float32[n, bits]."""
        return kernels.rotate(vectors, np.zeros_like(self.center), self.signs)

    def turn_back(self, rotated: F32) -> F32:
        """Undo :meth:`turn`, where nothing was padded: float32[n, bits] -> float32[n, bits].

        A Hadamard transform is its own inverse, so rounds are repeated from the last to the first;
        their signs come after the transform now, which is before that of the round to follow.
        """
        zeros, same = np.zeros(self.bits, np.float32), np.ones((1, self.bits), np.float32)
        signs = np.concatenate([same, self.signs[:0:-1]])
        if len(self.signs) % 2 == 0:
            # The last round was of the last coordinates, and the kernel starts with the first:
            # transforming those twice changes nothing and aligns the rounds.
            rotated = kernels.rotate(rotated, zeros, same)
            signs = np.concatenate([same, signs])
        turned: F32 = kernels.rotate(rotated, zeros, signs)
        turned *= self.signs[0]
        return turned

    def encode(self, vectors: F32) -> npt.NDArray[np.uint8]:
        """Turn vectors into codes: float32[n, dim] -> uint8[n, layout.size]."""
        signs, rescale = self._signs(kernels.rotate(vectors, self.center, self.signs))
        add = kernels.dot(vectors, self.center) - kernels.dot(self.center[None], self.center)[0]
        return self.layout.join(signs, add.astype(np.float32), rescale)

    def encode_directions(self, rotated: F32) -> npt.NDArray[np.uint8]:
        """Turn centred, rotated vectors into codes: float32[n, bits] -> uint8[n, layout.size].

        The estimates of such codes leave the centre out.
        """
        signs, rescale = self._signs(rotated)
        return self.layout.join(signs, np.zeros_like(rescale), rescale)

    def _signs(self, rotated: F32) -> tuple[npt.NDArray[np.uint8], F32]:
        """Return the packed signs of rotated vectors, and ``f_rescale``."""
        signs, absolute, square = kernels.encode(rotated)
        with np.errstate(invalid="ignore"):
            rescale = np.divide(square, absolute, out=np.zeros_like(square), where=absolute > 0)
        return signs, rescale

    def prepare(self, queries: F32) -> kernels.Prepared:
        """Rotate and quantize queries for the estimator: float32[n, dim] -> Prepared."""
        return kernels.prepare(queries, self.center, self.signs)
