"""Each fault in made-up facts is found, says what to do, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tv5core.cli.diagnosis.catalogue import CatalogueFacts
from tv5core.cli.diagnosis.disk import Clock, Disk
from tv5core.cli.diagnosis.findings import Examination, find
from tv5core.cli.diagnosis.machine import Kernels, Limits, Machine, Memory
from tv5core.cli.diagnosis.packages import Packages

GB = 1 << 30
SOUND = Examination(
    Packages("1.0", "3.11.7", {"numpy": "2.4"}, {"cli": {"rich": "15"}, "redis": {"redis": ""}}),
    Kernels(["avx512", "avx2", "portable", "numpy"], "avx512", "", "a processor"),
    Machine(
        "Linux 6.1 glibc 2.36", "x86_64", 64, 8, None,
        Memory(16 * GB, 12 * GB, 0, None, None, "madvise"),
        Limits(20_000, 20_000, None, None, 8 << 20, 65_530, 300),
    ),
    Disk(
        "/films", "/", "ext4", 500 * GB, 100 * GB, 10_000_000, True, True, True, False, 0.001,
        Clock(1_800_000_000.0, 0.0, True),
    ),
    CatalogueFacts("/films", 1_000_000, 305),
)  # fmt: skip


def but(part: str, **changes: Any) -> Examination:
    """Return sound facts with some of them changed; ``part`` is a dotted path."""
    names = part.split(".")
    values = [SOUND]
    for name in names:
        values.append(getattr(values[-1], name))
    changed: Any = replace(values[-1], **changes)
    for name, value in zip(reversed(names), reversed(values[:-1]), strict=True):
        changed = replace(value, **{name: changed})
    return changed


def test_nothing_is_found_where_all_is_well() -> None:
    assert find(SOUND) == []
    assert find(replace(SOUND, catalogue=None)) == []


@pytest.mark.parametrize(
    ("facts", "what", "advice"),
    [
        (but("packages", core={"lmdb": "", "numpy": "2"}), "missing: lmdb", "--force-reinstall"),
        (but("kernels", available=["numpy"], active="numpy"), "kernels are missing", "wheel"),
        (but("machine", bits=32), "32 bits", "64 bits"),
        (but("machine.memory", available=GB // 8), "134 MB of memory", "give"),
        (
            but("machine.memory", group_limit=GB, group_used=GB - 1000),
            "0 MB of memory",
            "container",
        ),
        (but("machine.limits", open_files=100), "100 files", "ulimit -n"),
        (but("machine.limits", address_space_bytes=GB), "1,074 MB", "ulimit -v"),
        (but("machine.limits", file_bytes=GB), "grow beyond 1,074 MB", "ulimit -f"),
        (but("disk", kind="nfs4"), "/films (nfs4) is a network", "local disk"),
        (but("disk", kind="fuse.sshfs"), "network file system", "local disk"),
        (but("disk", can_write=False, can_map=False, can_lock=False), "written", "read-only"),
        (but("disk", can_map=False), "mappings do not work", "local disk"),
        (but("disk", can_lock=False), "locks do not work", "local disk"),
        (but("disk", free_bytes=1_000_000), "1 MB are free", "make room"),
        (but("disk", free_files=3), "3 more files fit", "delete"),
        (but("disk.clock", time_s=3600.0), "before 2025", "NTP"),
        (but("disk.clock", skew_s=-30.0), "-30 s off", "NTP"),
        (but("catalogue", failure="checksum differs"), "checksum differs", "tv5 verify"),
    ],
)
def test_a_fault_is_wrong_and_has_its_remedy(facts: Examination, what: str, advice: str) -> None:
    (finding,) = find(facts)
    assert finding.is_wrong
    assert what in finding.what
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (but("packages", extras={"server": {"aiohttp": "3", "uvloop": ""}}), "missing: uvloop"),
        (but("kernels", active="portable", chosen_by="portable"), "avx512 can be"),
        (but("machine", system="Darwin 24"), "not on Darwin"),
        (but("machine", core_quota=1.5), "1.5 cores, and 8"),
        (but("machine.memory", available=GB // 2), "537 MB of memory"),
        (but("machine.limits", open_files=1024), "1,024 files"),
        (but("machine.limits", mappings=1000), "1,000 memory mappings"),
        (but("disk", kind="tmpfs"), "is memory"),
        (but("disk", kind="overlay"), "belongs to a container"),
        (but("disk", sync_s=0.2), "takes 200 ms"),
        (but("disk", free_bytes=GB), "1,074 MB are free"),
        (but("catalogue", recovered=("a graph",)), "mended: a graph"),
        (but("catalogue", text_search="not fitted"), "not fitted"),
        (but("catalogue", pending=12), "12 titles wait"),
    ],
)
def test_what_is_only_worth_knowing_is_a_note(facts: Examination, what: str) -> None:
    (finding,) = find(facts)
    assert not finding.is_wrong
    assert what in finding.what
    assert finding.advice


def test_what_is_wrong_comes_first() -> None:
    facts = replace(but("disk", kind="tmpfs"), kernels=Kernels(["numpy"], "numpy", "", ""))
    assert [finding.is_wrong for finding in find(facts)] == [True, False]


def test_what_the_system_does_not_say_is_no_fault() -> None:
    """As on macOS, where neither /proc nor control groups exist."""
    machine = replace(
        SOUND.machine,
        memory=Memory(None, None, None, None, None, ""),
        limits=Limits(None, None, None, None, None, None, None),
    )
    disk = replace(SOUND.disk, mount="", kind="", free_files=-1, sync_s=None)
    assert find(replace(SOUND, machine=machine, disk=disk)) == []


def test_an_extra_is_not_installed_in_part_by_what_another_brought() -> None:
    extras = {"cli": {"rich": "15"}, "mcp": {"mcp": "", "rich": "15"}}
    assert find(but("packages", extras=extras)) == []
