"""Declarations and values of a catalogue's own fields."""

from __future__ import annotations

from typing import Any

import pytest

from tv5core.errors import InvalidInputError
from tv5core.extra_fields import (
    EXTRA_TYPES,
    MAX_EXTRA_FIELDS,
    check_declaration,
    check_extra,
    extra_fault,
    is_date,
    united_declarations,
)

RIGHT: dict[str, list[Any]] = {
    "keyword": ["A24", "é"],
    "keywords": [("a", "b"), ()],
    "int": [0, -5, 2**62 - 1],
    "float": [0.5, 3, -1e300],
    "bool": [True, False],
    "date": ["2001-02-03", "0001-01-01"],
    "text": ["", "any\ntext"],
}
WRONG: dict[str, list[Any]] = {
    "keyword": ["", "  ", 3, None, ("a",), "\ud800"],
    "keywords": ["a", ("",), (1,), ["a"], ("\ud800",)],
    "int": [True, 1.0, "1", 2**62, None],
    "float": [float("nan"), float("inf"), "1", False, 2**80],
    "bool": [0, "true", None],
    "date": ["2001-02-30", "2001-2-3", "", 20010203, "20010203", "٢٠٠١-٠٢-٠٣"],
    "text": [3, None, ("a",), "\ud800"],
}


@pytest.mark.parametrize("kind", EXTRA_TYPES)
def test_values_by_type(kind: str) -> None:
    assert [extra_fault(value, kind) for value in RIGHT[kind]] == [""] * len(RIGHT[kind])
    for value in WRONG[kind]:
        assert "got " in extra_fault(value, kind), value


def test_only_what_is_declared_is_taken() -> None:
    declared = check_declaration({"studio": "keyword"})
    check_extra({"studio": "x"}, declared, 0, "a")
    with pytest.raises(InvalidInputError, match=r"declared \(studio\) at 3 \(a\), got 'cost'"):
        check_extra({"cost": 1}, declared, 3, "a")
    with pytest.raises(InvalidInputError, match=r"expected text .*got 5 in extra studio at 3"):
        check_extra({"studio": 5}, declared, 3, "a")


@pytest.mark.parametrize(
    "given",
    [
        None, ["a"], {"a": "string"}, {"a": None}, {"A": "int"}, {"": "int"}, {"a b": "int"},
        {"a" * 41: "int"}, {1: "int"}, {"é": "int"}, {"a": []},
        {f"a{n}": "int" for n in range(MAX_EXTRA_FIELDS + 1)},
    ],
)  # fmt: skip
def test_declarations_that_are_none(given: Any) -> None:
    with pytest.raises(InvalidInputError):
        check_declaration(given)


def test_declarations_add_up() -> None:
    assert united_declarations({"a": "int"}, {"b": "date"}) == {"a": "int", "b": "date"}
    with pytest.raises(InvalidInputError, match="to be declared as int as before, got date"):
        united_declarations({"a": "int"}, {"a": "date"})


def test_dates_are_days_of_the_calendar() -> None:
    assert is_date("2024-02-29")
    assert not is_date("2023-02-29")
