"""How well searches find what people mean: 14 groups of judged queries over real titles.

::

    python -m benchmarks relevance --data FOLDER            # imports its tmdb, justwatch, ...
    python -m benchmarks relevance --titles titles.jsonl    # what tv5 export writes
    python -m benchmarks relevance --titles titles.jsonl --half testing --json run.json --readme
    python -m benchmarks relevance --titles titles.jsonl --engines tv5core --with run.json

The tuning half is for choosing weights. The testing half is for reported runs: nothing is chosen
by it. ``--failures`` writes every query that was not answered first or fully, with the answers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from benchmarks.data.datasets import default_cache
from benchmarks.progress import Progress, say
from benchmarks.relevance import corpus, table
from benchmarks.relevance.engines.base import Engine
from benchmarks.relevance.engines.registry import ENGINES
from benchmarks.relevance.evaluation import GROUPS, Failure, evaluate, joined, load, read
from benchmarks.relevance.judgements import HALVES
from benchmarks.relevance.titles import Titles

__all__ = ["add_arguments", "main"]

_README = "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of source files to import")
    source.add_argument("--titles", type=Path, help="titles as JSON Lines")
    source.add_argument("--catalog", type=Path, help="a sealed catalogue, searched as it is")
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument(
        "--engines", default="all", help=f"comma-separated: {', '.join(ENGINES)} (default: all)"
    )
    parser.add_argument("--groups", default="", help=f"comma-separated: {', '.join(GROUPS)}")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="for catalogues")
    parser.add_argument("--rebuild", action="store_true", help="build the catalogue again")
    parser.add_argument(
        "--with", dest="earlier", type=Path, metavar="RUN.json",
        help="take the engines that are not asked for from an earlier run of the same queries",
    )  # fmt: skip
    parser.add_argument("--failures", type=Path, help="write failed queries here, as JSON Lines")
    parser.add_argument(
        "--readme", type=Path, nargs="?", const=Path(__file__).parents[1] / _README,
        help="replace the half's tables in this page (default: benchmarks/README.md)",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, nargs="?", const=Path("-"), help="print JSON, or write it to a file"
    )


def main(options: argparse.Namespace) -> int:
    """Run and print; exit status 2 where something is not as expected."""
    try:
        engines = _chosen(options.engines)
        _run(options, engines, _groups(options.groups))
    except (ValueError, OSError) as error:
        print(f"benchmarks relevance: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace, engines: list[type[Engine]], groups: list[str]) -> None:
    progress = Progress()
    if options.half == "testing":
        say("the testing half is for reported runs; choose nothing by its figures")
    titles, catalog = _prepared(options, progress)
    queries = load(options.half, titles, groups)
    for missing in queries.unresolved:
        say(f"no title for {missing.group}: {missing.text} ({missing.reason})")
    failures: list[Failure] = []
    run = evaluate(queries, titles, catalog, engines, progress, failures.append)
    if options.earlier:
        run = joined(run, read(options.earlier), list(ENGINES))
    if options.failures:
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in failures)
        options.failures.write_bytes(lines)
    if options.readme:
        table.update(options.readme, run)
    encoded = msgspec.json.format(msgspec.json.encode(run)).decode()
    if options.json and options.json != Path("-"):
        options.json.write_text(encoded + "\n", "utf-8")
    print(encoded if options.json == Path("-") else table.page(run))


def _prepared(options: argparse.Namespace, progress: Progress) -> tuple[Titles, Path]:
    if options.catalog:
        return corpus.titles_of(options.catalog), options.catalog
    lines = options.titles or corpus.import_lines(options.data, options.cache, progress)
    return corpus.build(lines, options.cache, progress, again=options.rebuild)


def _groups(names: str) -> list[str]:
    groups = [name for name in names.split(",") if name]
    if unknown := set(groups) - set(GROUPS):
        raise ValueError(f"expected groups of {', '.join(GROUPS)}, got {', '.join(unknown)}")
    return groups


def _chosen(names: str) -> list[type[Engine]]:
    if names == "all":
        return list(ENGINES.values())
    chosen = [name for name in names.split(",") if name]
    if not chosen or set(chosen) - set(ENGINES):
        raise ValueError(f"expected engines of {', '.join(ENGINES)}, got {names!r}")
    return [ENGINES[name] for name in chosen]
