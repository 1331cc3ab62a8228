"""Keep the tables of ``README.md`` and ``benchmarks/README.md``: blocks between markers.

``README.md`` has one small table of all runs, ``benchmarks/README.md`` a long one a size::

    <!-- benchmark summary -->
    ...
    <!-- end -->

    <!-- benchmark table: 100k -->
    ...
    <!-- end -->
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import text
from benchmarks.report.curves import Ratio, at_recall
from benchmarks.report.figures import OURS, find_peer, held, latency_of
from benchmarks.report.speeds import by_speed, name_of, paired, ratio_cells, speed_cell
from benchmarks.report.verdicts import Loss, grouped, losses
from benchmarks.results import Curve, PeerResult, Run

__all__ = ["END", "SUMMARY", "block", "marker", "replace", "summary", "update", "update_all"]

SUMMARY, END = "<!-- benchmark summary -->", "<!-- end -->"
_WORST = 5


def marker(run: Run) -> str:
    """Return the line that a run's table stands below."""
    return f"<!-- benchmark table: {text.size_name(run.data.rows)} -->"


def block(run: Run) -> str:
    """Write a run's short table and where we lose."""
    head = ["index", "recall@10", f"{OURS} QPS, same turns", "its QPS", "ratio"]
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
        *_speeds(run, peer, curve),
        " / ".join(map(text.milliseconds, calls)) if calls else text.NOTHING,
        " + ".join(text.per_row(b, run.data.rows) for b in held) if held else text.NOTHING,
        text.NOTHING if peer.build is None else text.seconds(peer.build.seconds),
    ]


def _speeds(run: Run, peer: PeerResult, curve: Curve) -> list[str]:
    """Write the two speeds and their ratio; its own speed alone where there were no turns."""
    ratio = paired(run, peer)
    if ratio is not None:
        return ratio_cells(ratio)
    return [text.NOTHING, speed_cell(curve, run.target_recall), text.NOTHING]


def summary(runs: list[Run]) -> str:
    """Write the small table: of each other library its fastest index, the nearest to us first."""
    head = ["vectors", "index", f"{OURS} QPS, same turns", "its QPS", "ratio"]
    head += ["RAM B/vector", f"{OURS} RAM B/vector"]
    rows = [row for run in runs for row in _summary_rows(run)]
    goals = ", ".join(sorted({f"{run.target_recall:.2f}" for run in runs}))
    where = ", ".join(sorted({run.machine.processor for run in runs}))
    words = (
        f"One thread of {where}; both at recall@10 of {goals}, in turns; "
        "the ratio is the quotient of the two figures beside it.\n"
    )
    return f"{text.table(head, rows, left=2)}\n{words}"


def _summary_rows(run: Run) -> list[list[str]]:
    ours = find_peer(run)
    best: dict[str, tuple[Ratio, PeerResult]] = {}
    for peer, _ in by_speed(run):
        ratio = paired(run, peer)
        if ratio is None or peer.library == "tv5core":
            continue
        known = best.get(peer.library)
        if known is None or ratio.value < known[0].value:
            best[peer.library] = ratio, peer
    n = run.data.rows
    return [
        [
            f"{n:,}",
            peer.label,
            *ratio_cells(ratio),
            text.per_row(held(peer), n),
            text.per_row(held(ours) if ours else None, n),
        ]
        for ratio, peer in sorted(best.values(), key=lambda one: one[0].value)
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
    how = f"seed {run.seed}, {run.created}, `{text.portable_command(run.command)}`"
    return f"{name}, {data.metric}{cosines}. {where}; {how}.\n"


def _lost(run: Run) -> str:
    found = grouped(loss for loss in losses(run) if not loss.peer.startswith("tv5core"))
    if not found:
        return f"No other library of this run beats {OURS} in any figure of the full report.\n"
    listed = "".join(f"- {_loss_line(group)}\n" for group in found[:_WORST])
    more = len(found) - _WORST
    rest = f"- {more} more figures in the full report\n" if more > 0 else ""
    return f"Where {OURS} loses, the worst first:\n\n{listed}{rest}"


def _loss_line(group: list[Loss]) -> str:
    theirs = ", ".join(f"{loss.peer} {loss.theirs}" for loss in group[:_WORST])
    return f"{group[0].metric}: {theirs}; {OURS} {group[0].ours}"


def replace(page: str, start: str, content: str) -> str:
    """Return the page with other content between a marker and the end after it.

    Raises
    ------
    ValueError
        The markers are not there, in this order.
    """
    before, found, rest = page.partition(start)
    _, ended, after = rest.partition(END)
    if not found or not ended or "<!-- benchmark" in rest.partition(END)[0]:
        raise ValueError(f"expected the lines {start!r} and {END!r} in the README, got none")
    return f"{before}{start}\n\n{content}\n{END}{after}"


def update(path: Path, blocks: dict[str, str]) -> None:
    """Replace blocks by their markers; the file changes whole or not at all.

    Raises
    ------
    ValueError
        The file cannot be read, or lacks markers.
    """
    _write(path, _updated(path, blocks))


def update_all(checkout: Path, runs: list[Run]) -> None:
    """Replace the small table in ``README.md`` and each run's in ``benchmarks/README.md``.

    Raises
    ------
    ValueError
        A file cannot be read or lacks markers; neither is changed then.
    """
    long = checkout / "benchmarks" / "README.md"
    pages = {
        long: _updated(long, {marker(run): block(run) for run in runs}),
        checkout / "README.md": _updated(checkout / "README.md", {SUMMARY: summary(runs)}),
    }
    for path, page in pages.items():
        _write(path, page)


def _updated(path: Path, blocks: dict[str, str]) -> str:
    try:
        page = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a README at {path}: {error}") from error
    for start, content in blocks.items():
        page = replace(page, start, content)
    return page


def _write(path: Path, page: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, "utf-8")
    partial.replace(path)
