"""A plausible benchmark run to report on: made up, with losses, misses and a failure."""

from __future__ import annotations

import msgspec

from benchmarks.report.curves import speed_at
from benchmarks.results import (
    RECALLS,
    AddWhileSearching,
    Build,
    CatalogResult,
    Curve,
    Data,
    Filtered,
    Latency,
    Machine,
    Memory,
    Opening,
    Paired,
    PeerResult,
    Point,
    QuerySet,
    Run,
)

WIDTHS = (32, 64, 96, 128, 192, 256, 384)
HARD = {"title": 1.0, "text": 2.2}


def curve(
    speed: float,
    ease: float,
    queries: str = "title",
    k: int = 10,
    batch: int = 1000,
    threads: int = 1,
    best: float = 1.0,
) -> Curve:
    """Recall approaches ``best`` as the pool grows, at a speed that falls off with it."""
    hard = HARD[queries] * (1.6 if k == 100 else 1.0)
    points = []
    for width in WIDTHS:
        recall = best * (1 - 0.5 * hard * (width * ease) ** -0.9)
        qps = speed * 32 / width * (0.8 if batch == 1 else 1.0) * (1.9 if threads == 2 else 1.0)
        points.append(Point({"ef": width}, max(0.3, recall), qps, [0.97 * qps, qps]))
    return Curve(queries, k, batch, threads, points)


def latency(p50_s: float, recall: float, queries: str = "title") -> Latency:
    quantiles = [p50_s * (0.7 + 0.3 * (i / 50) ** 1.6) for i in range(101)]
    return Latency(
        queries, 10, {"ef": 96}, recall, 2000, p50_s, quantiles[95], quantiles[99], quantiles
    )


def peer(
    name: str,
    library: str,
    speed: float,
    ease: float,
    *,
    build_s: float = 40.0,
    row_bytes: int = 3300,
    parts: dict[str, int] | None = None,
    best: float = 1.0,
    rows: int = 100_000,
) -> PeerResult:
    kinds = [
        {"queries": q, "k": k, "batch": b, "threads": t}
        for q, k, b, t in (
            ("title", 10, 1000, 1), ("title", 10, 1, 1), ("text", 10, 1000, 1),
            ("title", 100, 1000, 1), ("title", 10, 1000, 2), ("title", 10, 1, 2),
        )
    ]  # fmt: skip
    part_bytes = {part: rows * size for part, size in (parts or {}).items()}
    held = rows * row_bytes
    return PeerResult(
        name=name,
        label=name.replace("-", " "),
        library=library,
        version="1.2.3",
        parameters={"connectivity": 16, "expansion_add": 128},
        status="measured",
        build=Build(build_s, 2, 2 * held, 0.3),
        disk_bytes=held,
        opening=Opening(0.01 + held / 4e9, 0.012 + held / 4e9, 0.05, 0.4),
        memory=Memory(
            0 if part_bytes else held, held if part_bytes else 0, held, 60_000_000, part_bytes
        ),
        curves=[curve(speed, ease, best=best, **kind) for kind in kinds],
        latency=[latency(2 / speed, best * 0.955), latency(6 / speed, best * 0.953, "text")],
        filtered=[Filtered(s, {"ef": 96}, 0.97, speed * s) for s in (0.001, 0.01, 0.1, 1.0)],
        adding=AddWhileSearching(5000, 4000.0, speed / 4, speed / 2, 4 / speed, 0.99),
        notes=["a note"],
    )  # fmt: skip


def in_turns(ours: PeerResult, peer: PeerResult) -> PeerResult:
    """Add rounds in turns in which both are as fast as their curves say, but for one slow round."""
    curves = []
    for own, curve in zip(ours.curves, peer.curves, strict=True):
        paired = []
        for recall in RECALLS:
            a, b = speed_at(own.points, recall), speed_at(curve.points, recall)
            if a is not None and b is not None:
                rounds = [a, 0.5 * a, 0.9 * a], [b, 0.1 * b, 0.95 * b]
                paired.append(Paired(ours.name, recall, *rounds))
        curves.append(msgspec.structs.replace(curve, paired=paired))
    return msgspec.structs.replace(peer, curves=curves)


def _peers(rows: int) -> list[PeerResult]:
    ours, *others = _alone(rows)
    return [ours, *(in_turns(ours, peer) for peer in others)]


def _alone(rows: int) -> list[PeerResult]:
    ours = {"graph": 130, "codes": 104, "keys": 12, "rescoring": 772}
    return [
        peer("tv5core-int8", "tv5core", 30_000, 0.35, build_s=9, row_bytes=700, parts=ours),
        peer("tv5core-float16", "tv5core", 34_000, 0.36, build_s=11, row_bytes=900,
             parts={**ours, "rescoring": 1536}),
        peer("hnswlib", "hnswlib", 5_200, 0.6, build_s=47),
        peer("usearch-f16", "usearch", 4_000, 0.55, build_s=33, row_bytes=1685),
        peer("usearch-b1", "usearch", 12_000, 0.12, build_s=6, row_bytes=245),
        peer("faiss-hnsw", "faiss", 4_900, 0.6, build_s=60, row_bytes=3400),
        peer("faiss-ivfpq", "faiss", 24_000, 0.3, build_s=70, row_bytes=900,
             parts={"lists": 104, "rescoring": 768}),
        peer("qdrant-bq", "qdrant-edge", 2_000, 0.4, row_bytes=3600),
        peer("zvec", "zvec", 6_000, 0.2, row_bytes=3500, best=0.93),
        peer("lancedb", "lancedb", 300, 0.3, row_bytes=200),
        msgspec.structs.replace(
            peer("exact", "tv5core", 60, 1e6, build_s=0.1, row_bytes=3072), library="numpy"
        ),
    ]  # fmt: skip


def run(rows: int = 100_000) -> Run:
    """Make a run of a size."""
    missing = {
        "library": "x", "version": "", "parameters": {}, "curves": [],
    }  # fmt: skip
    return Run(
        schema=2,
        created="2026-01-02T03:04:05Z",
        command=["python", "-m", "benchmarks", "run", "--size", "100k"],
        seed=7,
        machine=Machine("Some CPU", 2, 16 * 10**9, "avx2", "3.11.7", "Linux 6", 0.1),
        data=Data(
            "title-like", rows, 768, "cosine", "0123456789abcdef0123",
            {
                "title": QuerySet(1000, 0.65, 0.55, 0.49, 37.2),
                "text": QuerySet(1000, 0.43, 0.37, 0.32, 60.1),
            },
        ),
        peers=[
            *(_peers(rows)),
            PeerResult(name="vald", label="vald", status="not installed",
                       reason="pip install vald", **missing),
            PeerResult(name="faiss-rabitq", label="FAISS RaBitQ", status="failed",
                       reason="RuntimeError: out of memory", **missing),
        ],
        catalog=CatalogResult(rows, 0.951, 4000.0, 0.00027, 0.00035, 0.00042,
                              Memory(54_000_000, 300_000_000, 350_000_000, 0, {})),
    )  # fmt: skip
