"""The peers by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec

from benchmarks.peers.base import Peer, Shape
from benchmarks.peers.exact import Exact
from benchmarks.peers.faiss_index import FaissHnsw, FaissIvf
from benchmarks.peers.hnsw import Hnswlib
from benchmarks.peers.lance import Lance
from benchmarks.peers.qdrant import QdrantEdge
from benchmarks.peers.tv5core_index import Tv5core
from benchmarks.peers.usearch_index import Usearch, UsearchBits
from benchmarks.peers.zvec_index import Zvec

__all__ = ["NAMES", "REFERENCE", "make", "missing"]

Maker = Callable[[str, Shape], Peer]

REFERENCE = "tv5core-int8"
"""Who runs in turns with the others, where it takes part."""


def _ivf(codes: str, label: str, *, rotated: bool = True) -> Maker:
    return partial(FaissIvf, codes=codes, label=label, rotated=rotated)


_MAKERS: dict[str, Maker] = {
    "tv5core-int8": partial(Tv5core, rescoring="int8"),
    "tv5core-float16": partial(Tv5core, rescoring="float16"),
    "tv5core-float32": partial(Tv5core, rescoring="float32"),
    "hnswlib": Hnswlib,
    "usearch-f32": partial(Usearch, dtype="f32"),
    "usearch-f16": partial(Usearch, dtype="f16"),
    "usearch-i8": partial(Usearch, dtype="i8"),
    "usearch-b1": UsearchBits,
    "faiss-hnsw": partial(FaissHnsw, storage="flat"),
    "faiss-hnsw-sq8": partial(FaissHnsw, storage="sq8"),
    "faiss-ivfpq": _ivf("PQ{quarter}x4fs", "PQ fast-scan", rotated=False),
    "faiss-ivfpq-rr": _ivf("PQ{quarter}x4fsr", "rotated residual PQ fast-scan"),
    "faiss-rabitq": _ivf("RaBitQfs", "RaBitQ fast-scan"),
    "faiss-rabitq2": _ivf("RaBitQfs2", "2-bit RaBitQ fast-scan"),
    "qdrant-edge": partial(QdrantEdge, codes="binary"),
    "qdrant-edge-turbo": partial(QdrantEdge, codes="turbo"),
    "zvec": Zvec,
    "lancedb": partial(Lance, kind="ivf-rq"),
    "lancedb-hnsw-sq": partial(Lance, kind="hnsw-sq"),
    "exact": Exact,
}

NAMES = tuple(_MAKERS)


def make(name: str, shape: Shape) -> Peer:
    """Return a peer; its library is not imported yet.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    if name not in _MAKERS:
        raise ValueError(f"expected peers among {', '.join(NAMES)}, got {name!r}")
    return _MAKERS[name](name, shape)


def missing(peer: Peer) -> str | None:
    """Say why a peer's library cannot be used, or None where it can."""
    if find_spec(peer.module) is None:
        return f"{peer.library} is not installed"
    try:
        peer.version()
    except PackageNotFoundError:
        return f"{peer.library} is not installed as a distribution"
    return None
