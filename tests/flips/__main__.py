"""Flip bits of a small catalogue's data.mdb, one at a time, and classify what comes of it.

python -m tests.flips                   one random bit of every byte, reading
python -m tests.flips --writing         opened for writing, and changed
python -m tests.flips --some 2000       so many bytes only
python -m tests.flips --all-bits        every bit

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


def main(arguments: list[str]) -> int:
    """Run what was asked for; return 0 where nothing was violated."""
    options = _parser().parse_args(arguments)
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tv5-flips-", dir=fast) as folder:
        totals = run(
            Path(folder),
            lambda size: choose(size, options),
            writing=options.writing,
            progress=None if options.json else _report,
        )
    print(json.dumps({**totals.as_dict(), "violations listed": totals.violations[:100]}, indent=1))
    return 1 if totals.violations else 0


def choose(size: int, options: argparse.Namespace) -> list[Flip]:
    """Choose the flips."""
    chance = random.Random(options.seed)
    if options.all_bits:
        return [Flip(byte, bit) for byte in range(size) for bit in range(8)]
    every = range(size)
    some = sorted(chance.sample(every, min(options.some, size))) if options.some else every
    return [Flip(byte, chance.randrange(8)) for byte in some]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.flips")
    parser.add_argument("--some", type=int, default=0, help="only so many bytes; 0 for all")
    parser.add_argument("--all-bits", action="store_true")
    parser.add_argument("--writing", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser


def _report(totals: Totals) -> None:
    print(
        f"{totals.flips} flips, {len(totals.violations)} violations, {totals.seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
