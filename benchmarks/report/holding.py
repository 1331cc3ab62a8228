"""Tables of what an index costs: building, disk, memory, opening, adding; and the catalogue."""

from __future__ import annotations

from benchmarks.report import text
from benchmarks.report.curves import at_recall
from benchmarks.report.figures import memory_split
from benchmarks.report.speeds import by_speed, name_of
from benchmarks.results import Curve, PeerResult, Run

__all__ = ["tables"]


def tables(run: Run) -> list[str]:
    """Write all tables of costs."""
    return [_costs(run), _memory(run), _adding(run), _catalog(run)]


def _recall(curve: Curve, goal: float) -> str:
    found = at_recall(curve, goal)
    return text.NOTHING if found is None else text.recall(found.point.recall, found.reached)


def _costs(run: Run) -> str:
    head = ["index", "recall", "build", "vectors/s", "threads", "peak memory", "disk B/vector"]
    head += ["open, warm ms", "to the first answer ms", "open, cold ms", "to the first answer ms"]
    rows = [
        [name_of(peer), _recall(curve, run.target_recall), *_build(run, peer), *_opening(peer)]
        for peer, curve in by_speed(run)
    ]
    return "### Building, disk and opening\n\n" + text.table(head, rows)


def _build(run: Run, peer: PeerResult) -> list[str]:
    disk = text.per_row(peer.disk_bytes, run.data.rows)
    build = peer.build
    if build is None:
        return [text.NOTHING] * 4 + [disk]
    rate = text.count(run.data.rows / build.seconds)
    peak = text.gigabytes(build.peak_rss_bytes)
    return [text.seconds(build.seconds), rate, str(build.threads), peak, disk]


def _opening(peer: PeerResult) -> list[str]:
    one = peer.opening
    if one is None:
        return [text.NOTHING] * 4
    times = (one.warm_s, one.warm_first_answer_s, one.cold_s, one.cold_first_answer_s)
    return [text.milliseconds(value) for value in times]


def _memory(run: Run) -> str:
    head = ["index", "recall", "graph and codes", "keys", "rescoring rows", "other"]
    head += ["anonymous", "file-mapped", "proportional"]
    n = run.data.rows
    rows = [
        [name_of(peer), _recall(curve, run.target_recall), *_memory_cells(peer, n)]
        for peer, curve in by_speed(run)
        if peer.memory is not None
    ]
    if not rows:
        return ""
    note = (
        "The first four are sizes of structures as the library or its files report them, read or "
        "not: what a search compares first (codes, or whole vectors), and what it looks at in the "
        "end. "
        "*Other* is what is not attributed, and anonymous memory beyond all that is reported. The "
        "last three are what a fresh process held after searching, less what it held before.\n\n"
    )
    return "### Memory while serving, bytes a vector\n\n" + note + text.table(head, rows)


def _memory_cells(peer: PeerResult, n: int) -> list[str]:
    memory = peer.memory
    if memory is None:
        return []
    held = (memory.anonymous_bytes, memory.file_bytes, memory.proportional_bytes)
    return [text.per_row(size, n) for size in (*memory_split(peer).values(), *held)]


def _adding(run: Run) -> str:
    rows = [
        [
            name_of(peer),
            text.count(one.rows_added),
            text.count(one.added_per_s),
            text.count(one.searches_per_s),
            text.count(one.alone_searches_per_s),
            text.milliseconds(one.p99_s),
            f"{100 * one.found_share:.1f} %",
        ]
        for peer, curve in by_speed(run)
        if (one := peer.adding) is not None
    ]
    if not rows:
        return ""
    head = ["index", "rows added", "added/s", "searches/s meanwhile", "searches/s alone"]
    head += ["p99 ms meanwhile", "added rows found first"]
    return "### Adding while searching\n\n" + text.table(head, rows)


def _catalog(run: Run) -> str:
    one = run.catalog
    if one is None:
        return ""
    head = ["titles", "recall@10", "QPS, one thread", "p50 ms", "p95 ms", "p99 ms"]
    head += ["anonymous", "file-mapped", "proportional"]
    held = (one.memory.anonymous_bytes, one.memory.file_bytes, one.memory.proportional_bytes)
    row = [
        text.count(one.titles),
        text.recall(one.recall, one.recall >= run.target_recall),
        text.count(one.qps),
        *map(text.milliseconds, (one.p50_s, one.p95_s, one.p99_s)),
        *map(text.gigabytes, held),
    ]
    title = "### `Catalog.search`: from a ready vector to ten decoded titles\n\n"
    return title + text.table(head, [row], left=0)
