"""The workflows are valid, and what they run is there. Nothing here runs them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

CHECKOUT = Path(__file__).parents[1]
WORKFLOWS = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))


def jobs(workflow: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(workflow)["jobs"])


def commands(workflow: Path) -> list[str]:
    return [
        step["run"] for job in jobs(workflow).values() for step in job["steps"] if "run" in step
    ]


def valid(path: Path) -> bool:
    schema = ["--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_there_are_workflows() -> None:
    assert WORKFLOWS


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_keeps_the_schema(workflow: Path, tmp_path: Path) -> None:
    assert valid(workflow)
    broken = tmp_path / workflow.name
    broken.write_text(workflow.read_text("utf-8").replace("runs-on:", "run-on:", 1))
    assert not valid(broken)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_names_is_there(workflow: Path) -> None:
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    known = set(extras["optional-dependencies"])
    for command in commands(workflow):
        for name in re.findall(r"(?:tv5core|\.|\$state)\[([\w,-]+)\]", command):
            assert set(name.split(",")) <= known, command
        for path in re.findall(r"(?<![\w/.])(?:\.ci|tests|benchmarks|docs)/?[\w./]*", command):
            assert (CHECKOUT / path).exists() or path == "docs/_build", command


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_need_jobs_that_are_there_and_end(workflow: Path) -> None:
    all_jobs = jobs(workflow)
    for name, job in all_jobs.items():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(all_jobs), name
        assert 0 < job["timeout-minutes"] <= 120, name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_may_only_read(workflow: Path) -> None:
    whole = YAML(typ="safe").load(workflow)
    assert whole["permissions"] == {"contents": "read"}
    for job in whole["jobs"].values():
        checkouts = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
