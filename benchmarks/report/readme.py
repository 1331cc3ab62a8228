"""Keep README's benchmark tables: one block a size, between two markers.

::

    <!-- benchmark table: 100k -->
    ...
    <!-- end -->
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import text
from benchmarks.report.curves import at_recall
from benchmarks.report.figures import OURS, latency_of
from benchmarks.report.speeds import by_speed, name_of, ratio_cell, speed_cell
from benchmarks.report.verdicts import Loss, grouped, losses
from benchmarks.results import Curve, PeerResult, Run

__all__ = ["END", "block", "marker", "replace", "update"]

END = "<!-- end -->"
_WORST = 5


def marker(run: Run) -> str:
    """Return the line that a run's table stands below."""
    return f"<!-- benchmark table: {text.size_name(run.data.rows)} -->"


def block(run: Run) -> str:
    """Write a run's short table and where we lose."""
    head = ["index", "recall@10", f"QPS at {run.target_recall:.2f}", f"{OURS} is"]
    head += ["p50 / p99 ms", "RAM B/vector, anonymous + mapped", "build"]
    rows = [_row(run, peer, curve) for peer, curve in by_speed(run)]
    missing = [f"{p.label} ({p.status})" for p in run.peers if p.status != "measured"]
    lines = [_measured_on(run), text.table(head, rows), _lost(run)]
    if missing:
        lines.append(f"Not measured: {', '.join(missing)}.\n")
    return "\n".join(lines)


def _row(run: Run, peer: PeerResult, curve: Curve) -> list[str]:
    found, latency, memory = at_recall(curve, run.target_recall), latency_of(peer), peer.memory
    calls = None if latency is None else (latency.p50_s, latency.p99_s)
    held = None if memory is None else (memory.anonymous_bytes, memory.file_bytes)
    return [
        name_of(peer),
        text.NOTHING if found is None else text.recall(found.point.recall, found.reached),
        speed_cell(curve, run.target_recall),
        ratio_cell(run, peer),
        " / ".join(map(text.milliseconds, calls)) if calls else text.NOTHING,
        " + ".join(text.per_row(b, run.data.rows) for b in held) if held else text.NOTHING,
        text.NOTHING if peer.build is None else text.seconds(peer.build.seconds),
    ]


def _measured_on(run: Run) -> str:
    data, machine = run.data, run.machine
    hard = data.queries.get("title")
    cosines = (
        f"; held-out queries see cosines of {hard.first:.2f}/{hard.tenth:.2f}/"
        f"{hard.hundredth:.2f} at their 1st/10th/100th neighbour, local dimension "
        f"{hard.dimension:.0f}"
        if hard
        else ""
    )
    name = text.data_name(data.name, data.rows, data.dim)
    where = f"{machine.processor}, {machine.cores} cores, kernels {machine.kernels}, one thread"
    how = f"seed {run.seed}, {run.created}, `{text.told_command(run.command)}`"
    return f"{name}, {data.metric}{cosines}. {where}; {how}.\n"


def _lost(run: Run) -> str:
    found = grouped(loss for loss in losses(run) if not loss.peer.startswith("tv5core"))
    if not found:
        return f"No other library of this run beats {OURS} in any figure of the full report.\n"
    told = "".join(f"- {_told(group)}\n" for group in found[:_WORST])
    more = len(found) - _WORST
    rest = f"- {more} more figures in the full report\n" if more > 0 else ""
    return f"Where {OURS} loses, the worst first:\n\n{told}{rest}"


def _told(group: list[Loss]) -> str:
    theirs = ", ".join(f"{loss.peer} {loss.theirs}" for loss in group[:_WORST])
    return f"{group[0].metric}: {theirs}; {OURS} {group[0].ours}"


def replace(page: str, run: Run) -> str:
    """Return the page with the run's block in place of what stood between its markers.

    Raises
    ------
    ValueError
        The markers are not there, in this order.
    """
    start = marker(run)
    before, found, rest = page.partition(start)
    _, ended, after = rest.partition(END)
    if not found or not ended or "<!-- benchmark table" in rest.partition(END)[0]:
        raise ValueError(f"expected the lines {start!r} and {END!r} in the README, got none")
    return f"{before}{start}\n\n{block(run)}\n{END}{after}"


def update(path: Path, runs: list[Run]) -> None:
    """Replace each run's block; the file changes whole or not at all.

    Raises
    ------
    ValueError
        The file cannot be read, or lacks markers.
    """
    try:
        page = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a README at {path}: {error}") from error
    for run in runs:
        page = replace(page, run)
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, "utf-8")
    partial.replace(path)
