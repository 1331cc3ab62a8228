"""The table of problems."""

from __future__ import annotations

import inspect

import pytest

from tv5core import errors
from tv5core.server import errors as ours
from tv5core.server.problems import PROBLEMS, problem_response


def test_every_error_has_a_status() -> None:
    library = {getattr(errors, name) for name in errors.__all__}
    requests = {kind for _, kind in inspect.getmembers(ours, inspect.isclass)}
    public = {kind for kind in requests if not kind.__name__.startswith("_")}
    assert set(PROBLEMS) == library | public | {errors.Tv5Error}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_failure_of_the_gateway_tells_no_details(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = ("expected /secret/folder",)
    text = problem_response(error).body
    assert isinstance(text, bytes)
    assert (b"/secret/folder" in text) == (PROBLEMS[kind].status < 500)
