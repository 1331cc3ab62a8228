"""Pictures of the published tables: what ``benchmarks/README.md`` says, for the documentation.

Figures are read from the tables themselves, so a picture cannot say anything else. Each is drawn
for a light and for a dark page. A table that is not there has no picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.report.plots import colour_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PICTURES", "Table", "draw_all", "tables_below"]

_NUMBER = re.compile(r"(?<![\w.])[\d,]*\.?\d+")
_THEMES = {"light": "#222222", "dark": "#d6d6d6"}
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "savefig.bbox": "tight",
    "svg.fonttype": "none",  # letters stay letters
    "svg.hashsalt": "tv5core",  # the same picture is the same file
    "font.family": "sans-serif",
}
_INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")


class Table(NamedTuple):
    """A table of a page, as text."""

    head: list[str]
    rows: list[list[str]]

    def column(self, *names: str) -> list[str] | None:
        """Return the cells below the first of these words that a heading has."""
        for name in names:
            for at, title in enumerate(self.head):
                if name in title:
                    return [row[at] for row in self.rows]
        return None


def tables_below(page: str, heading: str) -> list[Table]:
    """Return the tables of the sections whose headings begin so."""
    found: list[Table] = []
    for section in re.split(r"^(?=#+ )", page, flags=re.MULTILINE):
        if re.match(rf"#+ {re.escape(heading)}", section):
            found += _tables(section)
    return found


def _tables(section: str) -> Iterator[Table]:
    for lines in re.findall(r"(?:^\|.*\|$\n?)+", section, re.MULTILINE):
        cells = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in lines.split("\n")
        ]
        head, _, *rows = (row for row in cells if row != [""])
        yield Table(head, rows)


def _number(cell: str) -> float | None:
    found = _NUMBER.search(cell)
    return float(found[0].replace(",", "")) if found else None


def _plain(name: str) -> str:
    return name.replace("*", "").strip()


# -- speed and memory ---------------------------------------------------------------------


def _speed(page: str, rows: str) -> Figure | None:
    """Draw queries a second at the recall asked for; lighter where it was not reached."""
    for table in tables_below(page, f"{rows} vectors"):
        cells = table.column("its QPS", "QPS at")
        if cells and (bars := _bars(table, cells)):
            figure, axes = _figure(len(bars))
            _horizontal(axes, bars)
            axes.set_xscale("log")
            axes.set_xlabel(
                "queries a second at recall@10 of 0.95, one thread; pale: never reached"
            )
            return figure
    return None


def _bars(table: Table, cells: list[str]) -> list[tuple[str, float, float]]:
    """Return name, length and opacity of each bar."""
    found = []
    for row, cell in zip(table.rows, cells, strict=True):
        value = _number(cell)
        if value is not None:
            found.append((_plain(row[0]), value, 0.4 if "(!)" in cell else 1.0))
    return sorted(found, key=lambda bar: bar[1])


def _memory(page: str, rows: str) -> Figure | None:
    """Draw bytes held for each vector: anonymous, and mapped from files."""
    for table in tables_below(page, f"{rows} vectors"):
        cells = table.column("RAM B/vector")
        if not cells:
            continue
        held = [(_plain(row[0]), *_two(cell)) for row, cell in zip(table.rows, cells, strict=True)]
        held.sort(key=lambda one: -sum(one[1:]))
        figure, axes = _figure(len(held))
        names, own, mapped = zip(*held, strict=True)
        _stack(axes, names, own, mapped)
        axes.set_xlabel("bytes a vector of 768 dimensions while serving; pale: mapped from files")
        return figure
    return None


def _two(cell: str) -> tuple[float, float]:
    first, second = (_number(part) or 0.0 for part in cell.split("+"))
    return first, second


def _stack(axes: Axes, names: Any, own: Any, mapped: Any) -> None:
    colours = [colour_of(name) for name in names]
    axes.barh(names, own, color=colours)
    axes.barh(names, mapped, left=own, color=colours, alpha=0.4)
    _embolden(axes)


def _horizontal(axes: Axes, bars: list[tuple[str, float, float]]) -> None:
    for name, value, opacity in bars:
        axes.barh(name, value, color=colour_of(name), alpha=opacity)
        axes.text(value, name, f" {value:,.0f}", va="center", fontsize=9)
    _embolden(axes)


def _embolden(axes: Axes) -> None:
    for label in axes.get_yticklabels():
        if label.get_text().startswith("tv5core"):
            label.set_fontweight("bold")


# -- what is found ------------------------------------------------------------------------


_SYSTEMS = {
    "tv5core, hybrid": "o",
    "SQLite FTS5, weighted": "s",
    "tantivy": "^",
    "bm25s": "D",
}


def _relevance(page: str) -> Figure | None:
    """Draw success at 1 for each kind of query, on the half that no weight was chosen on."""
    for table in tables_below(page, "Testing half"):
        if not table.head[0].startswith("success@1"):
            continue
        figure, axes = _figure(len(table.rows))
        groups = [row[0] for row in reversed(table.rows)]
        for system, marker in _SYSTEMS.items():
            cells = table.column(system)
            if cells:
                _dots(axes, [_number(cell) for cell in reversed(cells)], groups, system, marker)
        _share_axis(axes, "share of queries whose first answer is right")
        return figure
    return None


def _filters(page: str) -> Figure | None:
    """Draw recall under each filter."""
    for table in tables_below(page, "Filters and deletions"):
        columns = {
            name: table.column(name) for name in ("tv5core, filter", "FAISS HNSW", "FAISS IVF")
        }
        if not all(columns.values()):
            continue
        names = [f"{row[0]}, {row[1]}" for row in reversed(table.rows)]
        figure, axes = _figure(len(names))
        for (name, cells), marker in zip(columns.items(), "o^D", strict=True):
            values = [_number(cell) for cell in reversed(cells or [])]
            _dots(axes, values, names, name, marker)
        _share_axis(axes, "recall@10 at the settings that reach 0.96 without a filter")
        return figure
    return None


def _dots(
    axes: Axes, values: list[float | None], names: list[str], label: str, marker: str
) -> None:
    ours = label.startswith("tv5core")
    axes.scatter(
        values,  # type: ignore[arg-type]
        names,
        label=label,
        marker=marker,
        s=60 if ours else 30,
        color=colour_of(label),
        zorder=5 if ours else 3,
    )


def _share_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(label)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, fontsize=9)


def _recommendations(page: str) -> Figure | None:
    """Draw hit rates with their intervals."""
    for table in tables_below(page, "Recommendations"):
        cells = table.column("hit rate@10")
        if not cells:
            continue
        figure, axes = _figure(len(cells))
        for row, cell in zip(reversed(table.rows), reversed(cells), strict=True):
            name = f"{_plain(row[0])}, {row[1]}" if row[1].startswith("diversity") else row[0]
            rate, low, high = map(float, re.findall(r"\d\.\d+", cell))
            away = [[rate - low], [high - rate]]
            axes.errorbar(rate, name, xerr=away, fmt="o", capsize=3, color=colour_of(_plain(name)))
        axes.set_xlabel("share of users whose next liked title is among ten; 95 % intervals")
        _embolden(axes)
        return figure
    return None


# -- files --------------------------------------------------------------------------------


def _figure(lines: int) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.1 + 0.27 * lines))
    return figure, figure.subplots()


PICTURES: dict[str, tuple[str, Callable[[str], Figure | None]]] = {
    "speed-100k": ("Speed, 100,000 vectors", lambda page: _speed(page, "100,000")),
    "speed-1m": ("Speed, a million vectors", lambda page: _speed(page, "A million")),
    "memory-100k": ("Memory, 100,000 vectors", lambda page: _memory(page, "100,000")),
    "relevance": ("What people type, judged", _relevance),
    "filters-100k": ("Recall under filters, 100,000 vectors", _filters),
    "recommendations": ("Recommendations for users of MovieLens", _recommendations),
}
"""Caption and painter of each picture, by the name of its file."""


def draw_all(page: str, folder: Path) -> list[str]:
    """Draw all pictures of a page's tables; return the names of those there are."""
    import matplotlib as mpl

    mpl.use("svg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = set()
    for theme, ink in _THEMES.items():
        with mpl.rc_context({**_STYLE, **dict.fromkeys(_INKED, ink)}):
            for name, (_, painter) in PICTURES.items():
                figure = painter(page)
                if figure is not None:
                    metadata = {"Date": None, "Creator": None}
                    where = folder / f"{name}-{theme}.svg"
                    figure.savefig(where, transparent=True, metadata=metadata)
                    drawn.add(name)
    return [name for name in PICTURES if name in drawn]
