"""Lists as Python, NumPy, pandas and Java print them."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.sources.lists import names, split_list
from tv5core.sources.literals import MAX_LITERAL, LiteralError, parse_literal
from tv5core.sources.values import Remarks


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("['Drama' 'War']", ["Drama", "War"]),
        ("['Drama'\n 'War']", ["Drama", "War"]),
        ("array(['Drama', 'War'], dtype=object)", ["Drama", "War"]),
        ("array(['Drama', 'War'], dtype='<U5')", ["Drama", "War"]),
        ("[np.str_('Drama'), np.str_('War')]", ["Drama", "War"]),
        ("('Drama', 'War')", ["Drama", "War"]),
        ("('Drama',)", ["Drama"]),
        ("{'Drama', 'War'}", ["Drama", "War"]),
        ("frozenset({'Drama', 'War'})", ["Drama", "War"]),
        ("[u'Drama', u'War']", ["Drama", "War"]),
        ("[b'caf\\xc3\\xa9']", ["café"]),
        ("[r'a\\n']", ["a\\n"]),
        ("['\\u00e9\\x41\\t\\101']", ["éA\tA"]),
        ('["\\ud83d\\ude00"]', ["\U0001f600"]),
        ("[Drama, War]", ["Drama", "War"]),
        ("[Science Fiction, Kid's Drama]", ["Science Fiction", "Kid's Drama"]),
        ("[None of the above, War]", ["None of the above", "War"]),
        ('{"Science Fiction",Drama}', ["Science Fiction", "Drama"]),
        ("[9.3e-05, -1, +2, .5, 1.]", [9.3e-05, -1, 2, 0.5, 1.0]),
        ("[nan, NaN, inf, -inf, None, null, 1e999]", [None] * 7),
        ("[nan nan 1.]", [None, None, 1.0]),
        ("[True, false]", [True, False]),
        ("[{'a': nan, 'b': -1}]", [{"a": None, "b": -1}]),
        ("['a' ... 'z']", ["a", ..., "z"]),
        ("[]", []),
        ("set()", []),
        ("['a',]", ["a"]),
        ("[1L, 2]", [1, 2]),
        ("Index(['Drama'], dtype='object')", ["Drama"]),
        ("dict_keys(['Drama'])", ["Drama"]),
        ("[{'d': datetime.date(2001, 2, 3), 'n': 'A'}]", [{"d": None, "n": "A"}]),
        ("[Timestamp('2001-02-03', tz=None), Decimal('7.5')]", [None, "7.5"]),
        ("[OrderedDict([('n', 'A')])]", [{"n": "A"}]),
    ],
)
def test_what_is_understood(written: str, want: object) -> None:
    assert parse_literal(written) == want


@pytest.mark.parametrize(
    "written",
    [
        "[__import__('os').getcwd()]",
        "[1-1-1]",
        "[1_0]",
        "[\u0663]",
        "[7 Days, War]",
        "['a' War]",
        "['Kid''s Drama']",
        "['Kid's Drama', 'War']",
        "[{'a': 1}",
        "[{[]: 1}]",
        "[,]",
        "['a'] + ['b']",
        "[a=b]",
        "[" * 5_000,
        "['" + "a" * MAX_LITERAL + "']",
        "",
    ],
)
def test_what_is_not(written: str) -> None:
    with pytest.raises(LiteralError):
        parse_literal(written)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(VALUES, max_size=4))
def test_what_python_and_json_print_comes_back(value: list[Any]) -> None:
    assert parse_literal(repr(value)) == value
    assert parse_literal(json.dumps(value)) == json.loads(json.dumps(value))


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=5))
def test_numpys_writing_keeps_elements_apart(words: list[str]) -> None:
    assert parse_literal("[" + " ".join(map(repr, words)) + "]") == words


@given(st.text(alphabet="[](){}'\",:ub nae\\x1.-_5\n", max_size=24))
def test_any_text_is_read_or_refused(written: str) -> None:
    try:
        found = parse_literal(written)
    except LiteralError:
        return
    try:
        python = ast.literal_eval(written.strip())
    except (ValueError, SyntaxError, MemoryError, TypeError):
        return
    if isinstance(python, list) and all(isinstance(x, int | float) for x in python):
        assert found == python
    remarks = Remarks()
    names(written, remarks)
    split_list(written, remarks)


def test_lists_that_lost_their_brackets_and_names_in_brackets() -> None:
    remarks = Remarks()
    assert names("'Drama', 'War'", remarks) == ["Drama", "War"]
    assert names("(G)I-DLE, Ann Poe", remarks) == ["(G)I-DLE", "Ann Poe"]
    assert names("'Weird Al' Yankovic, Ann Poe", remarks) == ["'Weird Al' Yankovic", "Ann Poe"]
    assert not remarks
    assert names("{'Drama', 'War'", remarks, what="genres") == []
    assert names("['a' ... 'z']", remarks, what="genres") == ["a", "z"]
    assert names("Series(['a'] + x)", remarks, what="cast") == []
    assert names("[['a'], {'id': 1}, {'name': ''}, nan]", remarks, what="cast") == []
    assert remarks == {
        "genres malformed": 1, "genres shortened by NumPy": 1, "cast malformed": 1,
        "cast: entry without a name": 2,
    }  # fmt: skip
