"""Compare two runs of the pytest-benchmark suites: what became slower, beyond noise.

::

    pytest benchmarks/ --benchmark-json before.json
    pytest benchmarks/ --benchmark-json after.json
    python -m benchmarks compare before.json after.json --threshold 0.1

Each benchmark is judged by its fastest round: what else runs on the machine only ever adds
time, so the fastest round is nearest the code's own. How well a run knows it, in two respects:

- how near its fast rounds are to each other: the distance from the fastest round to the lower
  quartile of its turn, as a share of the fastest;
- how near its turns are to each other (the suites go through all benchmarks twice, so that turns
  are far apart in time): the distance from the best turn's fastest round to the median turn's.

The larger counts, at least 1 %. The noise of a ratio is both runs' together, as independent errors
add (root of the sum of squares). ``--by median`` judges by medians instead, for work whose slow
rounds matter; what a median may be off by is then the notch of a box plot, 1.57 IQR / sqrt(rounds)
(McGill, Tukey and Larsen, 1978), and again the distance between turns.

Nothing within a run shows how the machine changed until the next. That is what the suites'
yardsticks are for, work that is none of tv5core's: the largest change among theirs is the least
noise that any ratio has.

A benchmark is slower where its ratio new / old exceeds 1 by more than the threshold *and* by more
than its noise and the yardsticks'. What is left, such as where code and data are placed in
memory, the threshold is for. The two runs should follow each other on one machine with nothing
else to do. Where it has, take processor time instead, and more turns, in both::

    pytest benchmarks/ --turns 5 --benchmark-timer time.process_time --benchmark-json before.json

Exit status: 0 where nothing is slower, 1 where something is, 2 where a file is no such run.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

__all__ = ["Comparison", "add_arguments", "compare", "drift_between", "main", "read"]

_LEAST_NOISE = 0.01
_YARDSTICK = "test_yardstick["
_TURN = re.compile(r"\[turn\d+\]$|(?<=\[)turn\d+-|-turn\d+(?=[-\]])")


class Stats(msgspec.Struct, frozen=True):
    """Seconds a round in one turn, as pytest-benchmark writes them."""

    min: float
    median: float
    q1: float
    iqr: float
    rounds: int


Turns = dict[str, list[Stats]]
"""A run's benchmarks by name, each turn of it."""


class _Options(msgspec.Struct, frozen=True):
    timer: str = "perf_counter"


class _Benchmark(msgspec.Struct, frozen=True):
    fullname: str
    stats: Stats
    options: _Options = _Options()


class _File(msgspec.Struct, frozen=True):
    benchmarks: list[_Benchmark]


@dataclass(frozen=True)
class Comparison:
    """One benchmark in two runs."""

    name: str
    old_s: float
    new_s: float
    ratio: float
    """New over old: above 1 is slower."""
    noise: float
    """What the ratio may be off by, by the rounds of the two runs."""
    verdict: str
    """"slower", "faster" or "same": beyond the threshold and all noise, or not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("old", type=Path, help="--benchmark-json of the run to compare with")
    parser.add_argument("new", type=Path, help="--benchmark-json of the run to judge")
    parser.add_argument(
        "--threshold", type=_share, default=0.1, help="slower by so much is a regression (0.10)"
    )
    parser.add_argument("--by", choices=("min", "median"), default="min", help="what to judge by")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Compare, print, and return the exit status."""
    try:
        old, new = _read_both(options.old, options.new)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = compare(old, new, options.threshold, options.by)
    drift = drift_between(old, new, options.by)
    slower = [one.name for one in found if one.verdict == "slower"]
    missing = {"only_in_old": sorted(old.keys() - new.keys())}
    missing["only_in_new"] = sorted(new.keys() - old.keys())
    if options.json:
        listed = [asdict(one) for one in found]
        report = {"benchmarks": listed, "slower": slower, "drift": drift, **missing}
        print(json.dumps(report, indent=2))
    else:
        _print(found, missing, drift, options)
    return 1 if slower else 0


def read(path: Path) -> tuple[Turns, str]:
    """Read a file written by ``--benchmark-json``.

    Returns
    -------
    turns : dict
        By the benchmark's full name.
    timer : str
        The clock it was timed with.

    Raises
    ------
    ValueError
        It is missing, or no such file.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise ValueError(f"expected a file of --benchmark-json, got {path}: {error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(
            f"expected the JSON of --benchmark-json in {path}, got: {error}"
        ) from error
    bad = [one.fullname for one in file.benchmarks if not _is_sound(one.stats)]
    if bad or not file.benchmarks:
        problem = f"no valid figures for {bad[0]}" if bad else "no benchmarks"
        raise ValueError(f"expected benchmarks with positive times in {path}, got {problem}")
    turns: Turns = {}
    for one in file.benchmarks:
        turns.setdefault(_without_turn(one.fullname), []).append(one.stats)
    return turns, ", ".join(sorted({one.options.timer for one in file.benchmarks}))


def compare(old: Turns, new: Turns, threshold: float = 0.1, by: str = "min") -> list[Comparison]:
    """Compare the benchmarks that both runs have, the worst ratio first."""
    common, drift = old.keys() & new.keys(), drift_between(old, new, by)
    found = [
        _compared(name, old[name], new[name], max(threshold, drift), by)
        for name in common
        if _YARDSTICK not in name
    ]
    return sorted(found, key=lambda one: (-one.ratio, one.name))


def drift_between(old: Turns, new: Turns, by: str = "min") -> float:
    """Return the largest change of the yardsticks, as a share; 0 where a run has none."""
    names = [name for name in old.keys() & new.keys() if _YARDSTICK in name]
    ratios = [_judged(new[name], by)[0] / _judged(old[name], by)[0] for name in names]
    return max((max(ratio, 1 / ratio) - 1 for ratio in ratios), default=0.0)


def _read_both(old_path: Path, new_path: Path) -> tuple[Turns, Turns]:
    (old, old_timer), (new, new_timer) = read(old_path), read(new_path)
    if old_timer != new_timer:
        raise ValueError(f"expected one clock in both runs, got {old_timer} and {new_timer}")
    if not old.keys() & new.keys():
        raise ValueError(f"expected benchmarks in common, got none of {len(old)} in the other")
    return old, new


def _compared(name: str, old: list[Stats], new: list[Stats], least: float, by: str) -> Comparison:
    (old_s, old_noise), (new_s, new_noise) = _judged(old, by), _judged(new, by)
    ratio, noise = new_s / old_s, math.hypot(old_noise, new_noise)
    # The same factor either way, so that swapping the files swaps the verdicts.
    beyond = max(ratio, 1 / ratio) - 1 > max(least, noise)
    verdict = ("slower" if ratio > 1 else "faster") if beyond else "same"
    return Comparison(name, old_s, new_s, ratio, noise, verdict)


def _judged(turns: list[Stats], by: str) -> tuple[float, float]:
    """Return the time that counts and what it may be off by, as a share of it."""
    best = min(turns, key=lambda one: getattr(one, by))
    time: float = getattr(best, by)
    if by == "median":
        within = 1.57 * best.iqr / math.sqrt(best.rounds) / time
    else:
        within = best.q1 / time - 1
    between = statistics.median(getattr(one, by) for one in turns) / time - 1
    return time, max(within, between, _LEAST_NOISE)


def _without_turn(name: str) -> str:
    """Return a benchmark's name without the number of the turn among its parameters."""
    return _TURN.sub("", name)


def _is_sound(stats: Stats) -> bool:
    times = (stats.min, stats.median, stats.q1)
    finite = all(math.isfinite(value) for value in (*times, stats.iqr))
    return finite and min(times) > 0 and stats.iqr >= 0 and stats.rounds > 0


def _print(
    found: list[Comparison],
    missing: dict[str, list[str]],
    drift: float,
    options: argparse.Namespace,
) -> None:
    print(f"{'old':>12} {'new':>12} {'new/old':>8} {'noise':>6}  benchmark")
    for one in found:
        mark = "" if one.verdict == "same" else f"  <- {one.verdict}"
        print(
            f"{_time(one.old_s):>12} {_time(one.new_s):>12} {one.ratio:8.3f} {one.noise:6.1%}  "
            f"{one.name}{mark}"
        )
    for where, names in missing.items():
        for name in names:
            print(f"{where.replace('_', ' ')}: {name}")
    counts = {word: sum(one.verdict == word for one in found) for word in ("slower", "faster")}
    print(f"the machine itself changed by up to {drift:.1%} between the runs, by the yardsticks")
    print(
        f"{len(found)} compared by {options.by}: {counts['slower']} slower and "
        f"{counts['faster']} faster by more than {options.threshold:.0%} and noise"
    )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:,.3f} {unit}"
    return f"{seconds * 1e9:,.1f} ns"


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share < math.inf:
        raise argparse.ArgumentTypeError(f"expected a share of at least 0, got {text!r}")
    return share


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks compare", description=__doc__)
    add_arguments(_parser)
    raise SystemExit(main(_parser.parse_args()))
