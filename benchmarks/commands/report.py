"""Turn the JSON of benchmark runs into Markdown tables, plots and README's table.

::

    python -m benchmarks report 100k.json 1m.json                    # benchmark-report/report.md
    python -m benchmarks report 100k.json 1m.json --readme           # the pages of this checkout

Nothing is left out that a run measured: what loses is listed first, an index that never gets to
the target recall is shown at its best, and those that could not run are named with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.progress import say
from benchmarks.report import readme
from benchmarks.report.curves import find_curve, speed_at
from benchmarks.report.figures import measured
from benchmarks.report.page import write
from benchmarks.report.verdicts import losses, targets
from benchmarks.results import Run, read

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.json", help="written by run")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("benchmark-report"),
        metavar="FOLDER",
        help="where report.md and the plots go (default: %(default)s)",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="CHECKOUT",
        help="replace the tables in its README.md and benchmarks/README.md (default: here)",
    )
    parser.add_argument("--json", action="store_true", help="print targets and losses as JSON")


def main(options: argparse.Namespace) -> int:
    """Write the report; print what was met and what was lost."""
    try:
        runs = [read(path) for path in options.runs]
        if options.readme:
            readme.update_all(options.readme, runs)
        page = write(runs, options.output)
    except (ValueError, OSError) as error:
        print(f"benchmarks report: {error}", file=sys.stderr)
        return 2
    say(f"wrote {page}")
    print(json.dumps([_summary(run) for run in runs], indent=1) if options.json else _lines(runs))
    return 0


def _summary(run: Run) -> dict[str, Any]:
    """Collect what was worked out, for programs."""
    return {
        "data": run.data.name,
        "rows": run.data.rows,
        "target_recall": run.target_recall,
        "qps_at_target": {
            peer.name: (curve := find_curve(peer)) and speed_at(curve.points, run.target_recall)
            for peer in measured(run)
        },
        "targets": [verdict._asdict() for verdict in targets(run)],
        "losses": msgspec.to_builtins([loss._asdict() for loss in losses(run)]),
    }


def _lines(runs: list[Run]) -> str:
    words = {True: "met", False: "MISSED", None: "open"}
    lines = []
    for run in runs:
        lines.append(f"{run.data.name}, {run.data.rows:,} rows")
        lines += [f"  {words[v.met]:<7} {v.target}: {v.figure}" for v in targets(run)]
        lines += [
            f"  loses   {loss.metric}: {loss.ours}, {loss.peer} {loss.theirs}"
            for loss in losses(run)
        ]
    return "\n".join(lines)
