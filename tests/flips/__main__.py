"""Flip bits of a small catalogue's files, one at a time, and classify what comes of it.

python -m tests.flips                   one random bit of every byte, reading
python -m tests.flips --writing         opened for writing, and changed
python -m tests.flips --some 2000       so many bytes only
python -m tests.flips --all-bits        every bit
python -m tests.flips --second          of the files of the second space instead of data.mdb

A flip is *harmless* (nothing differs), *detected* (an error, ``info()["recovered"]`` or ``verify``
tells), or *refused* (the catalogue does not open, with an error of tv5core). Anything else is a
violation: a wrong answer that nothing tells of, an exception of somebody else, a signal, a hang.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.flips.scan import Flip, Totals, run
from tests.flips.subject import second_files


def main(arguments: list[str]) -> int:
    """Run what was asked for; return 0 where nothing was violated."""
    options = _parser().parse_args(arguments)
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tv5-flips-", dir=fast) as folder:
        totals = run(
            Path(folder),
            lambda sound: choose(sound, options),
            writing=options.writing,
            progress=None if options.json else _Report(),
        )
    print(json.dumps({**totals.as_dict(), "violations listed": totals.violations[:100]}, indent=1))
    return 1 if totals.violations else 0


def choose(sound: Path, options: argparse.Namespace) -> list[Flip]:
    """Choose the flips."""
    chance = random.Random(options.seed)
    names = second_files(sound) if options.second else ["data.mdb"]
    every = [(name, byte) for name in names for byte in range((sound / name).stat().st_size)]
    if options.all_bits:
        return [Flip(byte, bit, name) for name, byte in every for bit in range(8)]
    if options.some:
        every = sorted(chance.sample(every, min(options.some, len(every))))
    flips = [Flip(byte, chance.randrange(8), name) for name, byte in every]
    last = sys.maxsize if options.last is None else options.last
    return [flip for flip in flips if options.first <= flip.byte < last]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.flips")
    parser.add_argument("--some", type=int, default=0, help="only so many bytes; 0 for all")
    parser.add_argument("--all-bits", action="store_true")
    parser.add_argument("--writing", action="store_true")
    parser.add_argument("--second", action="store_true", help="files of the second space")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first byte")
    parser.add_argument("--to", dest="last", type=int, default=None, help="the byte after the last")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser


class _Report:
    """Print how far it is, and each violation as it is found."""

    def __init__(self) -> None:
        self._printed = 0

    def __call__(self, totals: Totals) -> None:
        bad = len(totals.violations)
        print(f"{totals.flips} flips, {bad} violations, {totals.seconds:.0f} s", file=sys.stderr)
        for violation in totals.violations[self._printed :]:
            print(f"VIOLATION {violation}", file=sys.stderr)
        sys.stderr.flush()
        self._printed = bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
