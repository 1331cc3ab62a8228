"""A process that fills the cache on disk is killed, or its disk is full, over and over.

    python -m tests.cache.crash_rounds --rounds 500
    python -m tests.cache.crash_rounds --full 50              # a limit on file size
    python -m tests.cache.crash_rounds --full 50 --folder /mnt/small   # a filesystem that is full

Values tell their key, their number and a checksum, so a wrong or torn one shows. What the worker
says it invalidated (it says so when that has returned) must never be found again, by any process.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Entry

CAP = 16 << 20
KEYS = 400
LIMIT = 600 << 10  # less than the values of all keys take


def value(key: str, number: int) -> bytes:
    """Make a value of 50 to 6,000 bytes that contains its own number."""
    head = f"{key} {number} ".encode()
    filling = hashlib.blake2b(head).hexdigest().encode() * (1 + number % 47)
    return head + filling


def number_of(key: str, got: bytes) -> int:
    """Return a value's number; fails where it is not wholly what was put."""
    name, number, _ = got.split(b" ", 2)
    assert name.decode() == key, f"expected a value of {key}, got one of {name!r}"
    assert got == value(key, int(number)), f"expected a whole value of {key}, got a torn one"
    return int(number)


def entry(data: bytes) -> Entry:
    now = time.time()
    return Entry(data, now, now + 600, now + 900, (f"tag{len(data) % 3}",), 0.001, False)


async def work(folder: Path, seed: int, start: int) -> None:
    """Put and invalidate without end; print what was invalidated, as "key number"."""
    rng = random.Random(seed)
    tier = DiskTier(folder, CAP)
    number = start
    while True:
        number += 1
        key = str(rng.randrange(KEYS))
        await tier.put("title", key, entry(value(key, number)), tier.token())
        if number % 7 == 0:
            found = await tier.get("title", key)
            if found is not None:
                number_of(key, found.value)
        if number % 50 == 0:
            await tier.delete("title", [key])
            print(key, number, flush=True)


def check(tier: DiskTier, dead: dict[str, int]) -> int:
    """Read every key; return how many had a value."""
    found = 0
    for key in map(str, range(KEYS)):
        got = asyncio.run(tier.get("title", key))
        if got is not None:
            found += 1
            number = number_of(key, got.value)
            assert number > dead.get(key, 0), f"expected {key} after {dead[key]}, got {number}"
    return found


def kill_rounds(folder: Path, rounds: int, seed: int) -> dict[str, int]:
    """Kill a worker at random times while this process reads; return what it read."""
    rng, dead, found, invalidated = random.Random(seed), dict[str, int](), 0, 0
    tier = DiskTier(folder, CAP)
    for number in range(rounds):
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.cache.crash_rounds", "--work", str(folder)),
                *("--seed", str(seed + number), "--start", str(number * 1_000_000)),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        ends = time.monotonic() + rng.uniform(0.0, 0.3)
        while time.monotonic() < ends:
            key = str(rng.randrange(KEYS))
            got = asyncio.run(tier.get("title", key))
            if got is not None:
                number_of(key, got.value)
        worker.send_signal(signal.SIGKILL)
        for line in worker.stdout.read().splitlines():
            with suppress(ValueError):  # the last line may be cut short
                key, at = line.split()
                dead[key] = max(dead.get(key, 0), int(at))
                invalidated += 1
        worker.stdout.close()
        assert worker.wait() == -signal.SIGKILL
        if rng.random() < 0.5:  # as the only user, too
            asyncio.run(tier.close())
            tier = DiskTier(folder, CAP)
            assert not tier.stats()["warnings"], tier.stats()["warnings"]
        found += check(tier, dead)
    asyncio.run(tier.close())
    return {"rounds": rounds, "found": found, "invalidated": invalidated}


def full_rounds(folder: Path, rounds: int, seed: int, *, limited: bool) -> dict[str, int]:
    """Fill the disk and make room again; return what was read.

    Parameters
    ----------
    limited : bool
        Whether to imitate a full disk by the system's limit on file size.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    return asyncio.run(_full_rounds(folder, rounds, random.Random(seed), limited, hard))


async def _full_rounds(
    folder: Path, rounds: int, rng: random.Random, limited: bool, hard: int
) -> dict[str, int]:
    tier, dead, number = DiskTier(folder / "cache", CAP), dict[str, int](), 0
    seen = {"rounds": rounds, "found": 0, "cooldown": 0, "back": 0}
    for _ in range(rounds):
        filling = folder / "filling"
        if limited:
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
        else:
            _fill(filling)
        for _ in range(800):
            number += 1
            key = str(rng.randrange(KEYS))
            await tier.put("title", key, entry(value(key, number)), tier.token())
            if number % 40 == 0:
                await tier.delete("title", [key])
                dead[key] = number
            found = await tier.get("title", key)
            if found is not None:
                seen["found"] += 1
                assert number_of(key, found.value) > dead.get(key, 0)
        await asyncio.to_thread(tier.flush)
        seen["cooldown"] += bool(tier.stats()["cooldown"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        filling.unlink(missing_ok=True)
        seen["back"] += await _comes_back(tier)
    await tier.close()
    return seen


def _fill(path: Path) -> None:
    """Leave no room on the filesystem."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


async def _comes_back(tier: DiskTier) -> bool:
    """Wait for the tier to store again; its back-off is 30 s at most."""
    ends = time.monotonic() + 60.0
    while time.monotonic() < ends:
        await tier.put("probe", "a", entry(b"back"), tier.token())
        await asyncio.to_thread(tier.flush)
        if await tier.get("probe", "a") is not None:
            await tier.delete("probe", ["a"])
            return True
        await asyncio.sleep(0.05)
    return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--full", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    if options.work is not None:
        asyncio.run(work(options.work, options.seed, options.start))
        return
    with tempfile.TemporaryDirectory() as temporary:
        if options.rounds:
            print("killed:", kill_rounds(Path(temporary) / "kill", options.rounds, options.seed))
        if options.full:
            folder, limited = options.folder or Path(temporary), options.folder is None
            print("full:", full_rounds(folder, options.full, options.seed, limited=limited))


if __name__ == "__main__":
    main()
