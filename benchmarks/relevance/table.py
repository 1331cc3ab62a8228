"""Markdown tables of runs; what tv5core loses stands first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.relevance.evaluation import GROUPS, EngineResult, GroupResult, Run
from benchmarks.report import readme, text

__all__ = ["OURS", "losses", "marker", "page", "update"]

OURS = "tv5core"
_RIVALS_OF = ("tv5core", "tv5core-semantic")
"""Whose losses are listed: the hybrid search, or the only one there is."""


def marker(half: str) -> str:
    """Return the line that a half's tables stand below in ``benchmarks/README.md``."""
    return f"<!-- benchmark relevance: {half} -->"


def update(path: Path, run: Run) -> None:
    """Replace the tables of a run's half.

    Raises
    ------
    ValueError
        The page cannot be read, or lacks the markers.
    """
    readme.update(path, {marker(run.half): page(run)})


def page(run: Run) -> str:
    """Write where we lose, the means, and success at one by group."""
    measured = [engine for engine in run.engines if engine.overall is not None]
    parts = [_heading(run), _lost(run, measured), _means(measured), _by_group(measured)]
    skipped = [f"{engine.label} ({engine.reason})" for engine in run.engines if engine.reason]
    if skipped:
        parts.append(f"Not measured: {', '.join(skipped)}.\n")
    return "\n".join(parts)


def losses(run: Run) -> list[str]:
    """List the groups in which another engine is ahead of ours at one or at ten."""
    ours = _ours(run.engines)
    found = [] if ours is None else list(_losses(ours, run.engines))
    return [line for _, line in sorted(found, reverse=True)]


def _ours(engines: list[EngineResult]) -> EngineResult | None:
    by_name = {engine.name: engine for engine in engines if engine.overall is not None}
    return next((by_name[name] for name in _RIVALS_OF if name in by_name), None)


def _losses(ours: EngineResult, engines: list[EngineResult]) -> Iterator[tuple[float, str]]:
    others = [e for e in engines if e.overall is not None and e.name != ours.name]
    for group in ours.groups:
        for measure, name in (("success_1", "@1"), ("success_10", "@10")):
            mine = getattr(ours.groups[group], measure).mean
            ahead = [(getattr(e.groups[group], measure).mean, e.label) for e in others]
            best = max(ahead, default=(0.0, ""))
            if best[0] > mine:
                listed = ", ".join(
                    f"{label} {value:.2f}" for value, label in sorted(ahead, reverse=True)
                    if value > mine
                )  # fmt: skip
                yield best[0] - mine, f"{group}, success{name}: ours {mine:.2f}; {listed}"


def _heading(run: Run) -> str:
    queries = next((e.overall.queries for e in run.engines if e.overall is not None), 0)
    same = "" if run.as_published else " Other titles or queries than those published."
    missing = f" {len(run.unresolved)} written queries ask for titles not there."
    return (
        f"{run.titles:,} titles, {queries:,} queries of the {run.half} half, seed {run.seed}; "
        f"{run.machine.processor}, {run.machine.cores} cores, load "
        f"{run.machine.load_before:.0f}, one thread; {run.created}; checksums "
        f"{run.titles_checksum}, {run.queries_checksum}.{same}{missing if run.unresolved else ''}\n"
    )


def _lost(run: Run, measured: list[EngineResult]) -> str:
    ours, found = _ours(measured), losses(run)
    if ours is None or len(measured) < 2:
        return ""
    if not found:
        return f"No other engine is ahead of {ours.label} in any group.\n"
    return f"Where {ours.label} loses, the worst first:\n\n" + "".join(
        f"- {line}\n" for line in found
    )


def _means(measured: list[EngineResult]) -> str:
    head = ["mean of groups", "success@1", "success@10", "MRR", "nDCG@10", "p50 ms", "p95 ms"]
    rows = [_mean_row(engine, engine.overall) for engine in measured if engine.overall]
    return text.table([*head, "version"], rows)


def _mean_row(engine: EngineResult, overall: GroupResult) -> list[str]:
    figures = [overall.success_1, overall.success_10, overall.mrr, overall.ndcg_10]
    return [
        engine.label,
        *(f"{f.mean:.3f} ({f.low:.2f} to {f.high:.2f})" for f in figures),
        text.milliseconds(engine.p50_s),
        text.milliseconds(engine.p95_s),
        engine.version,
    ]


def _by_group(measured: list[EngineResult]) -> str:
    groups = [name for name in GROUPS if any(name in engine.groups for engine in measured)]
    head = ["success@1 / @10", "queries", *(engine.label for engine in measured)]
    rows = [
        [
            group,
            str(max(e.groups[group].queries for e in measured)),
            *(_cell(engine.groups[group]) for engine in measured),
        ]
        for group in groups
    ]
    return text.table(head, rows)


def _cell(group: GroupResult) -> str:
    half = (group.success_1.high - group.success_1.low) / 2
    return f"{group.success_1.mean:.2f} / {group.success_10.mean:.2f} (±{half:.2f})"
