"""What URLs of a Redis say, and that they never say a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError
from tv5core.redis_access.address import Credentials, RedisAddress, without_credentials

NONE = Credentials()


def parse(url: str, **environment: str) -> RedisAddress:
    return RedisAddress.parse(url, environment)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", RedisAddress("single", (("localhost", 6379),))),
        ("redis://a:7/3", RedisAddress("single", (("a", 7),), db=3)),
        ("redis://[::1]:7", RedisAddress("single", (("::1", 7),))),
        ("redis://[::1]", RedisAddress("single", (("::1", 6379),))),
        ("unix:///run/redis.sock", RedisAddress("socket", path="/run/redis.sock")),
        (
            "redis+cluster://a:1,b:2,c",
            RedisAddress("cluster", (("a", 1), ("b", 2), ("c", 6379))),
        ),
        (
            "redis+sentinel://a,b:2/films/4",
            RedisAddress("sentinel", (("a", 26379), ("b", 2)), service="films", db=4),
        ),
        (
            "rediss+cluster://u:p%40%2Fq@a?ssl_check_hostname=false",
            RedisAddress(
                "cluster",
                (("a", 6379),),
                tls={"ssl_check_hostname": "false"},
                login=Credentials("u", "p@/q"),
            ),
        ),
    ],
)
def test_forms(url: str, address: RedisAddress) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a", "URL of a Redis"),
        ("a:6379", "URL of a Redis"),
        ("redis://a b", "URL of a Redis"),
        ("redis://a,b", "redis\\+cluster"),
        ("redis://a/films", "database"),
        ("redis://a:99999", "host:port"),
        ("redis+cluster://a/1", "database 0 alone"),
        ("redis+cluster://", "host:port"),
        ("redis+sentinel://a", "service"),
        ("redis://a?timeout=3", "options"),
        ("redis://a?ssl_ca_certs=x", "rediss"),
        ("rediss://a?ssl_ca_certs=/none/such", "ssl_ca_certs"),
        ("rediss://a?ssl_check_hostname=perhaps", "true or false"),
        ("redis://a?password_file=/none/such", "readable file"),
        (None, "URL of a Redis"),
    ],
)
def test_what_is_no_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        parse(url)


def test_where_credentials_come_from(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("filed\n")
    environment = {"TV5_REDIS_PASSWORD": "env", "TV5_REDIS_USERNAME": "someone"}
    assert parse("redis://a", **environment).login == Credentials("someone", "env")
    assert parse("redis://me@a", **environment).login == Credentials("me", "env")
    assert parse("redis://me:own@a", **environment).login == Credentials("me", "own")
    filed = f"redis://me@a?password_file={file}"
    assert parse(filed, **environment).login == Credentials("me", "filed")
    sentinels = parse("redis+sentinel://a/s", TV5_REDIS_SENTINEL_PASSWORD="watch")
    assert (sentinels.login, sentinels.sentinel_login) == (NONE, Credentials(None, "watch"))


def said_of(url: str) -> str:
    try:
        address = RedisAddress.parse(url, {})
    except InvalidInputError as error:
        return str(error)
    return f"{address} {address!r}"


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=30))
def test_no_error_and_no_text_shows_a_password(noise: str) -> None:
    secret = f"hush{noise}hush"
    for scheme in ("redis", "redis+cluster", "redis+sentinel", "rediss", "http", ""):
        for rest in ("a:1", "a:x", "a,b", "a/1/2?x=1"):
            url = f"{scheme}://u:{secret}@{rest}" if scheme else f"u:{secret}@{rest}"
            assert "hush" not in without_credentials(url)
            assert "hush" not in said_of(url)
