"""Bytes as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.sources.encodings import check_encoding, decode_text
from tv5core.sources.values import Remarks, RowError


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf8_is_utf8(text: str) -> None:
    remarks = Remarks()
    assert decode_text(text.encode(), remarks) == text
    assert not remarks


@given(
    st.lists(st.sampled_from("Ça été à l'hôtel, señor Müller fährt über €5".split()), min_size=1)
)
def test_western_words_in_windows_1252(words: list[str]) -> None:
    text = " ".join(words)
    assert decode_text(text.encode("cp1252"), Remarks()) == text


@given(st.binary())
def test_any_bytes_are_text_or_refused(raw: bytes) -> None:
    remarks = Remarks()
    try:
        found = decode_text(raw, remarks)
    except RowError:
        return
    if "\ufffd" in found and b"\xef\xbf\xbd" not in raw:
        assert remarks == {"invalid UTF-8 replaced": 1}


def test_encodings_have_names() -> None:
    assert [check_encoding(name) for name in ("UTF8", "latin1", "CP1251")] == [
        "", "iso8859-1", "cp1251",
    ]  # fmt: skip
    for name in ("klingon", "", "base64", "a\0b"):
        with pytest.raises(InvalidInputError, match="expected an encoding"):
            check_encoding(name)
