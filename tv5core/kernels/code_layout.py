"""CodeLayout: where the parts of a row's code are, in bytes; the C kernels read the same layout.

A code is the row's sign bits, then two float32 factors, ``f_add`` and ``f_rescale``, that make the
estimate of an inner product unbiased. In the record of a sealed row it is followed by the place of
the row's links, 8 bytes, and by padding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["CodeLayout"]

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]

_CACHE_LINE = 64
_FACTOR_BYTES = 8
_PLACE_BYTES = 8


class CodeLayout(NamedTuple):
    """Layout of the codes of ``bits`` sign bits, a multiple of 64."""

    bits: int

    @property
    def sign_bytes(self) -> int:
        """Bytes of the sign bits; the factors follow."""
        return self.bits // 8

    @property
    def size(self) -> int:
        """Bytes of a code without padding."""
        return self.sign_bytes + _FACTOR_BYTES

    @property
    def stride(self) -> int:
        """Bytes from one record to the next.

        A record that begins with a cache line costs a walk fewer of them: at 768 bits, 112 bytes
        lie in 2 lines instead of 2.6 on average. Records are padded to whole lines where that adds
        no more than a quarter.
        """
        used = self.size + _PLACE_BYTES
        padded = -(-used // _CACHE_LINE) * _CACHE_LINE
        return padded if 4 * padded <= 5 * used else used

    def join(self, signs: U8, add: F32, rescale: F32) -> U8:
        """Make codes of their parts: uint8[n, bits / 8], float32[n] twice -> uint8[n, size]."""
        factors = np.stack([add, rescale], axis=1)
        return np.hstack([signs, factors.view(np.uint8)])

    def signs(self, codes: U8) -> U8:
        """Return the packed sign bits: uint8[n, bits / 8]."""
        return codes[:, : self.sign_bytes]

    def factors(self, codes: U8) -> F32:
        """Return ``f_add`` and ``f_rescale``: float32[n, 2], a copy."""
        return np.ascontiguousarray(codes[:, self.sign_bytes : self.size]).view(np.float32)

    def places(self, records: U8) -> U64:
        """Return where the links of rows are: uint64[n], a copy."""
        places = records[:, self.size : self.size + _PLACE_BYTES]
        return np.ascontiguousarray(places).view(np.uint64)[:, 0]

    def set_places(self, records: U8, places: U64) -> None:
        """Write where the links of rows are behind their codes."""
        written = places.astype(np.uint64).view(np.uint8).reshape(len(places), _PLACE_BYTES)
        records[:, self.size : self.size + _PLACE_BYTES] = written

    def pad(self, codes: U8) -> U8:
        """Pad codes to records: uint8[n, size] -> uint8[n, stride]."""
        return np.pad(codes, ((0, 0), (0, self.stride - self.size)))

    def aligned(self, count: int) -> U8:
        """Return room for ``count`` records, zeroed, that begins with a cache line."""
        memory = np.zeros(count * self.stride + _CACHE_LINE, np.uint8)
        start = -memory.ctypes.data % _CACHE_LINE
        return memory[start : start + count * self.stride].reshape(count, self.stride)
