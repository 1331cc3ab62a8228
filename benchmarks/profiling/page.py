"""A profile as one page of HTML: stages beside each other, plots, and all figures as tables."""

from __future__ import annotations

import io
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.profiling.against import Point
from benchmarks.profiling.profiler import Profile
from benchmarks.profiling.stages import Stage
from benchmarks.progress import say

__all__ = ["write"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .6rem;text-align:right}"
    "td:first-child,th:first-child,td:last-child{text-align:left}tr{border-bottom:1px solid #ddd}"
    "svg{max-width:100%;height:auto}.part{color:#666}caption{text-align:left;font-weight:600}"
)
_NARROW = 0.06  # of the longest bar
_HEAD = ("stage", "us", "rows compared", "ns a row", "KB read", "recall", "")

Named = list[tuple[str, list[Stage]]]
Curves = list[tuple[str, list[Point]]]


def write(measured: Profile, path: Path) -> None:
    """Write the page as a whole; without matplotlib, it has the tables alone."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(_page(measured), "utf-8")
    partial.replace(path)


def _page(measured: Profile) -> str:
    systems: Named = [("tv5core", measured.quantized)]
    systems += [(one.name, one.stages) for one in measured.against]
    if measured.full_precision:
        systems += [(stage.name, [stage]) for stage in measured.full_precision]
    curves: Curves = [("tv5core", measured.curve)]
    curves += [(one.name, one.curve) for one in measured.against]
    title = f"A search stage by stage: {measured.data}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_conditions(measured)}</p>",
        *_pictures(systems, curves),
        *(_table(name, stages) for name, stages in systems),
        _versions(measured),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _conditions(measured: Profile) -> str:
    return (
        f"{measured.rows:,} vectors of {measured.dim} dimensions, {escape(measured.queries)} "
        f"queries, k={measured.k}, one core, kernels {escape(measured.kernels)}. Each library at "
        f"the least effort that reaches tv5core's recall of {measured.recall:.4f}; times are "
        "processor time a query."
    )


def _versions(measured: Profile) -> str:
    said = "".join(f"<li>{escape(o.name)}: {escape(o.version)}</li>" for o in measured.against)
    return f"<h2>Versions</h2><ul>{said}</ul>" if said else ""


# -- tables -------------------------------------------------------------------------------


def _table(name: str, stages: list[Stage]) -> str:
    whole = sum(stage.seconds for stage in stages if stage.counts)
    head = "".join(f"<th>{each}</th>" for each in _HEAD)
    rows = "".join(_row(stage) for stage in stages)
    return (
        f"<table><caption>{escape(name)}: {1e6 * whole:,.1f} us a query</caption>"
        f"<tr>{head}</tr>{rows}</table>"
    )


def _row(stage: Stage) -> str:
    size = None if stage.bytes_touched is None else stage.bytes_touched / 1e3
    figures = (
        (1e6 * stage.seconds, 1),
        (stage.visited, 0),
        (stage.ns_a_node, 1),
        (size, 1),
        (stage.recall, 4),
    )
    cells = "".join(
        f"<td>{'' if value is None else f'{value:,.{digits}f}'}</td>" for value, digits in figures
    )
    kind = "" if stage.counts else ' class="part"'
    return f"<tr{kind}><td>{escape(stage.name)}</td>{cells}<td>{escape(stage.note)}</td></tr>"


# -- plots --------------------------------------------------------------------------------


def _pictures(systems: Named, curves: Curves) -> list[str]:
    if find_spec("matplotlib") is None:
        say("no plots: matplotlib is missing (pip install matplotlib)")
        return []
    return [
        _picture(lambda axes: _times(axes, systems), 0.7 + 0.45 * len(systems)),
        _picture(lambda axes: _bytes(axes, systems), 0.7 + 0.45 * len(systems)),
        _picture(lambda axes: _curves(axes, curves), 4.2),
    ]


def _picture(draw: Callable[[Any], None], height: float) -> str:
    """Draw one plot as SVG that stands in the page itself."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "tv5core", "font.size": 10}):
        figure = Figure(figsize=(9, height), layout="constrained")
        draw(figure.add_subplot())
        into = io.StringIO()
        figure.savefig(into, format="svg", metadata={"Date": None})
    drawn = into.getvalue()
    return f"<figure>{drawn[drawn.index('<svg') :]}</figure>"


def _times(axes: Any, systems: Named) -> None:
    """Stack the stages of each library; those too narrow for their names go without."""
    longest = max(sum(1e6 * s.seconds for s in stages if s.counts) for _, stages in systems)
    for row, (_, stages) in enumerate(reversed(systems)):
        left = 0.0
        for place, stage in enumerate(s for s in stages if s.counts):
            wide = 1e6 * stage.seconds
            axes.barh(row, wide, left=left, color=_COLOURS[place % len(_COLOURS)])
            if wide > _NARROW * longest:
                axes.annotate(
                    stage.name, (left + wide / 2, row), ha="center", va="center", fontsize=7,
                    color="white", clip_on=True,
                )  # fmt: skip
            left += wide
        axes.annotate(f" {left:,.0f}", (left, row), va="center", fontsize=8)
    axes.set_yticks(range(len(systems)), [name for name, _ in reversed(systems)])
    axes.set(xlabel="microseconds a query", title="Where the time goes")
    axes.margins(x=0.12)


def _bytes(axes: Any, systems: Named) -> None:
    sizes = [sum(s.bytes_touched or 0 for s in stages if s.counts) / 1e3 for _, stages in systems]
    names = [name for name, _ in systems]
    bars = axes.barh(names[::-1], sizes[::-1], color=_COLOURS[0])
    axes.bar_label(bars, [f" {size:,.0f}" for size in sizes[::-1]], fontsize=8)
    axes.set(xscale="log", xlabel="KB read a query (log)", title="What a query reads")
    axes.margins(x=0.12)


def _curves(axes: Any, curves: Curves) -> None:
    for place, (name, points) in enumerate(curves):
        some = sorted(points, key=lambda point: point.seconds)
        xs, ys = [p.recall for p in some], [1e6 * p.seconds for p in some]
        axes.plot(xs, ys, marker="o", color=_COLOURS[place % len(_COLOURS)], label=name)
    axes.set(
        yscale="log", xlabel="recall", ylabel="microseconds a query (log)",
        title="Recall against time (right and down is better)",
    )  # fmt: skip
    axes.legend()
