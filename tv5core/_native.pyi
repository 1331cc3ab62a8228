from typing import overload

import numpy as np
import numpy.typing as npt

from tv5core.kernels._shared import F32, I32, U8, U32, Graph, LinkRows, Prepared, Rows

def available() -> tuple[str, ...]: ...

class Backend:
    def __init__(self, name: str) -> None: ...
    @property
    def NAME(self) -> str: ...  # noqa: N802
    def hamming(self, codes: U8, query: U8) -> I32: ...
    def rotate(self, x: F32, center: F32, signs: F32) -> F32: ...
    def encode(self, rotated: F32) -> tuple[U8, F32, F32]: ...
    def quantize_i8(self, x: F32) -> tuple[npt.NDArray[np.int8], F32]: ...
    def quantize_i16(self, x: F32) -> tuple[npt.NDArray[np.int16], F32]: ...
    def prepare(self, queries: F32, center: F32, signs: F32) -> Prepared: ...
    def asymmetric(self, query: npt.NDArray[np.int8], codes: U8) -> I32: ...
    @overload
    def dot(self, rows: npt.NDArray[np.int8], query: npt.NDArray[np.int16]) -> I32: ...
    @overload
    def dot(self, rows: npt.NDArray[np.float16] | F32, query: F32) -> F32: ...
    def scan_codes(
        self, records: U8, prepared: Prepared, k: int, allow: U8 | None = None
    ) -> tuple[U32, F32]: ...
    def scan_rows(
        self, rows: Rows, scales: F32 | None, queries: F32, k: int, allow: U8 | None = None
    ) -> tuple[U32, F32]: ...
    def rescore(
        self,
        rows: Rows,
        scales: F32 | None,
        queries: F32,
        candidates: U32,
        k: int,
        reach: F32 | None = None,
    ) -> tuple[U32, F32]: ...
    def graph(
        self, records: U8, links: U32, upper: U32, level_sizes: tuple[int, ...], bits: int
    ) -> Graph: ...
    def choose_links(
        self,
        codes: U8,
        rows: LinkRows,
        links: U32,
        start: int,
        stop: int,
        shortlist: int,
        room: int,
    ) -> U32: ...
    def join_links(
        self,
        codes: U8,
        rows: LinkRows,
        links: U32,
        offsets: npt.NDArray[np.int64],
        sources: U32,
        start: int,
        stop: int,
        shortlist: int,
        room: int,
    ) -> U32: ...
