"""Made-up whole titles: how fast they are drawn, and whether they are distributed as real ones.

::

    python -m benchmarks titles --count 1000000                     # draw, count terms and people
    python -m benchmarks titles --check --titles titles.jsonl       # beside real ones
    python -m benchmarks titles --count 5000 --output made.jsonl    # for other programs

``--check`` draws as many titles as the file of real ones has and compares figure by figure: word
and name frequencies, Heaps' law, shared names, casts, votes, years, lengths, what is missing. Exit
status 1: one is off by more than its tolerance.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.data.title_statistics import Comparison, compare, describe
from benchmarks.data.whole_titles import WholeTitles
from benchmarks.machine.processor import peak_rss_bytes
from benchmarks.progress import say
from benchmarks.relevance.titles import read_lines
from benchmarks.report import text

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="compare with --titles")
    parser.add_argument("--titles", type=Path, help="real titles as JSON Lines")
    parser.add_argument("--output", type=Path, help="write the titles here, as JSON Lines")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Draw and print; exit status 1 where a figure is off."""
    try:
        if options.count < 1:
            raise ValueError(f"expected --count of at least 1, got {options.count}")  # noqa: TRY301
        if options.check:
            return _check(options)
        _draw(options)
    except (ValueError, OSError) as error:
        print(f"benchmarks titles: {error}", file=sys.stderr)
        return 2
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.titles is None:
        raise ValueError("expected --titles with --check, got none")
    real = read_lines(options.titles)
    # Sources follow each other in the file; growth is meant of titles as they come.
    order = np.random.default_rng(0).permutation(len(real))
    say(f"describing {len(real):,} real titles, and as many made-up ones")
    found = compare(
        describe((real[at] for at in order), len(real)),
        describe(WholeTitles(len(real), options.seed), len(real)),
    )
    off = [each for each in found if not each.ok]
    if options.json:
        print(json.dumps([each._asdict() | {"ok": each.ok} for each in found], indent=1))
    else:
        print(text.table(["figure", "real", "made up", "tolerance", ""], map(_row, found)))
    if off:
        say(f"off: {', '.join(each.name for each in off)}")
    return int(bool(off))


def _row(each: Comparison) -> list[str]:
    figures = [f"{value:,.3g}" if value < 1000 else f"{value:,.0f}" for value in each[1:3]]
    return [each.name, *figures, f"{each.tolerance:.1%}", "" if each.ok else "off"]


def _draw(options: argparse.Namespace) -> None:
    terms: set[str] = set()
    people: set[str] = set()
    words = tokens = done = 0
    seconds = 0.0
    output = options.output.open("wb") if options.output else None
    blocks = WholeTitles(options.count, options.seed).blocks()
    for at in itertools.count():
        started = time.perf_counter()
        block = next(blocks, None)
        seconds += time.perf_counter() - started
        if block is None:
            break
        done += len(block)
        for title in block:
            found = f"{title.title} {title.overview}".lower().replace(".", "").split()
            terms.update(found)
            people.update(person.name for person in title.cast)
            words += len(found)
            tokens += len(title.cast)
            if output:
                output.write(msgspec.json.encode(title) + b"\n")
        if at % 20 == 19:
            say(f"{done:,} titles, {len(terms):,} terms, {len(people):,} people")
    if output:
        output.close()
    _print(
        {
            "titles": done, "titles_per_s": round(done / seconds), "words": words,
            "distinct_terms": len(terms), "credits": tokens, "people": len(people),
            "peak_bytes": peak_rss_bytes(), "seed": options.seed,
        },
        as_json=options.json,
    )  # fmt: skip


def _print(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=1))
    else:
        print("\n".join(f"{name} {value:,}" for name, value in figures.items()))
