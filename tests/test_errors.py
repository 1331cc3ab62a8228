from __future__ import annotations

from tv5core import errors


def test_a_title_that_a_provider_does_not_have_is_an_unknown_id() -> None:
    error = errors.TitleNotFoundError("expected a title, got none")
    assert isinstance(error, errors.UnknownIdError)
    assert isinstance(error, errors.UpstreamError)
    assert isinstance(error, KeyError)
    assert str(error) == "expected a title, got none"
