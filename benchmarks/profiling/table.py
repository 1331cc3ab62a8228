"""A profile as a table for people, and as JSON."""

from __future__ import annotations

import json

import msgspec

from benchmarks.profiling.profiler import Profile
from benchmarks.profiling.stages import Stage

__all__ = ["encoded", "table"]


def encoded(measured: Profile) -> str:
    """Return a profile as JSON, with nanoseconds a node."""
    fields = msgspec.to_builtins(measured)
    for name in ("quantized", "full_precision"):
        for stage, line in zip(getattr(measured, name), fields[name], strict=True):
            line["ns_a_node"] = stage.ns_a_node
    return json.dumps(fields, indent=1)


def table(measured: Profile) -> str:
    """Draw the profile as a table of lines."""
    whole = sum(stage.seconds for stage in measured.quantized if stage.counts)
    data = f"{measured.data}: {measured.rows:,} x {measured.dim}"
    asked = f"{measured.queries} queries, k={measured.k}"
    knobs = f"expansion_search={measured.expansion_search} oversampling={measured.oversampling:g}"
    if measured.error_margin is not None:
        knobs += f" error_margin={measured.error_margin:g}"
    lines = [
        f"{data}, {asked}; kernels {measured.kernels}, one core",
        f"{knobs}: recall {measured.recall:.4f}",
        "",
        f"{'stage':<24}{'us':>10}{'share':>8}{'visited':>10}{'ns/node':>9}{'KB':>10}{'recall':>8}",
        *(_line(stage, whole) for stage in measured.quantized),
        f"{'sum of the stages':<24}{1e6 * whole:>10.1f}",
        f"{'search, batch':<24}{1e6 * measured.search_s:>10.1f}",
        f"{'search, single call':<24}{1e6 * measured.single_s:>10.1f}",
        "",
        *(_line(stage, None) for stage in measured.full_precision),
    ]
    wholes = [(stage.name, stage.seconds) for stage in measured.full_precision]
    for system in measured.against:
        seconds = sum(stage.seconds for stage in system.stages)
        lines += [f"{system.name} {system.version}", *_stages(system.stages), ""]
        wholes.append((system.name, seconds))
    faster = [
        f"{name}: {seconds / measured.search_s:.1f} times a quantized search"
        for name, seconds in wholes
    ]
    return "\n".join([*lines, *faster]).rstrip()


def _stages(stages: list[Stage]) -> list[str]:
    whole = sum(stage.seconds for stage in stages)
    return [_line(stage, whole) for stage in stages]


def _line(stage: Stage, whole: float | None) -> str:
    def cell(value: float | None, wide: int, digits: int) -> str:
        return f"{'-':>{wide}}" if value is None else f"{value:>{wide},.{digits}f}"

    share = f"{stage.seconds / whole:>8.1%}" if whole and stage.counts else f"{'':>8}"
    size = None if stage.bytes_touched is None else stage.bytes_touched / 1e3
    return (
        f"{stage.name:<24}{cell(1e6 * stage.seconds, 10, 1)}{share}{cell(stage.visited, 10, 0)}"
        f"{cell(stage.ns_a_node, 9, 1)}{cell(size, 10, 1)}{cell(stage.recall, 8, 4)}"
        + (f"  {stage.note}" if stage.note else "")
    )
