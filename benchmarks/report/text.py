"""Markdown tables, and figures as people read them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "NOTHING",
    "count",
    "data_name",
    "factor",
    "gigabytes",
    "milliseconds",
    "per_row",
    "portable_command",
    "recall",
    "seconds",
    "setting",
    "size_name",
    "table",
]

NOTHING = "-"
"""Stands for what was not measured."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Draw a Markdown table whose first ``left`` columns hold words, the others figures."""
    rule = [":--" if i < left else "--:" for i in range(len(head))]
    lines = [list(head), rule, *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def count(value: float | None) -> str:
    """Write a whole number, in thousands: ``12,345``."""
    return NOTHING if value is None else f"{value:,.0f}"


def recall(value: float | None, reached: bool = True) -> str:
    """Write a recall; one that falls short of its target in bold, with a warning sign."""
    if value is None:
        return NOTHING
    return f"{value:.3f}" if reached else f"**{value:.3f} (!)**"


def factor(value: float | None) -> str:
    """Write a ratio to three figures: ``0.98x``, ``12.3x``."""
    if value is None:
        return NOTHING
    if value > 1000:
        return ">1,000x"
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def seconds(value: float | None) -> str:
    """Write a duration in seconds to three figures."""
    if value is None:
        return NOTHING
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def milliseconds(value: float | None) -> str:
    """Write a duration given in seconds as milliseconds."""
    if value is None:
        return NOTHING
    millis = value * 1e3
    return f"{millis:.3f}" if millis < 1 else f"{millis:.2f}" if millis < 100 else f"{millis:,.0f}"


def per_row(total: float | None, rows: int) -> str:
    """Write bytes a vector; what shrank a little since the start counts as nothing."""
    return NOTHING if total is None else f"{max(0.0, total / rows):,.0f}"


def gigabytes(value: float) -> str:
    """Write bytes in GB of 10^9, or MB."""
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def setting(values: Mapping[str, float]) -> str:
    """Write a setting of search knobs: ``ef=96 oversampling=4``."""
    return " ".join(f"{name}={value:g}" for name, value in values.items()) or "default"


def data_name(name: str, rows: int, dim: int) -> str:
    """Name data with its size, unless the name has it."""
    return name if f"{rows:,}" in name else f"{name}: {rows:,} x {dim}"


def size_name(rows: int) -> str:
    """Write a number of rows as sizes are called: ``100k``, ``1m``."""
    for unit, letter in ((1_000_000, "m"), (1_000, "k")):
        if rows >= unit:
            digits = 3 - math.floor(math.log10(rows / unit)) - 1
            return f"{round(rows / unit, max(0, digits)):g}{letter}"
    return str(rows)


_PLACES = ("--cache", "--work", "--json")


def portable_command(command: list[str]) -> str:
    """Return a run's command without where this machine keeps things: files by their names."""
    kept: list[str] = []
    skip = False
    for word in command:
        if skip or word in _PLACES:
            skip = word in _PLACES
            continue
        if word.startswith(tuple(f"{place}=" for place in _PLACES)):
            continue
        kept.append(word.rsplit("/", 1)[-1])
    return shlex.join(kept)
