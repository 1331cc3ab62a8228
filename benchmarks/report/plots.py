"""The report's pictures: recall against speed, memory, and how long single calls take.

Matplotlib is optional: see :func:`available`; the Markdown is written without it too.
Libraries have a colour each from the palette of Okabe and Ito, which colour-blind people can
distinguish; variants of one library differ by line and marker. Ours is drawn last and thickest.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from benchmarks.report import text
from benchmarks.report.curves import at_recall, front
from benchmarks.report.figures import (
    OURS,
    Workload,
    latency_of,
    measured,
    memory_split,
    workloads,
)
from benchmarks.report.speeds import by_speed
from benchmarks.results import Curve, PeerResult, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["available", "colour_of", "draw"]

_COLOURS = {
    "tv5core": "#D55E00",
    "hnswlib": "#0072B2",
    "faiss": "#009E73",
    "usearch": "#CC79A7",
    "qdrant": "#E69F00",
    "zvec": "#56B4E9",
    "lancedb": "#8C6D1F",
    "exact": "#555555",
}
_OTHER = "#999999"
_Line = Literal["-", "--", ":", "-."]
_LINES: tuple[_Line, ...] = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_PARTS = {
    "graph and codes": "#D55E00",
    "keys": "#F0E442",
    "rescoring rows": "#56B4E9",
    "other": "#999999",
}
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.dpi": 120,
    "savefig.bbox": "tight",
}
_LEAST_RECALL = 0.80


class _Look(NamedTuple):
    colour: str
    line: _Line
    marker: str
    ours: bool

    @property
    def width(self) -> float:
        return 3.0 if self.ours else 1.6


def available() -> bool:
    """Return whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def colour_of(name: str) -> str:
    """Return the colour of a library, by what its name begins with."""
    family = next((f for f in _COLOURS if name.lower().startswith(f)), "")
    return _COLOURS.get(family, _OTHER)


def draw(run: Run, folder: Path, prefix: str) -> list[tuple[str, str]]:
    """Draw all pictures of a run into a folder.

    Returns
    -------
    list of (str, str)
        Caption and file name of each picture; what was not measured has none.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    some: list[tuple[str, str, Callable[[Run], Figure | None]]] = [
        (_caption(work), _slug(work), lambda run, work=work: _curves(run, work))  # type: ignore[misc]
        for work in workloads(run)
    ]
    some += [
        ("Memory while serving", "memory", _memory),
        ("How long single calls take, held-out titles", "latency", _latency),
    ]
    with mpl.rc_context(_STYLE):
        return [
            (caption, name)
            for caption, slug, picture in some
            if (name := _save(picture(run), folder, f"{prefix}-{slug}.png"))
        ]


def _save(figure: Figure | None, folder: Path, name: str) -> str | None:
    if figure is None:
        return None
    figure.savefig(folder / name, facecolor="white")
    return name


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a figure without pyplot, which would keep it alive."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _caption(work: Workload) -> str:
    return f"Recall and speed: {work.name}"


def _slug(work: Workload) -> str:
    calls = "single" if work.single else "batch"
    k = "" if work.k == 10 else f"-k{work.k}"
    threads = "" if work.threads == 1 else f"-{work.threads}threads"
    return f"{work.queries}-{calls}{k}{threads}"


def _looks(run: Run) -> dict[str, _Look]:
    """Give each peer its colour, line and marker."""
    seen: dict[str, int] = {}
    looks = {}
    for peer in sorted(measured(run), key=lambda p: p.name != OURS):
        family = next((f for f in _COLOURS if peer.name.lower().startswith(f)), "")
        turn = seen.get(family, 0)
        seen[family] = turn + 1
        line, marker = _LINES[turn % len(_LINES)], _MARKERS[turn % len(_MARKERS)]
        looks[peer.name] = _Look(_COLOURS.get(family, _OTHER), line, marker, peer.name == OURS)
    return looks


def _subtitle(run: Run) -> str:
    name = text.data_name(run.data.name, run.data.rows, run.data.dim)
    return f"{name}; {run.machine.processor}, kernels {run.machine.kernels}"


def _log_axis(axes: Axes) -> None:
    """Scale the vertical axis by logarithm, with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _title(axes: Axes, run: Run, title: str) -> None:
    axes.set_title(title, pad=26)
    axes.text(0, 1.02, _subtitle(run), transform=axes.transAxes, fontsize=9.5, color="#666666")


# -- recall against speed -----------------------------------------------------------------


def _curves(run: Run, work: Workload) -> Figure | None:
    pairs = by_speed(run, work)
    if not pairs:
        return None
    figure, axes = _figure(9, 5.6)
    looks = _looks(run)
    for peer, curve in sorted(pairs, key=lambda pair: pair[0].name == OURS):
        _curve(axes, curve, looks[peer.name])
    _recall_axes(axes, run, work)
    _legend(axes, run, pairs, looks)
    return figure


def _curve(axes: Axes, curve: Curve, look: _Look) -> None:
    best = front(curve.points)
    recalls, speeds = [p.recall for p in best], [p.qps for p in best]
    axes.plot(
        [_spread(recall) for recall in recalls],
        speeds,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=6 if look.ours else 4,
        linewidth=look.width,
        zorder=5 if look.ours else 3,
        clip_on=True,
    )


def _spread(recall: float) -> float:
    """Place a recall on an axis that gives its last hundredths room: 0.9 and 0.99 are apart."""
    return -math.log10(max(1 - recall, 1e-3))


def _recall_axes(axes: Axes, run: Run, work: Workload) -> None:
    ticks = [0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999]
    axes.set_xticks([_spread(r) for r in ticks], [f"{r:g}" for r in ticks[:-1]] + ["≥ 0.999"])
    axes.set_xlim(_spread(_LEAST_RECALL) - 0.02, _spread(1) + 0.05)
    axes.axvline(_spread(run.target_recall), color="#888888", linewidth=1, linestyle=(0, (4, 3)))
    _log_axis(axes)
    axes.set_xlabel(f"recall@{work.k}")
    axes.set_ylabel("queries per second (log)")
    _title(axes, run, _caption(work))


def _legend(
    axes: Axes, run: Run, pairs: list[tuple[PeerResult, Curve]], looks: dict[str, _Look]
) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for peer, curve in pairs:
        look, found = looks[peer.name], at_recall(curve, run.target_recall)
        words = text.count(found.qps) if found and found.reached else "not reached"
        handles.append(
            Line2D(
                [], [], color=look.colour, linestyle=look.line, marker=look.marker,
                linewidth=look.width, label=f"{peer.label}: {words}",
            )
        )  # fmt: skip
    legend = axes.legend(
        handles=handles,
        title=f"QPS at {run.target_recall:.2f}",
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        fontsize=9.5,
        handlelength=2.6,
        alignment="left",
    )
    for (peer, _), label in zip(pairs, legend.get_texts(), strict=True):
        if peer.name == OURS:
            label.set_fontweight("bold")


# -- memory -------------------------------------------------------------------------------


def _memory(run: Run) -> Figure | None:
    peers = [peer for peer in measured(run) if peer.memory is not None]
    if not peers:
        return None
    peers.sort(key=lambda peer: -sum(memory_split(peer).values()))
    figure, axes = _figure(9, 1.8 + 0.42 * len(peers))
    _bars(axes, peers, run.data.rows)
    axes.set_yticks(range(len(peers)), [peer.label for peer in peers])
    for peer, label in zip(peers, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if peer.name == OURS else "normal")
    axes.set_xlabel("bytes a vector")
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.4, -0.75 / figure.get_figheight()), ncols=3,
        fontsize=9.5,
    )  # fmt: skip
    _title(axes, run, "Memory: structures, and what a fresh serving process holds")
    return figure


def _bars(axes: Axes, peers: list[PeerResult], rows: int) -> None:
    left = [0.0] * len(peers)
    for part, colour in _PARTS.items():
        sizes = [memory_split(peer)[part] / rows for peer in peers]
        label = "graph and codes (or whole vectors)" if part == "graph and codes" else part
        axes.barh(range(len(peers)), sizes, left=left, color=colour, label=label, height=0.62)
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    held = [_held(peer) / rows for peer in peers]
    for at, (total, resident) in enumerate(zip(left, held, strict=True)):
        apart = abs(total - resident) > 0.02 * max(total, 1)
        words = f"   {total:,.0f}" + (f" (holds {resident:,.0f})" if apart else "")
        axes.text(max(total, resident), at, words, va="center", fontsize=9.5)
    axes.plot(
        held, range(len(peers)), linestyle="none", marker="D", markersize=6, color="black",
        markerfacecolor="white", label="held after searching (anonymous + file-mapped)",
    )  # fmt: skip
    axes.set_xlim(0, 1.15 * max([*left, *held, 1]))


def _held(peer: PeerResult) -> int:
    memory = peer.memory
    return 0 if memory is None else max(0, memory.anonymous_bytes + memory.file_bytes)


# -- latency ------------------------------------------------------------------------------


def _latency(run: Run) -> Figure | None:
    found = [(p, one) for p in measured(run) if (one := latency_of(p)) and one.quantiles_s]
    if not found:
        return None
    figure, axes = _figure(9, 5.2)
    looks = _looks(run)
    for peer, one in sorted(found, key=lambda pair: -pair[1].p50_s):
        look, short = looks[peer.name], one.recall < run.target_recall
        millis = [1e3 * s for s in one.quantiles_s[:100]]
        axes.plot(
            [_spread(i / 100) for i in range(len(millis))], millis,
            color=look.colour, linestyle=look.line, linewidth=look.width,
            label=f"{peer.label}: {text.milliseconds(one.p50_s)} / {text.milliseconds(one.p99_s)}"
            + (f" (recall {one.recall:.3f})" if short else ""),
        )  # fmt: skip
    _latency_axes(axes, run)
    return figure


def _latency_axes(axes: Axes, run: Run) -> None:
    ticks = [0, 0.5, 0.75, 0.9, 0.95, 0.99]
    axes.set_xticks([_spread(t) for t in ticks], [f"{100 * t:g} %" for t in ticks])
    _log_axis(axes)
    axes.set_xlabel("share of calls that took no longer")
    axes.set_ylabel("milliseconds (log)")
    legend = axes.legend(
        title="p50 / p99 ms", loc="upper left", bbox_to_anchor=(1.02, 1), fontsize=9.5,
        handlelength=2.6, alignment="left",
    )  # fmt: skip
    ours = next((p.label for p in measured(run) if p.name == OURS), None)
    for label in legend.get_texts():
        if ours is not None and label.get_text().startswith(f"{ours}:"):
            label.set_fontweight("bold")
    title = f"Single calls at recall@10 of {run.target_recall:.2f}, held-out titles, one thread"
    _title(axes, run, title)
