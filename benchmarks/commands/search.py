"""Speed of search by text: from a text to ten decoded titles, beside FTS5 and tantivy.

::

    python -m benchmarks search --size 100k
    python -m benchmarks search --size 1m --json search.json --readme

A catalogue of made-up titles (see ``titles``) is filled, embedded by the built-in embedding and
sealed, once; then names, words, typos, filters and facets are asked on one thread, and all of them
on two. Targets stand beside the figures, and are missed visibly.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.data.datasets import default_cache
from benchmarks.machine.processor import machine
from benchmarks.progress import Progress
from benchmarks.relevance import latency
from benchmarks.relevance.engines.registry import ENGINES
from benchmarks.relevance.latency import Build, Speed, Timing
from benchmarks.report import readme, text
from benchmarks.results import Machine

__all__ = ["add_arguments", "main"]

_SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
_PEERS = ("fts5", "fts5-plain", "tantivy")


class _Target(NamedTuple):
    p50_s: float
    p95_s: float
    p99_s: float


_TARGETS = {100_000: _Target(3e-3, 6e-3, 10e-3), 1_000_000: _Target(8e-3, 15e-3, 25e-3)}


class Run(msgspec.Struct, frozen=True):
    """A run, as ``--json`` writes it."""

    size: int
    seed: int
    machine: Machine
    build: Build
    engines: list[Speed]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--size", default="100k", help=f"{', '.join(_SIZES)}, or a number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--queries", type=int, default=500, help="of each kind")
    parser.add_argument("--peers", default=",".join(_PEERS), help="comma-separated; none: tv5core")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="for catalogues")
    parser.add_argument("--rebuild", action="store_true", help="build the catalogue again")
    parser.add_argument(
        "--readme", type=Path, nargs="?", const=Path(__file__).parents[1] / "README.md",
        help="replace the size's table in this page (default: benchmarks/README.md)",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, nargs="?", const=Path("-"), help="print JSON, or write it to a file"
    )


def main(options: argparse.Namespace) -> int:
    """Build, search and print; exit status 2 where something is not as expected."""
    try:
        run = _measure(options)
        if options.readme:
            readme.update(options.readme, {_marker(run.size): _page(run)})
    except (ValueError, OSError) as error:
        print(f"benchmarks search: {error}", file=sys.stderr)
        return 2
    encoded = msgspec.json.format(msgspec.json.encode(run)).decode()
    if options.json and options.json != Path("-"):
        options.json.write_text(encoded + "\n", "utf-8")
    print(encoded if options.json == Path("-") else _page(run))
    return 0


def _measure(options: argparse.Namespace) -> Run:
    size, progress = _size(options.size), Progress()
    names = [name for name in options.peers.split(",") if name and name != "none"]
    if unknown := set(names) - set(ENGINES):
        raise ValueError(f"expected peers of {', '.join(ENGINES)}, got {', '.join(unknown)}")
    if options.queries < 10:
        raise ValueError(f"expected --queries of at least 10, got {options.queries}")
    options.cache.mkdir(parents=True, exist_ok=True)
    asked = latency.queries(size, options.seed, options.queries)
    folder, built = latency.build(
        size, options.seed, options.cache, progress, again=options.rebuild
    )
    ours = latency.search(folder, asked, progress)
    others = latency.peers([ENGINES[name] for name in names], size, options.seed, asked, progress)
    return Run(size, options.seed, machine(), built, [ours, *others])


def _size(given: str) -> int:
    if given in _SIZES:
        return _SIZES[given]
    if not given.isdigit() or int(given) < 100:
        raise ValueError(f"expected --size of {', '.join(_SIZES)} or at least 100, got {given!r}")
    return int(given)


def _marker(size: int) -> str:
    return f"<!-- benchmark search: {text.size_name(size)} -->"


def _page(run: Run) -> str:
    head = ["engine", *(f"{kind} p50 / p95 / p99 ms" for kind in latency.KINDS), "names QPS",
            "memory B/title", "version"]  # fmt: skip
    rows = [_row(engine, run.size) for engine in run.engines if engine.reason is None]
    notes = [_where(run), text.table(head, rows), _built(run), _verdicts(run)]
    skipped = [f"{each.label} ({each.reason})" for each in run.engines if each.reason]
    return "\n".join([*notes, *([f"Not measured: {', '.join(skipped)}.\n"] if skipped else [])])


def _where(run: Run) -> str:
    return (
        f"{run.size:,} made-up titles, seed {run.seed}; {run.machine.processor}, "
        f"{run.machine.cores} cores, load {run.machine.load_before:.1f} before; one thread.\n"
    )


def _row(engine: Speed, size: int) -> list[str]:
    cells = [_cell(engine.timings.get(kind)) for kind in latency.KINDS]
    names = engine.timings.get("names")
    qps = text.count(None if names is None else names.qps)
    return [engine.label, *cells, qps, text.per_row(engine.anonymous_bytes, size), engine.version]


def _cell(timing: Timing | None) -> str:
    if timing is None:
        return text.NOTHING
    return " / ".join(map(text.milliseconds, (timing.p50_s, timing.p95_s, timing.p99_s)))


def _built(run: Run) -> str:
    made = run.build
    sizes = ", ".join(f"{kind} {value:,.0f}" for kind, value in made.bytes_a_title.items())
    return (
        f"Added {made.add_per_s:,.0f} titles/s, embedded {made.embed_per_s:,.0f}, sealed "
        f"{made.seal_per_s:,.0f}. Bytes a title on disk: {sizes}.\n"
    )


def _verdicts(run: Run) -> str:
    ours = run.engines[0]
    lines = [*_against_targets(run, ours), *_against_peers(run, ours)]
    if ours.two_threads is not None:
        met = "met" if ours.two_threads >= 1.9 else "MISSED"
        lines.append(f"two threads at least 1.9x one: {ours.two_threads:.2f}x, {met}")
    lines.sort(key=lambda line: not line.endswith("MISSED"))  # losses first
    return "".join(f"- {line}\n" for line in lines)


def _against_targets(run: Run, ours: Speed) -> list[str]:
    target, lines = _TARGETS.get(run.size), []
    for kind, timing in ours.timings.items() if target else ():
        figures = (timing.p50_s, timing.p95_s, timing.p99_s)
        met = all(figure <= most for figure, most in zip(figures, target or (), strict=True))
        wanted = "/".join(f"{most * 1e3:.0f}" for most in target or ())
        word = "met" if met else "MISSED"
        lines.append(f"{kind}: p50/p95/p99 at most {wanted} ms: {_cell(timing)}, {word}")
    return lines


def _against_peers(run: Run, ours: Speed) -> list[str]:
    wanted = {"fts5": 3.0, "tantivy": 1.0}
    lines = []
    for peer in (each for each in run.engines if each.name in wanted and each.timings):
        for kind, theirs in peer.timings.items():
            ratio = ours.timings[kind].qps / theirs.qps
            word = "met" if ratio >= wanted[peer.name] else "MISSED"
            lines.append(
                f"{kind}: at least {wanted[peer.name]:.0f}x {peer.name}: {ratio:.2f}x, {word}"
            )
    return lines
