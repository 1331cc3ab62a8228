"""Kill a primary, its replica or the syncing process at random; print what each round showed.

python -m tests.postgres --rounds 100
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.postgres.killing import Killing, Round

_COLUMNS = tuple(field.name for field in fields(Round))


def main() -> int:
    """Run; return 1 where the catalogue is not what the table is, or is damaged."""
    parser = argparse.ArgumentParser(prog="python -m tests.postgres")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("| round | " + " | ".join(_COLUMNS) + " |\n|" + "---|" * (len(_COLUMNS) + 1))
    done: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="tv5-killing-") as name:
        killing = Killing(Path(name), random.Random(given.seed))
        try:
            killing.start()
            for number in range(1, given.rounds + 1):
                done.append(killing.round())
                cells = (str(getattr(done[-1], column)) for column in _COLUMNS)
                print(f"| {number} | " + " | ".join(cells) + " |", flush=True)
            problems = killing.verify()
        finally:
            killing.stop()
    wrong = sum(each.wrong > 0 for each in done)
    writes, slowest = sum(each.writes for each in done), max(each.current_s for each in done)
    print(f"{len(done)} rounds, {writes} transactions: {wrong} wrong, at most {slowest} s behind")
    print("\n".join(problems) or "the catalogue is sound")
    return int(bool(wrong or problems))


if __name__ == "__main__":
    sys.exit(main())
