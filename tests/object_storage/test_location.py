"""URLs of object storage."""

from __future__ import annotations

import pytest

from tv5core.errors import InvalidInputError
from tv5core.object_storage import check_no_url, is_url, open_store, parse_location


@pytest.mark.parametrize(
    ("url", "path", "shown"),
    [
        ("s3://bucket", "bucket", "s3://bucket"),
        ("s3://bucket//a/b/", "bucket/a/b", "s3://bucket/a/b"),
        ("file:///a/b%20c/", "/a/b c", "file:///a/b c"),
    ],
)
def test_one_place_has_one_name(url: str, path: str, shown: str) -> None:
    location = parse_location(url)
    assert (location.path, location.url) == (path, shown)
    assert is_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("s3://", "s3:///films", "s3://bucket/../other", "s3://bucket/a?b", "s3://bucket/a#b"),
        *("file://relative/path", "file://", "://bucket", "s3://buck\net", "s3://[bucket/a"),
        "s3://" + "a" * 2_000,
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        parse_location(url)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInputError, match="AWS_ACCESS_KEY_ID") as caught:
        parse_location("s3://AKIANAME:hush@bucket/films")
    assert "AKIANAME" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [("nothing://b/f", "another protocol"), ("gs://b/f", "needs a library: install")],
)
def test_what_is_missing_is_said(url: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        open_store(url)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="map names to values"):
        open_store("s3://bucket/films", [("key", "value")])  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="no storage_options for file"):
        open_store("file:///films", {"key": "value"})
    with pytest.raises(InvalidInputError, match="expected snapshot with a URL only"):
        check_no_url("restore", snapshot=1)
    check_no_url("restore", snapshot=None, replace=False)
