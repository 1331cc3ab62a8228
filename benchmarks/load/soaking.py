"""A long load at an even rate: whether memory, descriptors, threads and tasks stay flat.

Memory is judged by what cannot be given back, the anonymous part of what is resident: of the mapped
files the machine keeps as much as it likes. Growth is that of a straight line by least squares
through the second half, when caches have filled and values expire as fast as new ones come.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil

from benchmarks.load.judging import Row, Verdict, percentile
from benchmarks.load.running import Bench, users
from benchmarks.load.services import get_json

__all__ = ["Sample", "growth", "judge_soak", "run_soak", "table"]

_GROWTH = 1.05
_SLACK = {"anonymous_mib": 4.0, "descriptors": 8.0, "threads": 2.0, "tasks": 20.0}
"""Growth that is none: less than these, whatever share they are; requests under way are tasks."""
_FIRST_UNKNOWN = 800_000_000
_SAMPLES = re.compile(r"^(tv5_event_loop_tasks|tv5_cache_bytes\S*) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """What the processes of a gateway use together at one moment.

    Attributes
    ----------
    seconds : float
        Since the beginning.
    anonymous_mib, writer_mib, resident_mib : float
        The second is the anonymous memory of the process that writes.
    descriptors, threads, tasks : int
    redis_mib, cache_mib : float
        Memory of Redis, and what the caches in memory hold.
    """

    seconds: float
    anonymous_mib: float
    writer_mib: float
    resident_mib: float
    descriptors: int
    threads: int
    tasks: int
    redis_mib: float
    cache_mib: float


def _look(on: Bench, seconds: float) -> Sample:
    anonymous = writer = resident = 0.0
    writes = on.gateway.pid("writer") if on.gateway.events("writer started") else 0
    descriptors = threads = 0
    for child in psutil.Process(on.gateway.process.pid).children():
        memory = child.memory_info()
        resident += memory.rss
        anonymous += memory.rss - memory.shared
        writer += (memory.rss - memory.shared) * (child.pid == writes)
        descriptors += child.num_fds()
        threads += child.num_threads()
    redis = on.redis_process
    held = 0 if redis is None else psutil.Process(redis.pid).memory_info().rss
    tasks, cached = _told(on.gateway.url)
    sizes = (round(each / 2**20, 2) for each in (anonymous, writer, resident, held, cached))
    anonymous, writer, resident, redis_mib, cache_mib = sizes
    return Sample(
        round(seconds, 1), anonymous, writer, resident, descriptors, threads, tasks, redis_mib,
        cache_mib,
    )  # fmt: skip


def _told(url: str) -> tuple[int, float]:
    """Return tasks of the loops and bytes of the caches in memory, as the gateway says."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        found = _SAMPLES.findall(answer.read().decode())
    tasks = sum(float(value) for name, value in found if name == "tv5_event_loop_tasks")
    cached = sum(float(value) for name, value in found if 'tier="memory"' in name)
    return int(tasks), cached


def run_soak(
    on: Bench, *, rate: float, seconds: float, sample_s: float = 5.0, add_s: float = 5.0
) -> dict[str, Any]:
    """Load for long, with titles that are fetched and stored meanwhile; return figures.

    Parameters
    ----------
    on : Bench
    rate : float
        Requests a second, of the mixed scenario.
    seconds : float
    sample_s : float
        Between two samples.
    add_s : float
        Between two titles that only the provider knows; 0 for none.
    """
    samples: list[Sample] = []
    ended, started = threading.Event(), _count_starts(on)
    work = [threading.Thread(target=_sample, args=(on, samples, ended, sample_s))]
    if add_s:
        work.append(threading.Thread(target=_add, args=(on, ended, add_s)))
    for thread in work:
        thread.start()
    try:
        count = max(1, round(rate))
        rows = users(on, "mixed", count=count, seconds=seconds, pace_s=count / rate, uniform=False)
    finally:
        ended.set()
        for thread in work:
            thread.join()
    return {
        "seconds": seconds,
        "requests": len(rows),
        "requests_s": round(len(rows) / seconds, 1),
        "samples": [asdict(sample) for sample in samples],
        "parts": table(samples, rows),
        "verdicts": [*judge_soak(samples, rows), _judge_starts(_count_starts(on) - started)],
    }


def _count_starts(on: Bench) -> int:
    return sum(" started" in line for line in list(on.gateway.lines))


def _judge_starts(more: int) -> Verdict:
    """Judge that no process was replaced: its successor would hide what grew."""
    return Verdict("processes replaced", "0", str(more), more == 0)


def _sample(on: Bench, into: list[Sample], ended: threading.Event, pause_s: float) -> None:
    begun = time.monotonic()
    while not ended.wait(pause_s):
        with contextlib.suppress(psutil.Error, OSError):
            into.append(_look(on, time.monotonic() - begun))


def _add(on: Bench, ended: threading.Event, pause_s: float) -> None:
    number = _FIRST_UNKNOWN + int(time.time()) % 10**6 * 50
    while not ended.wait(pause_s):
        number += 1
        name = urllib.parse.quote(f"tmdb:movie:{number}", safe="")
        with contextlib.suppress(OSError, ValueError):
            get_json(f"{on.gateway.url}/v1/titles/{name}")


def growth(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return the value at both ends of a line through the second half of the samples."""
    half = samples[len(samples) // 2 :]
    times = np.array([sample.seconds for sample in half])
    values = np.array([getattr(sample, name) for sample in half], dtype=float)
    slope, start = np.polyfit(times - times[0], values, 1)
    return float(start), float(start + slope * (times[-1] - times[0]))


def judge_soak(samples: Sequence[Sample], rows: Sequence[Row]) -> list[Verdict]:
    """Return what is required: nothing grows, and nothing fails."""
    bad = sum(row[3] == 0 or row[3] >= 500 for row in rows)
    found = [Verdict("5xx and lost", "0", str(bad), not bad and bool(rows))]
    for name, slack in _SLACK.items():
        shown = name.replace("_mib", " memory, MiB")
        target = f"< x{_GROWTH}"
        if len(samples) < 8:
            found.append(Verdict(shown, target, "too short to judge", None))
            continue
        first, last = growth(samples, name)
        flat = last < first * _GROWTH or last - first < slack
        found.append(Verdict(shown, target, f"{first:.1f} to {last:.1f}", flat))
    return found


def table(samples: Sequence[Sample], rows: Sequence[Row], parts: int = 10) -> list[dict[str, Any]]:
    """Return means of equal parts of the time, with what users saw."""
    if not samples or not rows:
        return []
    length = samples[-1].seconds / parts
    begun = min(row[0] for row in rows)
    found = []
    for part in range(parts):
        inside = [s for s in samples if part * length <= s.seconds <= (part + 1) * length]
        seen = [row for row in rows if part * length <= row[0] - begun <= (part + 1) * length]
        took = [row[2] for row in seen]
        figures = {
            name: round(sum(getattr(s, name) for s in inside) / max(1, len(inside)), 1)
            for name in Sample.__dataclass_fields__
            if name != "seconds"
        }
        p50, p95 = (round(percentile(took, share), 1) if took else None for share in (0.5, 0.95))
        minutes = f"{part * length / 60:.1f} to {(part + 1) * length / 60:.1f}"
        found.append({"minutes": minutes, "requests": len(seen), "p50_ms": p50, "p95_ms": p95,
                      **figures})  # fmt: skip
    return found
