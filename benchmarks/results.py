"""What a benchmark run writes and a report reads, as typed records.

One JSON file holds one :class:`Run`. Everything is measured, nothing derived: ratios, Pareto
fronts and interpolated speeds belong to the report. Seconds, bytes and queries a second are in the
names. None means "not measured", and ``reason`` says why where a whole peer is missing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = [
    "RECALLS",
    "AddWhileSearching",
    "Build",
    "Curve",
    "Data",
    "Filtered",
    "Latency",
    "Machine",
    "Memory",
    "Opening",
    "Paired",
    "PeerResult",
    "Point",
    "QuerySet",
    "Run",
    "read",
    "write",
]

SCHEMA = 2
_READABLE = (1, 2)
"""Schema 1 has no paired rounds, so a report of it has no ratios."""

RECALLS = (0.90, 0.95, 0.99)
"""At which speeds are compared."""


class QuerySet(msgspec.Struct, frozen=True):
    """Held-out queries and how hard they are: medians of cosines and local dimension."""

    count: int
    first: float
    tenth: float
    hundredth: float
    dimension: float


class Data(msgspec.Struct, frozen=True):
    """Rows that were indexed. ``queries`` holds "title" and, for generated data, "text"."""

    name: str
    rows: int
    dim: int
    metric: str
    content_hash: str
    queries: dict[str, QuerySet]


class Machine(msgspec.Struct, frozen=True):
    """Where it ran."""

    processor: str
    cores: int
    memory_bytes: int
    kernels: str
    python: str
    system: str
    load_before: float


class Build(msgspec.Struct, frozen=True):
    """Building and saving; ``load_before`` is the machine's load average when it began."""

    seconds: float
    threads: int
    peak_rss_bytes: int
    load_before: float


class Opening(msgspec.Struct, frozen=True):
    """Opening the saved index in a fresh process, up to the first answer."""

    warm_s: float
    warm_first_answer_s: float
    cold_s: float | None = None
    cold_first_answer_s: float | None = None


class Memory(msgspec.Struct, frozen=True):
    """Of a fresh serving process after searches, less what it held before it opened the index.

    ``parts`` are bytes of the index's structures as the library or its files report them, for
    example graph, codes, keys, rescoring; empty where a library does not.
    """

    anonymous_bytes: int
    file_bytes: int
    proportional_bytes: int
    baseline_bytes: int
    parts: dict[str, int]


class Point(msgspec.Struct, frozen=True):
    """One setting of the search knobs: the best of all rounds, and each round."""

    setting: dict[str, float]
    recall: float
    qps: float
    rounds: list[float]


class Paired(msgspec.Struct, frozen=True):
    """Rounds in which the reference peer and this one took turns, both at one recall.

    Attributes
    ----------
    reference
        Name of the peer that this one took turns with.
    recall
        At which both speeds are given, interpolated where it is between two settings.
    reference_qps, qps
        Queries a second, a figure a round: the two of one round belong together.
    """

    reference: str
    recall: float
    reference_qps: list[float]
    qps: list[float]


class Curve(msgspec.Struct, frozen=True):
    """Recall against speed; ``batch`` is queries a call, ``paired`` has one entry a recall."""

    queries: str
    k: int
    batch: int
    threads: int
    points: list[Point]
    paired: list[Paired] = []


class Latency(msgspec.Struct, frozen=True):
    """Single calls at the cheapest setting that reaches the target recall."""

    queries: str
    k: int
    setting: dict[str, float]
    recall: float
    calls: int
    p50_s: float
    p95_s: float
    p99_s: float
    quantiles_s: list[float]
    """101 quantiles, 0 to 100 %, for a plot of the distribution."""


class Filtered(msgspec.Struct, frozen=True):
    """Search among a share of the rows, single calls, one thread."""

    selectivity: float
    setting: dict[str, float]
    recall: float
    qps: float


class AddWhileSearching(msgspec.Struct, frozen=True):
    """One thread adds in blocks while another searches single queries."""

    rows_added: int
    added_per_s: float
    searches_per_s: float
    alone_searches_per_s: float
    p99_s: float
    found_share: float
    """Added rows that, searched for right after, come first."""


class PeerResult(msgspec.Struct, frozen=True):
    """One peer's results. ``status``: measured, not installed, failed or skipped."""

    name: str
    label: str
    library: str
    version: str
    parameters: dict[str, str | int | float]
    status: str
    reason: str | None = None
    build: Build | None = None
    disk_bytes: int | None = None
    opening: Opening | None = None
    memory: Memory | None = None
    curves: list[Curve] = []
    latency: list[Latency] = []
    filtered: list[Filtered] = []
    adding: AddWhileSearching | None = None
    notes: list[str] = []


class CatalogResult(msgspec.Struct, frozen=True):
    """Catalog.search from a ready vector to decoded titles."""

    titles: int
    recall: float
    qps: float
    p50_s: float
    p95_s: float
    p99_s: float
    memory: Memory


class Run(msgspec.Struct, frozen=True):
    """One run."""

    schema: int
    created: str
    command: list[str]
    seed: int
    machine: Machine
    data: Data
    peers: list[PeerResult]
    catalog: CatalogResult | None = None
    target_recall: float = 0.95


def write(run: Run, path: Path) -> None:
    """Write a run as JSON, whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    partial.replace(path)


def read(path: Path) -> Run:
    """Read a run.

    Raises
    ------
    ValueError
        The file cannot be read, is no run, or is of a newer schema.
    """
    try:
        run = msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"expected the JSON of a benchmark run in {path}: {error}") from error
    if run.schema not in _READABLE:
        raise ValueError(f"expected schema {SCHEMA} in {path}, got {run.schema}")
    return run
