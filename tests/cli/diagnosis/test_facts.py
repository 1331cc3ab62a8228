"""Facts are read from a made-up machine, and tried on real folders."""

from __future__ import annotations

import fcntl
import mmap
import resource
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from tv5core.cli.diagnosis import disk as disk_module
from tv5core.cli.diagnosis.catalogue import look_at_catalogue
from tv5core.cli.diagnosis.disk import look_at_disk
from tv5core.cli.diagnosis.machine import look_at_kernels, look_at_machine
from tv5core.cli.diagnosis.packages import look_at_packages

FILES = {
    "proc/cpuinfo": "processor : 0\nmodel name\t: Made Up 9000\nmodel name : another\n",
    "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB\nSwapTotal: 0 kB\nHugeTLB: x\n",
    "proc/sys/vm/max_map_count": "65530\n",
    "proc/self/maps": "a\nb\nc\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/memory.max": "512000\n",
    "sys/fs/cgroup/memory.current": "100000\n",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_machine_is_read_from_proc_and_sys(machine: Path) -> None:
    facts = look_at_machine(machine)
    assert facts.core_quota == 1.5
    assert (facts.memory.total, facts.memory.available) == (1_024_000, 614_400)
    assert facts.memory.swap == 0
    assert (facts.memory.group_limit, facts.memory.group_used) == (512_000, 100_000)
    assert facts.memory.huge_pages == "madvise"
    assert (facts.limits.mappings, facts.limits.mappings_used) == (65_530, 3)
    assert look_at_kernels(machine).processor == "Made Up 9000"


def test_the_first_version_of_control_groups(machine: Path) -> None:
    group = machine / "sys/fs/cgroup"
    (group / "memory.max").unlink()
    (group / "memory").mkdir()
    (group / "memory/memory.limit_in_bytes").write_text("300000\n")
    (group / "memory/memory.usage_in_bytes").write_text("7\n")
    memory = look_at_machine(machine).memory
    assert (memory.group_limit, memory.group_used) == (300_000, 7)
    (group / "memory/memory.limit_in_bytes").write_text(f"{(1 << 63) - 4096}\n")
    assert look_at_machine(machine).memory.group_limit is None


def test_no_limit_and_no_files_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (endless, endless))
    facts = look_at_machine(tmp_path)
    assert facts.limits.open_files is None
    assert facts.limits.file_bytes is None
    assert facts.memory.total is None
    assert facts.core_quota is None
    assert facts.memory.huge_pages == ""
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("max 100000\n")
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    facts = look_at_machine(tmp_path)
    assert facts.core_quota is None
    assert facts.memory.group_limit is None


# -- disk ---------------------------------------------------------------------------------


def test_a_disk_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    facts = look_at_disk(tmp_path / "not" / "there")
    assert facts.folder == str(tmp_path)
    assert facts.can_write
    assert facts.can_map
    assert facts.can_lock
    assert facts.sync_s is not None
    assert facts.free_bytes <= facts.total_bytes
    assert not list(tmp_path.iterdir())


def test_the_mount_is_the_nearest_one_above(tmp_path: Path) -> None:
    inner = tmp_path / "my films"
    (inner / "a").mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    escaped = str(inner).replace(" ", "\\040")
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        f"2 1 0:9 / {escaped} rw shared:1 - nfs4 server:/films rw\n"
        f"3 1 0:9 / {escaped}/ab rw - tmpfs none rw\n"
    )
    facts = look_at_disk(inner / "a" / "b", mounts)
    assert (facts.kind, facts.mount) == ("nfs4", str(inner))
    assert look_at_disk(tmp_path, mounts).kind == "ext4"
    assert look_at_disk(tmp_path, tmp_path / "none").kind == ""


def fail(*_: Any, **__: Any) -> Any:
    raise OSError(95, "not supported")


def test_what_a_disk_cannot_do_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmap, "mmap", fail)
    monkeypatch.setattr(fcntl, "flock", fail)
    facts = look_at_disk(tmp_path)
    assert (facts.can_write, facts.can_map, facts.can_lock) == (True, False, False)
    monkeypatch.setattr(disk_module.tempfile, "NamedTemporaryFile", fail)
    facts = look_at_disk(tmp_path)
    assert (facts.can_write, facts.can_map, facts.can_lock) == (False, False, False)
    assert (facts.sync_s, facts.clock.skew_s) == (None, None)


def test_block_sharing_is_asked_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(fcntl, "ioctl", lambda file, code, other: asked.append(code))
    assert look_at_disk(tmp_path).shares_blocks
    assert asked == [0x40049409]
    monkeypatch.setattr(fcntl, "ioctl", fail)
    assert not look_at_disk(tmp_path).shares_blocks


@pytest.mark.parametrize("ahead", [-100.0, 100.0])
def test_a_file_system_with_another_clock(ahead: float, tmp_path: Path) -> None:
    now = tmp_path.stat().st_mtime
    facts = look_at_disk(tmp_path, now=lambda: now - ahead)
    assert facts.clock.skew_s == pytest.approx(ahead, abs=60)
    assert look_at_disk(tmp_path).clock.skew_s == pytest.approx(0, abs=1)


# -- packages -----------------------------------------------------------------------------

REQUIREMENTS = [
    "numpy>=2",
    "lmdb>=3",
    'rich>=13; extra == "cli"',
    'old>=1; python_version < "3.9" and extra == "cli"',
    'aiohttp>=3; extra == "upstream"',
    'tv5core[cli,upstream]; extra == "server"',
    "uvloop>=0.20; extra == 'server'",
    'pytest>=8; extra == "test"',
]


def test_extras_are_listed_with_what_they_are_made_of() -> None:
    installed = {"numpy": "2.4", "rich": "15.0", "uvloop": "0.23", "tv5core": "1.2"}

    def version_of(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    facts = look_at_packages(REQUIREMENTS, version_of)
    assert facts.tv5core == "1.2"
    assert facts.core == {"numpy": "2.4", "lmdb": ""}
    assert facts.extras == {
        "cli": {"rich": "15.0"},
        "server": {"rich": "15.0", "aiohttp": "", "uvloop": "0.23"},
        "upstream": {"aiohttp": ""},
    }


def test_the_packages_of_this_environment_have_versions() -> None:
    facts = look_at_packages()
    if facts.core:  # installed, not only on the path
        assert all(facts.core.values())
        assert facts.extras["cli"]["typer"]


# -- catalogues ---------------------------------------------------------------------------


def test_a_catalogue_is_asked(films: Path) -> None:
    facts = look_at_catalogue(films)
    assert (facts.titles, facts.failure, facts.text_search) == (60, "", "")
    assert facts.bytes_on_disk > 0


def test_one_that_does_not_open_is_a_fact(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"no such thing" * 1000)
    assert look_at_catalogue(tmp_path).failure
