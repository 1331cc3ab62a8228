"""Tables of how fast each index answers, and at which recall."""

from __future__ import annotations

from benchmarks.report import text
from benchmarks.report.curves import (
    Ratio,
    at_recall,
    find_curve,
    paired_ratio,
    paired_rounds,
    speed_at,
)
from benchmarks.report.figures import (
    OURS,
    Workload,
    curve_of,
    filtered_at,
    find_peer,
    latency_of,
    measured,
    selectivities,
    workloads,
)
from benchmarks.report.verdicts import speed_ratio
from benchmarks.results import RECALLS, Curve, Latency, PeerResult, Run

__all__ = ["by_speed", "name_of", "paired", "ratio_cells", "speed_cell", "tables"]

_NOTE = f"""\
Speeds of different indexes are compared in turns: {OURS} and the other answer the same queries one
after the other, round after round, both at the recall stated. The two QPS of a row are those of the
median round, and the ratio is their quotient: above 1, {OURS} is faster. Other QPS are the best of
their own rounds, interpolated along each index's Pareto front at the recall stated; as they were
measured at other times, their quotients mean little on a machine with other work. The setting is
the fastest that reaches the recall, with its own recall. **0.930 (!)** marks an index that never
reaches it: its best recall, and its speed there; >= marks one that is above even at its cheapest
setting, and might be faster at less recall.
"""


def tables(run: Run) -> list[str]:
    """Write all tables of speeds."""
    return [
        _headline(run),
        _in_turns(run),
        _at_recalls(run),
        *(_workload(run, work) for work in workloads(run) if _special(work)),
        _threads(run),
        *(_latency(run, queries) for queries in run.data.queries),
        _filtered(run),
    ]


def name_of(peer: PeerResult) -> str:
    """Return the label, ours in bold."""
    return f"**{peer.label}**" if peer.name == OURS else peer.label


def by_speed(run: Run, work: Workload | None = None) -> list[tuple[PeerResult, Curve]]:
    """Pair peers with their curve for a kind of search, the fastest at the target first.

    Without ``work``, held-out titles on one thread: in batches, or single calls failing that.
    Those that never reach the target come last.
    """
    found = []
    for peer in measured(run):
        curve = curve_of(peer, work) if work else find_curve(peer) or find_curve(peer, single=True)
        reached = curve and at_recall(curve, run.target_recall)
        if curve and reached:
            found.append(((not reached.reached, -reached.qps, peer.name), (peer, curve)))
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def speed_cell(curve: Curve | None, recall: float) -> str:
    """Write a curve's speed at a recall, or at its best recall, marked."""
    found = curve and at_recall(curve, recall)
    if not found:
        return text.NOTHING
    if found.reached:
        return ("" if found.exact else ">= ") + text.count(found.qps)
    return f"{text.count(found.qps)} at {text.recall(found.point.recall, False)}"


def _plain_speed(curve: Curve, recall: float) -> str:
    """Write a speed at a recall that only some are expected to reach."""
    found = at_recall(curve, recall)
    return speed_cell(curve, recall) if found is not None and found.reached else text.NOTHING


def ratio_cells(ratio: Ratio | None) -> list[str]:
    """Write our speed, theirs in the same round, and the quotient of these two figures."""
    if ratio is None:
        return [text.NOTHING] * 3
    return [f"{ratio.ours:,}", f"{ratio.theirs:,}", text.factor(ratio.value)]


def paired(run: Run, peer: PeerResult) -> Ratio | None:
    """Compare a peer with ours in turns, at the target."""
    ours = find_peer(run)
    return None if ours is None else speed_ratio(run, ours, peer)


def _headline(run: Run) -> str:
    goal = run.target_recall
    head = ["index", "setting", "recall", f"{OURS} QPS, same turns", "its QPS", "ratio"]
    head += ["QPS, batches", "QPS, one query a call", "p50 ms", "p95 ms", "p99 ms"]
    rows = [
        [
            name_of(peer),
            *_setting_cells(curve, goal),
            *ratio_cells(paired(run, peer)),
            speed_cell(find_curve(peer), goal),
            speed_cell(find_curve(peer, single=True), goal),
            *_quantiles(latency_of(peer)),
        ]
        for peer, curve in by_speed(run)
    ]
    title = f"### Speed at recall@10 of {goal:.2f}, held-out titles, one thread\n\n"
    return title + _NOTE + "\n" + text.table(head, rows, left=2)


def _in_turns(run: Run) -> str:
    """Write every comparison in turns, search by search."""
    rows = [
        [work.name, f"{recall:.2f}", name_of(peer), *ratio_cells(ratio), _range(rounds)]
        for work in workloads(run)
        for recall in sorted({*RECALLS, run.target_recall})
        for peer, curve in by_speed(run, work)
        if (rounds := paired_rounds(curve, recall, OURS))
        and (ratio := paired_ratio(curve, recall, OURS)) is not None
    ]
    if not rows:
        return ""
    head = ["search", "recall", "index", f"{OURS} QPS, same turns", "its QPS", "ratio"]
    head += ["lowest and highest round"]
    return f"### In turns with {OURS}\n\n" + text.table(head, rows, left=3)


def _range(rounds: list[Ratio]) -> str:
    """Write how far the rounds are apart: what the machine's other work does to a ratio."""
    return f"{text.factor(rounds[0].value)} - {text.factor(rounds[-1].value)}"


def _setting_cells(curve: Curve, goal: float) -> list[str]:
    found = at_recall(curve, goal)
    if found is None:
        return [text.NOTHING] * 2
    return [
        f"`{text.setting(found.point.setting)}`",
        text.recall(found.point.recall, found.reached),
    ]


def _quantiles(latency: Latency | None) -> list[str]:
    if latency is None:
        return [text.NOTHING] * 3
    return [text.milliseconds(s) for s in (latency.p50_s, latency.p95_s, latency.p99_s)]


def _at_recalls(run: Run) -> str:
    head = ["index", *(f"QPS at {recall:.2f}" for recall in RECALLS), "best recall", "QPS there"]
    rows = []
    for peer, curve in by_speed(run):
        best = max(curve.points, key=lambda p: (p.recall, p.qps))
        speeds = [_plain_speed(curve, recall) for recall in RECALLS]
        rows.append([name_of(peer), *speeds, f"{best.recall:.3f}", text.count(best.qps)])
    return "### Speed at other recalls, held-out titles, batches, one thread\n\n" + text.table(
        head, rows
    )


def _special(work: Workload) -> bool:
    """Return whether this kind of search has a table of its own."""
    return work.threads == 1 and (work.queries, work.k) != ("title", 10)


def _workload(run: Run, work: Workload) -> str:
    goal, pairs = run.target_recall, by_speed(run, work)
    head = ["index", "setting", "recall", *(f"QPS at {recall:.2f}" for recall in RECALLS)]
    rows = [
        [
            name_of(peer),
            *_setting_cells(curve, goal),
            *(_plain_speed(curve, r) if r != goal else speed_cell(curve, r) for r in RECALLS),
        ]
        for peer, curve in pairs
    ]  # fmt: skip
    return f"### {work.name[0].upper()}{work.name[1:]}\n\n" + text.table(head, rows, left=2)


def _threads(run: Run) -> str:
    rows = []
    for peer, _ in by_speed(run):
        for single in (True, False):
            rows += _thread_row(peer, single, run.target_recall)
    if not rows:
        return ""
    head = ["index", "calls", "recall", "QPS, one thread", "QPS, two threads", "ratio"]
    return "### Two threads\n\n" + text.table(head, rows, left=2)


def _thread_row(peer: PeerResult, single: bool, goal: float) -> list[list[str]]:
    """Compare thread counts at the target, or at the best recall both reach."""
    one, two = (find_curve(peer, single=single, threads=n) for n in (1, 2))
    if one is None or two is None:
        return []
    recall = min(goal, *(max(p.recall for p in curve.points) for curve in (one, two)))
    speeds = speed_at(one.points, recall), speed_at(two.points, recall)
    if speeds[0] is None or speeds[1] is None:
        return []
    calls = "one query a call" if single else f"{two.batch} queries a call"
    label = text.recall(recall, recall >= goal)
    ratio = text.factor(round(speeds[1]) / max(1, round(speeds[0])))
    return [[name_of(peer), calls, label, *map(text.count, speeds), ratio]]


def _latency(run: Run, queries: str) -> str:
    rows = [
        [
            name_of(peer),
            f"`{text.setting(one.setting)}`",
            text.recall(one.recall, one.recall >= run.target_recall),
            *_quantiles(one),
            text.milliseconds(one.quantiles_s[-1] if one.quantiles_s else None),
        ]
        for peer in measured(run)
        if (one := latency_of(peer, queries)) is not None
    ]
    if not rows:
        return ""
    head = ["index", "setting", "recall", "p50 ms", "p95 ms", "p99 ms", "longest ms"]
    title = f"### Single calls, {queries} queries, one thread\n\n"
    return title + text.table(head, sorted(rows, key=lambda row: _number(row[3])), left=2)


def _number(cell: str) -> float:
    return float(cell.replace(",", ""))


def _filtered(run: Run) -> str:
    shares = selectivities(run)
    peers = [peer for peer in measured(run) if peer.filtered]
    if not shares or not peers:
        return ""
    rows = [
        [name_of(peer), *(_filtered_cell(peer, s, run.target_recall) for s in shares)]
        for peer in peers
    ]
    head = ["index", *(f"{100 * share:.4g} % of rows" for share in shares)]
    title = "### Filtered search: QPS of single calls, at recall\n\n"
    return title + text.table(head, rows)


def _filtered_cell(peer: PeerResult, share: float, goal: float) -> str:
    one = filtered_at(peer, share)
    if one is None:
        return text.NOTHING
    return f"{text.count(one.qps)} at {text.recall(one.recall, one.recall >= goal)}"
