"""What is compared: one figure a peer, each with the recall it was measured at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.report import text
from benchmarks.report.curves import find_curve, speed_at
from benchmarks.results import Curve, Filtered, Latency, PeerResult, Run

__all__ = [
    "OURS",
    "Cost",
    "Workload",
    "amount",
    "costs",
    "curve_of",
    "filtered_at",
    "find_peer",
    "graph_and_codes",
    "held",
    "latency_of",
    "measured",
    "memory_split",
    "reaches",
    "selectivities",
    "workloads",
]

OURS = "tv5core-int8"
"""The default: what every other peer is compared with."""

_GRAPH_AND_CODES = frozenset(
    {"graph", "links", "packed_links", "upper", "codes", "records", "lists", "vectors"}
)
_ROWS = frozenset({"rescoring", "rows", "refine"})


class Workload(NamedTuple):
    """One kind of search: which curve of a peer."""

    queries: str
    k: int
    single: bool
    threads: int

    @property
    def name(self) -> str:
        """Say it in words."""
        calls = "one query a call" if self.single else "batches"
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.queries} queries, k={self.k}, {calls}, {threads}"


class Cost(NamedTuple):
    """A figure that has no recall of its own: what building, holding or opening costs."""

    name: str
    unit: str
    of: Callable[[PeerResult], float | None]
    higher: bool = False


def measured(run: Run) -> list[PeerResult]:
    """Return the peers with results."""
    return [peer for peer in run.peers if peer.status == "measured"]


def find_peer(run: Run, name: str = OURS) -> PeerResult | None:
    """Find a measured peer by name."""
    return next((peer for peer in measured(run) if peer.name == name), None)


def workloads(run: Run) -> list[Workload]:
    """List the kinds of searches in a run, the plainest first."""
    found = {
        Workload(curve.queries, curve.k, curve.batch == 1, curve.threads)
        for peer in measured(run)
        for curve in peer.curves
    }
    return sorted(found, key=lambda w: (w.queries != "title", w.queries, w.k, w.threads, w.single))


def curve_of(peer: PeerResult, work: Workload) -> Curve | None:
    """Find a peer's curve for a kind of search."""
    return find_curve(peer, work.queries, work.k, single=work.single, threads=work.threads)


def reaches(peer: PeerResult, target: float) -> bool:
    """Return whether a peer reaches a recall@10 on held-out titles in any of its curves."""
    curves = (find_curve(peer, single=single) for single in (False, True))
    return any(c is not None and speed_at(c.points, target) is not None for c in curves)


def latency_of(peer: PeerResult, queries: str = "title", k: int = 10) -> Latency | None:
    """Find the latencies of single calls."""
    return next((one for one in peer.latency if (one.queries, one.k) == (queries, k)), None)


def filtered_at(peer: PeerResult, selectivity: float) -> Filtered | None:
    """Find the filtered search at a selectivity."""
    return next((one for one in peer.filtered if one.selectivity == selectivity), None)


def selectivities(run: Run) -> list[float]:
    """List the selectivities at which any peer was measured."""
    return sorted({one.selectivity for peer in measured(run) for one in peer.filtered})


def memory_split(peer: PeerResult) -> dict[str, int]:
    """Sort an index's bytes into what every plan to save memory is about.

    Vectors that a walk compares are its codes; those that are only looked at in the end are not.
    ``other`` is anonymous memory beyond the structures that the library or its files report:
    all that is held, where they report none.
    """
    if peer.memory is None:
        return {}
    split = dict.fromkeys(("graph and codes", "keys", "rescoring rows", "other"), 0)
    for name, size in peer.memory.parts.items():
        split[_kind(name)] += size
    known = sum(split.values())
    if not known:
        split["other"] = peer.memory.anonymous_bytes + peer.memory.file_bytes
    else:
        mapped = peer.memory.file_bytes >= known // 4  # rescoring rows may be mapped, yet not read
        split["other"] += max(0, peer.memory.anonymous_bytes - (0 if mapped else known))
    return split


def _kind(part: str) -> str:
    if part in _GRAPH_AND_CODES:
        return "graph and codes"
    if part in _ROWS:
        return "rescoring rows"
    return "keys" if part == "keys" else "other"


def graph_and_codes(peer: PeerResult) -> int | None:
    """Return the bytes that a walk reads; None where the library does not report it."""
    return memory_split(peer).get("graph and codes") or None


def costs(run: Run) -> list[Cost]:
    """List what is compared besides searches."""
    n = run.data.rows
    return [
        Cost(
            "build", "vectors/s", lambda p: None if p.build is None else n / p.build.seconds, True
        ),
        Cost("size on disk", "B/vector", lambda p: _over(p.disk_bytes, n)),
        Cost("memory held, anonymous and file-mapped", "B/vector", lambda p: _over(held(p), n)),
        Cost("anonymous memory", "B/vector", lambda p: _over(held(p, mapped=False), n)),
        Cost("graph and codes", "B/vector", lambda p: _over(graph_and_codes(p), n)),
        Cost("opening, warm", "ms", lambda p: _opening_ms(p, "warm_s")),
        Cost(
            "opening to the first answer, warm",
            "ms",
            lambda p: _opening_ms(p, "warm_first_answer_s"),
        ),
        Cost(
            "opening to the first answer, cold",
            "ms",
            lambda p: _opening_ms(p, "cold_first_answer_s"),
        ),
        Cost("adding while searching", "vectors/s", lambda p: _adding(p, "added_per_s"), True),
        Cost("searching while adding", "QPS", lambda p: _adding(p, "searches_per_s"), True),
        Cost("p99 of searches while adding", "ms", lambda p: _over(_adding(p, "p99_s"), 1e-3)),
    ]


def held(peer: PeerResult, *, mapped: bool = True) -> int | None:
    """Return the bytes that a fresh process held after searching."""
    if peer.memory is None:
        return None
    return peer.memory.anonymous_bytes + (peer.memory.file_bytes if mapped else 0)


def _opening_ms(peer: PeerResult, name: str) -> float | None:
    return None if peer.opening is None else _over(getattr(peer.opening, name), 1e-3)


def _adding(peer: PeerResult, name: str) -> float | None:
    return None if peer.adding is None else float(getattr(peer.adding, name))


def _over(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def amount(value: float) -> str:
    """Write a figure to three digits or so."""
    return text.count(value) if value >= 100 else f"{value:.3g}"
