"""The report's Markdown: one section a run; tables of speeds and of costs are apart."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.report import holding, speeds, text
from benchmarks.report.figures import OURS, find_peer, measured
from benchmarks.report.verdicts import Loss, Verdict, grouped, losses, targets
from benchmarks.results import Run

__all__ = ["run_section"]

_WORDS = {True: "met: ", False: "**missed**: ", None: "open: "}


def run_section(run: Run, pictures: Iterable[tuple[str, str]] = ()) -> str:
    """Write everything about a run.

    Parameters
    ----------
    run : Run
    pictures : iterable of (str, str)
        Caption and file name, relative to the report.
    """
    parts = [
        f"## {text.data_name(run.data.name, run.data.rows, run.data.dim)}, {run.data.metric}\n",
        _measured_on(run),
        _targets(run),
        _losses(run),
        *speeds.tables(run),
        *holding.tables(run),
        _missing(run),
        _notes(run),
        *(f"![{caption}]({name})\n" for caption, name in pictures),
    ]
    return "\n".join(part for part in parts if part)


def _measured_on(run: Run) -> str:
    machine = run.machine
    versions = sorted({(p.library, p.version) for p in run.peers if p.version})
    where = (
        f"{machine.processor}, {machine.cores} cores, {text.gigabytes(machine.memory_bytes)}, "
        f"{machine.system}, Python {machine.python}, kernels {machine.kernels}, "
        f"load before {machine.load_before:.2f}"
    )
    lines = [
        f"- machine: {where}",
        f"- versions: {', '.join(f'{name} {number}' for name, number in versions)}",
        f"- data: {run.data.name}, content {run.data.content_hash[:16]}; seed {run.seed}",
        f"- measured {run.created} with `{text.portable_command(run.command)}`",
    ]
    return "### Measured on\n\n" + "\n".join(lines) + f"\n\n{_hardness(run)}"


def _hardness(run: Run) -> str:
    head = ["queries", "count", "cosine of the 1st", "10th", "100th neighbour", "dimension"]
    rows = [
        [kind, text.count(q.count), *(f"{c:.3f}" for c in (q.first, q.tenth, q.hundredth)),
         f"{q.dimension:.1f}"]
        for kind, q in run.data.queries.items()
    ]  # fmt: skip
    return text.table(head, rows) + (
        "\nMedians over the queries; the dimension is the local intrinsic one (maximum likelihood "
        "over 100 neighbours).\n"
    )


def _targets(run: Run) -> str:
    names = [peer.name for peer in measured(run) if peer.name.startswith("tv5core")]
    columns = [{v.target: v for v in targets(run, name)} for name in names]
    wanted = list(dict.fromkeys(target for column in columns for target in column))
    if not wanted:
        return ""
    rows = [[target, *(_verdict(column.get(target)) for column in columns)] for target in wanted]
    head = ["target", *(f"**{name}**" if name == OURS else name for name in names)]
    return "### Targets\n\n" + text.table(head, rows, left=len(head))


def _verdict(verdict: Verdict | None) -> str:
    return text.NOTHING if verdict is None else _WORDS[verdict.met] + verdict.figure


def _losses(run: Run) -> str:
    title = f"### Where {OURS} loses\n\n"
    if find_peer(run) is None:
        return f"{title}{OURS} was not measured in this run.\n"
    found = losses(run)
    if not found:
        return f"{title}No peer beats it in any figure of this run at the recall asked for.\n"
    others = [loss for loss in found if not loss.peer.startswith("tv5core")]
    own = [loss for loss in found if loss.peer.startswith("tv5core")]
    words = (
        f"Every figure in which an index that reaches the recall beats it: {len(others)} to other "
        f"libraries, {len(own)} to tv5core's other settings. The worst first. "
        "Where both took turns, speeds are of one round; else each is as timed.\n\n"
    )
    return title + words + "\n".join(_loss_table(some) for some in (others, own) if some)


def _loss_table(found: list[Loss]) -> str:
    head = ["figure", "at recall", OURS, "who is better, and how many times"]
    rows = [
        [group[0].metric, f"{group[0].recall:.3f}", group[0].ours, "; ".join(map(_loss, group))]
        for group in grouped(found)
    ]
    return text.table(head, rows, left=4)


def _loss(loss: Loss) -> str:
    factor = "" if loss.factor is None else f" ({text.factor(loss.factor)})"
    return f"{loss.peer} {loss.theirs}{factor}"


def _missing(run: Run) -> str:
    rows = [
        [peer.label, peer.status, peer.reason or text.NOTHING]
        for peer in run.peers
        if peer.status != "measured"
    ]
    if not rows:
        return ""
    return "### Not measured\n\n" + text.table(["index", "status", "reason"], rows, left=3)


def _notes(run: Run) -> str:
    lines = [f"- {_described(peer.label, peer.parameters)}" for peer in measured(run)]
    notes = [f"- {peer.label}: {note}" for peer in measured(run) for note in peer.notes]
    return "### How each was built\n\n" + "\n".join([*lines, *notes]) + "\n"


def _described(label: str, parameters: dict[str, str | int | float]) -> str:
    words = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"{label}: {words or 'no parameters'}"
