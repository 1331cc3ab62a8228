from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import COUNT, started, tv5


def test_doctor_answers_in_json_and_its_exit_code_says_whether_all_is_well(films: Path) -> None:
    done = tv5("doctor", films, "--json")
    facts = json.loads(done.stdout)
    assert done.returncode == int(any(finding["is_wrong"] for finding in facts["findings"]))
    assert facts["catalogue"]["titles"] == COUNT
    assert facts["kernels"]["active"] in facts["kernels"]["available"]
    assert facts["disk"]["folder"] == str(films)
    assert facts["machine"]["cores"] >= 1
    assert "findings" in facts


def test_doctor_speaks_to_people(films: Path) -> None:
    shown = started("doctor", films, TV5_KERNELS="portable").stdout
    assert "portable of" in shown
    assert f"{COUNT} titles" in shown
    assert "note: TV5_KERNELS=portable" in shown
    assert "\n  -> unset TV5_KERNELS" in shown


@pytest.mark.parametrize("content", [{}, {"data.mdb": b"damaged" * 999}])
def test_a_folder_that_is_no_catalogue_is_wrong(content: dict[str, bytes], tmp_path: Path) -> None:
    for name, raw in content.items():
        (tmp_path / name).write_bytes(raw)
    done = tv5("doctor", tmp_path)
    assert done.returncode == 1
    assert "wrong: the catalogue fails" in done.stdout
    assert "-> look closer: tv5 verify" in done.stdout
    left = {path.name for path in tmp_path.iterdir()} - {"lock.mdb"}  # which LMDB's readers need
    assert left == set(content)
    assert all((tmp_path / name).read_bytes() == raw for name, raw in content.items())


def test_a_folder_to_come_is_looked_at_from_above(tmp_path: Path) -> None:
    facts = json.loads(tv5("doctor", tmp_path / "films", "--json").stdout)
    assert facts["catalogue"] is None
    assert facts["disk"]["folder"] == str(tmp_path)
    assert not list(tmp_path.iterdir())
