"""Change a catalogue for many rounds; compare it with brute force, and with a fresh build.

python -m tests.changes --rounds 10000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.changes.rounds import Mirror, fresh_build, same_answers


def main() -> int:
    """Run; any difference raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.changes")
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check-every", type=int, default=20)
    parser.add_argument("--build-every", type=int, default=1_000)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tv5-changes-") as name:
        mirror = Mirror(Path(name) / "grown", given.seed)
        for number in range(1, given.rounds + 1):
            mirror.round()
            if number % given.check_every == 0:
                mirror.check()
            if number % given.build_every == 0 or number == given.rounds:
                if number == given.rounds:
                    mirror.catalog.optimize()
                with fresh_build(Path(name) / f"fresh-{number}", mirror) as fresh:
                    same_answers(mirror.catalog, fresh, mirror.chance, 40)
                print(number, len(mirror.titles), dict(mirror.done), flush=True)
        mirror.catalog.optimize()
        report = mirror.catalog.verify()
        assert report.ok, report.problems
        mirror.catalog.close()
    print(f"{given.rounds} rounds in {time.monotonic() - started:.0f} s: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
