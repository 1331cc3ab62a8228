from typing import overload

import numpy as np
import numpy.typing as npt

from tv5core.kernels._protocols import Graph, Linker
from tv5core.kernels._types import (
    F32,
    I32,
    I64,
    U8,
    U32,
    U64,
    LinkRows,
    PackedLinks,
    PostingBlocks,
    Prepared,
    Rows,
    ScoredLists,
    ScoredWords,
    ValueLists,
)

def available() -> tuple[str, ...]: ...

class Backend:
    def __init__(self, name: str) -> None: ...
    @property
    def NAME(self) -> str: ...  # noqa: N802
    def hamming(self, sign_bits: U8, query: U8) -> I32: ...
    def rotate(self, x: F32, center: F32, signs: F32) -> F32: ...
    def squared_norms(self, x: F32) -> F32: ...
    def normalize(self, x: F32) -> tuple[F32, F32]: ...
    def gather(self, keys: I64, rows: U32) -> I64: ...
    def find_keys(self, keys: I64, by_key: U32, wanted: I64) -> I64: ...
    def rows_with_keys(self, keys: I64, wanted: I64) -> U8: ...
    def encode(self, rotated: F32) -> tuple[U8, F32, F32]: ...
    def quantize_i8(self, x: F32) -> tuple[npt.NDArray[np.int8], F32]: ...
    def quantize_i16(self, x: F32) -> tuple[npt.NDArray[np.int16], F32]: ...
    def quantize_rows(
        self, x: F32, finer: bool = False
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8] | None, F32]: ...
    def prepare(self, queries: F32, center: F32, signs: F32) -> Prepared: ...
    def asymmetric(self, query: npt.NDArray[np.int8], sign_bits: U8) -> I32: ...
    @overload
    def dot(self, rows: npt.NDArray[np.int8], query: npt.NDArray[np.int16]) -> I32: ...
    @overload
    def dot(self, rows: npt.NDArray[np.float16] | F32, query: F32) -> F32: ...
    def scan_codes(
        self, codes: U8, prepared: Prepared, k: int, allow: U8 | None = None
    ) -> tuple[U32, F32]: ...
    def scan_bounded(
        self,
        codes: U8,
        prepared: Prepared,
        rows: Rows,
        scales: F32 | None,
        queries: F32,
        k: int,
        error_margin: float,
        allow: U8 | None = None,
        residuals: npt.NDArray[np.int8] | None = None,
        compared: I32 | None = None,
    ) -> tuple[U32, F32]: ...
    def scan_rows(
        self,
        rows: Rows,
        scales: F32 | None,
        queries: F32,
        k: int,
        allow: U8 | None = None,
        residuals: npt.NDArray[np.int8] | None = None,
    ) -> tuple[U32, F32]: ...
    def rescore(
        self,
        rows: Rows,
        scales: F32 | None,
        queries: F32,
        candidates: U32,
        k: int,
        upper_bounds: F32 | None = None,
        residuals: npt.NDArray[np.int8] | None = None,
        compared: I32 | None = None,
    ) -> tuple[U32, F32]: ...
    def decode_postings(
        self, blocks: PostingBlocks, starts: U32, counts: U32
    ) -> tuple[U32, U8]: ...
    def count_documents(
        self, blocks: PostingBlocks, starts: U32, counts: U32, n: int, alive: U8 | None = None
    ) -> int: ...
    def score_postings(
        self,
        blocks: PostingBlocks,
        lists: ScoredLists,
        words: ScoredWords,
        essential: int,
        groups: int,
        lengths: U8,
        norms: F32,
        allow: U8 | None = None,
    ) -> tuple[U32, F32, U64]: ...
    def within_edits(
        self,
        word: U32,
        signature: int,
        edits: int,
        signatures: U64,
        terms: U32,
        offsets: U32,
        data: U8,
    ) -> tuple[U32, U8]: ...
    def prefixes_within_edits(
        self, word: U32, edits: int, allow: U8, offsets: U32, data: U8
    ) -> tuple[U32, U8]: ...
    def top_scores(self, scores: F32, k: int) -> tuple[U32, F32]: ...
    def count_values(self, lists: ValueLists, mask: int, bits: U8, n: int, groups: int) -> U32: ...
    def invert_values(
        self, lists: ValueLists, n: int, count: int
    ) -> tuple[U32, U32, U8 | None]: ...
    def take_values(
        self, lists: ValueLists, documents: I64, targets: U32, values: U32, roles: U8 | None
    ) -> None: ...
    def graph(
        self,
        codes: U8,
        links: U32 | PackedLinks,
        centroids: U8,
        offsets: U32,
        probes: int,
        bits: int,
    ) -> Graph: ...
    def linker(self, rows: LinkRows, links: U32, pruned_degree: int, max_degree: int) -> Linker: ...
