"""Crash a catalogue many times and check that nothing acknowledged is lost.

python -m tests.crash --rounds 2000
python -m tests.crash --faults
python -m tests.crash --power --rounds 500
python -m tests.crash --publish --rounds 500
python -m tests.crash --recovery 100000
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.crash import shim
from tests.crash.figures import Figures


def main(arguments: list[str]) -> int:
    """Run what was asked for; return 0 where nothing was violated."""
    options = _parser().parse_args(arguments)
    if reason := shim.missing():
        print(f"cannot run here: {reason}")
        return 2
    if not shim.active():
        shim.preload("tests.crash", arguments)
    # Memory does: what a killed process wrote is there without any sync.
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="tv5-crash-", dir=fast, ignore_cleanup_errors=True
    ) as folder:
        where = Path(options.keep or folder)
        where.mkdir(parents=True, exist_ok=True)
        figures, violations = _run(options, where)
    if options.json:
        print(json.dumps({**figures, "violations listed": violations}, indent=1))
    else:
        _print(figures, violations)
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--faults", action="store_true", help="fail at every step instead")
    parser.add_argument("--power", action="store_true", help="lose power instead")
    parser.add_argument("--publish", action="store_true", help="kill publishers and readers")
    parser.add_argument("--some", type=int, default=0, help="only so many faults; 0 for all")
    parser.add_argument("--recovery", type=int, default=0, help="time opening at so many titles")
    parser.add_argument("--each", type=int, default=25, help="rounds on one folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embeds", action="store_true", help="only catalogues that embed text")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", help="folder to work in; what was violated is kept there")
    return parser


def _run(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[str]]:
    from tests.crash import faults, power, publishing, recovery, rounds

    printed = 0

    def progress(totals: Figures | faults.Totals) -> None:
        nonlocal printed
        done, bad = totals.done, len(totals.violations)
        print(f"{done} done, {bad} violations, {totals.seconds:.0f} s", file=sys.stderr, flush=True)
        for violation in totals.violations[printed:]:
            print(f"VIOLATION {violation}", file=sys.stderr, flush=True)
        printed = bad

    if options.recovery:
        tell = functools.partial(print, file=sys.stderr, flush=True)
        return recovery.measure(folder / "catalog", options.recovery, 768, tell), []
    if options.faults:
        injected = faults.run(folder, options.some, options.seed, progress)
        return injected.as_dict(), injected.violations
    if options.power:
        lost = power.run(folder, options.rounds, options.seed, progress)
        return lost.as_dict(), lost.violations
    if options.publish:
        ended = publishing.run(folder, options.rounds, options.seed, progress)
        return ended.as_dict(), ended.violations
    kinds = [kind for kind in rounds.KINDS if kind.embeds or not options.embeds]
    totals = rounds.run(
        folder, options.rounds, options.seed, progress, each=options.each, kinds=kinds
    )
    return totals.as_dict(), totals.violations


def _print(figures: dict[str, Any], violations: list[str]) -> None:
    width = max(map(len, figures))
    for name, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {n}" for key, n in value.items())
        print(f"{name:<{width}}  {value}")
    for violation in violations[:50]:
        print(f"VIOLATION {violation}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
