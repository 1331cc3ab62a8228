"""The report's page and its plots, written into one folder."""

from __future__ import annotations

from pathlib import Path

from benchmarks.progress import say
from benchmarks.report import plots, text
from benchmarks.report.tables import run_section
from benchmarks.results import Run

__all__ = ["write"]


def write(runs: list[Run], folder: Path) -> Path:
    """Write ``report.md`` and its plots into a folder, made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = plots.available()
    if not drawing:
        say("no plots: matplotlib is missing (pip install matplotlib)")
    parts = ["# Benchmarks\n"]
    for run, prefix in zip(runs, _prefixes(runs), strict=True):
        parts.append(run_section(run, plots.draw(run, folder, prefix) if drawing else ()))
    page = folder / "report.md"
    partial = folder / "report.md.part"
    partial.write_text("\n".join(parts), "utf-8")
    partial.replace(page)
    return page


def _prefixes(runs: list[Run]) -> list[str]:
    """Name each run's pictures by its size; a second run of one size by its place too."""
    names: list[str] = []
    for place, run in enumerate(runs, 1):
        name = text.size_name(run.data.rows)
        names.append(f"{name}-{place}" if name in names else name)
    return names
