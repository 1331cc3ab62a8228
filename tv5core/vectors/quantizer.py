"""Binary quantization: one sign bit a dimension and two factors that unbias the estimate.

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

__all__ = ["Quantizer", "record_stride"]

F32 = npt.NDArray[np.float32]
_ROUNDS = 4
"""Two rounds do for sentence embeddings, but where variance lies along the axes, as after a
truncated SVD, they cost 3 to 4 points of recall at 40 candidates; four equal a dense rotation."""


_LINE = 64  # bytes of a cache line


def record_stride(size: int) -> int:
    """Return how far apart sealed records of so many bytes lie.

    A record that begins with a cache line costs a walk fewer of them: at 768 dimensions 104 bytes
    lie in 2 lines instead of 2.6 on average. Records are padded to whole lines where that adds no
    more than a quarter.
    """
    padded = -(-size // _LINE) * _LINE
    return padded if 4 * padded <= 5 * size else size


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
    def record_size(self) -> int:
        """Bytes of one record: the code and two float32 factors."""
        return self.bits // 8 + 8

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
            # transforming those twice changes nothing and puts it in step.
            rotated = kernels.rotate(rotated, zeros, same)
            signs = np.concatenate([same, signs])
        turned: F32 = kernels.rotate(rotated, zeros, signs)
        turned *= self.signs[0]
        return turned

    def encode(self, vectors: F32) -> npt.NDArray[np.uint8]:
        """Turn vectors into code records: float32[n, dim] -> uint8[n, record_size]."""
        rotated = kernels.rotate(vectors, self.center, self.signs)
        codes, absolute, square = kernels.encode(rotated)
        with np.errstate(divide="ignore", invalid="ignore"):
            rescale = np.where(absolute > 0, square / absolute, 0).astype(np.float32)
        add = kernels.dot(vectors, self.center) - kernels.dot(self.center[None], self.center)[0]
        factors = np.stack([add.astype(np.float32), rescale], axis=1)
        return np.hstack([codes, factors.view(np.uint8)])

    def prepare(self, queries: F32) -> kernels.Prepared:
        """Rotate and quantize queries for the estimator: float32[n, dim] -> Prepared."""
        return kernels.prepare(queries, self.center, self.signs)
