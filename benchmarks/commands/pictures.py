"""Draw the tables of ``benchmarks/README.md``, each for light and for dark pages, as SVG.

The documentation does so whenever it is built.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.progress import say
from benchmarks.report import plots
from benchmarks.report.pictures import draw_all

__all__ = ["add_arguments", "main"]

_PAGE = Path(__file__).parents[1] / "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--output", type=Path, default=Path("benchmark-pictures"), metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="print the files as JSON")


def main(options: argparse.Namespace) -> int:
    """Draw them, and say which."""
    if not plots.available():
        print("benchmarks pictures: expected matplotlib, got none", file=sys.stderr)
        return 2
    drawn = [
        str(options.output / name) for name in draw_all(_PAGE.read_text("utf-8"), options.output)
    ]
    if options.json:
        print(json.dumps(drawn, indent=1))
    else:
        say("\n".join(f"drew {file}" for file in drawn))
    return 0
