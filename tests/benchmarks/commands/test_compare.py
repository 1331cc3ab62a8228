"""Comparing runs of the benchmark suites: regressions beyond noise, and only those, count."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import compare


def stats(best: float, spread: float = 0.02, rounds: int = 100) -> dict[str, Any]:
    """Make the statistics of a run, its lower quartile ``spread`` above its fastest round."""
    return {
        "min": best,
        "q1": best * (1 + spread),
        "median": best * (1 + 2 * spread),
        "q3": best * (1 + 3 * spread),
        "iqr": best * 2 * spread,
        "rounds": rounds,
        "outliers": "2;3",
    }


def save(path: Path, timer: str = "perf_counter", **times: dict[str, Any]) -> str:
    listed = [
        {"fullname": name, "group": None, "options": {"timer": timer}, "stats": one}
        for name, one in times.items()
    ]
    path.write_text(json.dumps({"machine_info": {}, "version": "5", "benchmarks": listed}))
    return str(path)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.main(parser.parse_args(words))


def test_slower_beyond_threshold_and_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = save(tmp_path / "old.json", walk=stats(1e-3), dot=stats(2e-6), gone=stats(1))
    new = save(tmp_path / "new.json", walk=stats(1.3e-3), dot=stats(2.1e-6), came=stats(1))
    assert run(old, new) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == "1.000 ms 1.300 ms 1.300 2.8% walk <- slower".split()
    assert lines[2].split() == "2.000 us 2.100 us 1.050 2.8% dot".split()
    assert "only in old: gone" in lines
    assert "only in new: came" in lines
    assert lines[-1].startswith("2 compared by min: 1 slower and 0 faster by more than 10%")


def test_swapped_files_swap_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = save(tmp_path / "old.json", walk=stats(1.3e-3))
    new = save(tmp_path / "new.json", walk=stats(1e-3))
    assert run(old, new) == 0
    assert "<- faster" in capsys.readouterr().out
    assert run(new, old) == 1


def test_noise_excuses(tmp_path: Path) -> None:
    old = save(tmp_path / "old.json", walk=stats(1, spread=0.3))
    new = save(tmp_path / "new.json", walk=stats(1.3, spread=0.3))
    assert run(old, new) == 0
    quiet = save(tmp_path / "quiet.json", walk=stats(1.3))
    assert run(save(tmp_path / "calm.json", walk=stats(1)), quiet) == 1


def test_a_machine_that_changed_excuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yardstick = "suites/test_yardstick.py::test_yardstick[memory-end]"
    old = save(tmp_path / "old.json", walk=stats(1), **{yardstick: stats(1)})
    new = save(tmp_path / "new.json", walk=stats(1.3), **{yardstick: stats(0.7)})
    assert run(old, new) == 0
    printed = capsys.readouterr().out
    assert "changed by up to 42.9% between the runs" in printed
    assert yardstick not in printed
    assert run(old, save(tmp_path / "much.json", walk=stats(1.5), **{yardstick: stats(1.3)})) == 1


def test_turns_are_taken_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = save(tmp_path / "old.json", **{"a[x-turn0]": stats(1), "a[x-turn1]": stats(1.6)})
    new = save(tmp_path / "new.json", **{"a[x-turn0]": stats(1.25), "a[x-turn1]": stats(1.25)})
    assert run(old, new) == 0  # the old run's turns are further apart than that
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == "a[x]"
    same = save(tmp_path / "same.json", **{"a[x-turn0]": stats(1), "a[x-turn1]": stats(1)})
    assert run(same, new) == 1
    capsys.readouterr()


@pytest.mark.parametrize("name", ["a[turn{}]", "a[turn{}-x]", "a[y-turn{}-x 1]", "a[y-turn{}]"])
def test_turns_are_no_part_of_names(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both = save(tmp_path / "both.json", **{name.format(turn): stats(1 + turn) for turn in (0, 1)})
    assert run(both, both, "--json") == 0
    report = json.loads(capsys.readouterr().out)["benchmarks"]
    bare = {"a[turn{}]": "a", "a[turn{}-x]": "a[x]", "a[y-turn{}]": "a[y]"}
    assert [one["name"] for one in report] == [bare.get(name, "a[y-x 1]")]


def test_threshold(tmp_path: Path) -> None:
    old = save(tmp_path / "old.json", walk=stats(1))
    new = save(tmp_path / "new.json", walk=stats(1.2))
    assert run(old, new, "--threshold", "0.25") == 0
    assert run(old, new, "--threshold", "0.15") == 1


def test_by_median_takes_the_notch_for_noise(tmp_path: Path) -> None:
    old = save(tmp_path / "old.json", walk=stats(1, spread=0.3, rounds=9))
    new = save(tmp_path / "new.json", walk=stats(1.25, spread=0.3, rounds=9))
    many = save(tmp_path / "many.json", walk=stats(1.25, spread=0.3, rounds=10_000))
    assert run(old, new, "--by", "median") == 0
    assert run(many, new, "--by", "median") == 0
    old_many = save(tmp_path / "old_many.json", walk=stats(1, spread=0.3, rounds=10_000))
    assert run(old_many, many, "--by", "median") == 1


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = save(tmp_path / "old.json", walk=stats(1), gone=stats(1))
    new = save(tmp_path / "new.json", walk=stats(2))
    assert run(old, new, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["slower"] == ["walk"]
    assert report["only_in_old"] == ["gone"]
    assert report["benchmarks"][0]["ratio"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a file of --benchmark-json"),
        (b"\xff\xfe", "expected the JSON of --benchmark-json"),
        (b"{}", "missing required field `benchmarks`"),
        (b'{"benchmarks": [{"fullname": "a"}]}', "missing required field `stats`"),
        (b'{"benchmarks": []}', "got no benchmarks"),
    ],
)
def test_refuses_other_files(
    tmp_path: Path,
    content: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = save(tmp_path / "good.json", walk=stats(1)), tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    for words in ((good, str(bad)), (str(bad), good)):
        assert run(*words) == 2
        printed = capsys.readouterr()
        assert message in printed.err
        assert not printed.out


def test_refuses_nonsense_and_strangers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = save(tmp_path / "good.json", walk=stats(1))
    assert run(good, save(tmp_path / "bad.json", walk=stats(0))) == 2
    assert "expected benchmarks with positive times" in capsys.readouterr().err
    assert run(good, save(tmp_path / "other.json", dot=stats(1))) == 2
    assert "expected benchmarks in common" in capsys.readouterr().err
    assert run(good, save(tmp_path / "cpu.json", "process_time", walk=stats(1))) == 2
    assert "expected one clock in both runs" in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["-0.1", "nan", "ten"])
def test_refuses_bad_thresholds(threshold: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("a", "b", f"--threshold={threshold}")
    assert "expected a share of at least 0" in capsys.readouterr().err
