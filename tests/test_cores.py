from __future__ import annotations

import os
from pathlib import Path

import pytest

from tv5core import cores
from tv5core.cores import core_quota, usable_cores, visible_cores
from tv5core.errors import InvalidInputError


@pytest.fixture(autouse=True)
def no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_quota", lambda: None)
    monkeypatch.delenv("TV5_CORES", raising=False)


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)


@pytest.mark.usefixtures("three_cores")
def test_cores_are_those_that_this_process_may_use() -> None:
    assert usable_cores() == visible_cores() == 3


@pytest.mark.parametrize(("there", "expected"), [(8, 8), (None, 1)])
def test_where_the_system_does_not_say_it_is_those_there_are(
    there: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: there)
    assert usable_cores() == expected


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize(("quota", "expected"), [(0.3, 1), (1.5, 2), (2.0, 2), (7.0, 3)])
def test_a_quota_of_processor_time_counts_rounded_up(
    quota: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_quota", lambda: quota)
    assert (usable_cores(), visible_cores()) == (expected, 3)


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize(("set_to", "expected"), [("", 3), ("2", 2), (" 1 ", 1), ("64", 3)])
def test_the_environment_lowers_it(
    set_to: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TV5_CORES", set_to)
    assert usable_cores() == expected


@pytest.mark.parametrize("set_to", ["0", "-1", "two", "1.5", "²"])
def test_anything_else_there_is_an_error(set_to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TV5_CORES", set_to)
    with pytest.raises(InvalidInputError, match="expected a number of cores from 1 in TV5_CORES"):
        usable_cores()


def test_the_lowest_quota_on_the_way_to_the_own_group_counts(tmp_path: Path) -> None:
    assert core_quota(tmp_path) is None
    top = tmp_path / "sys/fs/cgroup"
    own = top / "system.slice/films.service"
    own.mkdir(parents=True)
    (top / "cpu.max").write_text("max 100000\n")
    assert core_quota(tmp_path) is None
    (own / "cpu.max").write_text("150000 100000\n")
    assert core_quota(tmp_path) is None  # nobody says that it is ours
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/films.service\n")
    assert core_quota(tmp_path) == 1.5
    (own.parent / "cpu.max").write_text("50000 100000\n")
    assert core_quota(tmp_path) == 0.5
    (tmp_path / "proc/self/cgroup").write_text("0::/../../elsewhere\n")
    assert core_quota(tmp_path) is None


def test_a_quota_of_the_first_version_of_control_groups(tmp_path: Path) -> None:
    old = tmp_path / "sys/fs/cgroup/cpu"
    old.mkdir(parents=True)
    (old / "cpu.cfs_period_us").write_text("100000\n")
    (old / "cpu.cfs_quota_us").write_text("-1\n")
    assert core_quota(tmp_path) is None
    (old / "cpu.cfs_quota_us").write_text("250000\n")
    assert core_quota(tmp_path) == 2.5
