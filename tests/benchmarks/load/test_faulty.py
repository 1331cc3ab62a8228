"""A clock that jumps and a disk that is full: for those who are given them, and nobody else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.load.faulty import Clock, small_disk

_ASK = (
    "import time, datetime; "
    "print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())"
)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_clock_jumps_for_its_processes_and_monotonic_time_does_not(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    for ahead in (0.0, 7_200.0, -7_200.0):
        clock.jump(ahead)
        environment = {**os.environ, **clock.environment}
        before, monotonic = time.time(), time.monotonic()
        told = subprocess.run(
            [sys.executable, "-c", _ASK],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        now, also, steady = map(float, told.stdout.split())
        for said in (now, also):
            assert before + ahead - 1 <= said <= time.time() + ahead + 1
        assert monotonic <= steady <= time.monotonic()


def test_a_small_disk_fills_and_is_freed() -> None:
    with small_disk(1 << 20) as disk:
        if disk is None:
            pytest.skip("nothing can be mounted here")
        assert disk.fill() > 0
        with pytest.raises(OSError, match="space") as full:
            (disk.folder / "more").write_bytes(bytes(8_192))
        assert full.value.errno == errno.ENOSPC
        disk.free()
        (disk.folder / "more").write_bytes(bytes(8_192))
    assert not disk.folder.exists()
