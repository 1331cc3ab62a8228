"""Replace and delete the same titles again and again: nothing may pile up, and recall must hold.

::

    python -m benchmarks churn                      # 200,000 changes
    python -m benchmarks churn --rounds 1000000     # the long form
    python -m benchmarks churn --json

Every round changes one title: eight in ten give it another vector, one deletes it, and one brings
a deleted one back. Changes are made in calls of 500, collected by themselves in the background, and
checked at the end against float32 brute force over what should be there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.catalog.churn import run
from benchmarks.progress import say

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--rounds", type=int, default=200_000, help="changes")
    parser.add_argument("--titles", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Run and print; exit status 1 where titles are lost or the catalogue is not sound."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(
            Path(folder), options.rounds, options.titles, options.dim, lambda row: say(_line(row))
        )
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print(_line({name: value for name, value in found.items() if name != "rows"}))
    return int(not (found["ids_agree"] and found["verify_ok"]))


def _line(row: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:,}" for name, value in row.items())
