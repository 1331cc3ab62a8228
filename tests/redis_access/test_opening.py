"""What is said of a Redis that is of another kind, or gives no right; what goes over TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("redis")

from redis import Redis

from tests.cache.redis_cluster import RedisCluster, RedisSentinels
from tests.cache.redis_server import RedisServer
from tv5core.cache.redis.tier import RedisTier
from tv5core.cache.tiered import TieredCache
from tv5core.errors import RedisAccessError
from tv5core.redis_access.opening import check_redis, open_redis

RIGHTS = (
    "~tv5:* ~{tv5* &tv5:* &{tv5* -@all +eval +evalsha +get +set +del +incr +mget +hset +hget "
    "+hmget +zadd +zcard +zrange +zrem +zremrangebyscore +pexpire +exists +time +info +ping "
    "+publish +spublish +subscribe +unsubscribe +ssubscribe +sunsubscribe +cluster|slots"
)
"""As the guide of the cache has them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with users: one with the rights of the guide, one that may not use scripts."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    with Redis(port=server.port) as admin:
        for user, rights in (
            ("tv5", RIGHTS),
            ("poor", "~* &* +@all -eval -evalsha"),
            ("half", "~* &* +@all -info"),
        ):
            admin.execute_command("ACL", "SETUSER", user, "on", ">secret", *rights.split())
        admin.execute_command("ACL", "SETUSER", "default", "off")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSentinels]:
    made = RedisSentinels(tmp_path_factory.mktemp("sentinels"))
    made.start()
    yield made
    made.stop()


async def test_the_rights_of_the_guide_suffice(server: RedisServer) -> None:
    page = (Path(__file__).parents[2] / "docs/guide/cache.md").read_text("utf-8")
    assert set(RIGHTS.split()) <= set(page.split())
    url = f"redis://tv5:secret@127.0.0.1:{server.port}"
    assert await check_redis(url)
    tier = RedisTier(url)
    assert await tier.connected(60)
    await tier.delete("title", ["a"])
    assert tier.stats()["refused"] == tier.stats()["failed"] == 0
    await tier.close()


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("", "name and password"),
        ("tv5:wrong-one@", "name and password"),
        ("poor:secret@", "rights"),
        ("half:secret@", "rights"),
    ],
)
async def test_who_may_not_is_told_what_to_do(server: RedisServer, login: str, said: str) -> None:
    url = f"redis://{login}127.0.0.1:{server.port}"
    with pytest.raises(RedisAccessError, match=said) as caught:
        async with TieredCache.open(None, redis_url=url):
            pass
    assert "wrong-one" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_refusal_is_the_reason_of_the_tier(server: RedisServer) -> None:
    tier = RedisTier(f"redis://tv5:wrong@127.0.0.1:{server.port}")
    assert await tier.get("title", "a") is None
    assert "password" in tier.stats()["reason"]
    await tier.close()


async def test_another_kind_than_the_url_says(
    cluster: RedisCluster, sentinels: RedisSentinels
) -> None:
    node, master, sentinel = cluster.ports[0], sentinels.master, sentinels.sentinel
    for url, said in (
        (f"redis://127.0.0.1:{node}", r"use redis\+cluster://"),
        (f"redis+cluster://127.0.0.1:{master}", "use redis://"),
        (f"redis+cluster://127.0.0.1:{sentinel}", r"use redis\+sentinel://"),
        (f"redis://127.0.0.1:{sentinel}", r"use redis\+sentinel://"),
        (f"redis+sentinel://127.0.0.1:{master}/films", "use redis://"),
        (f"redis+sentinel://127.0.0.1:{sentinel}/other", "service"),
    ):
        with pytest.raises(RedisAccessError, match=said):
            await check_redis(url, timeout_s=60)
    assert await check_redis(cluster.url, timeout_s=60)
    assert await check_redis(sentinels.url, timeout_s=60)
    for kind in ("redis", "redis+cluster"):
        assert not await check_redis(f"{kind}://127.0.0.1:1")


async def test_over_tls(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    subprocess.run(
        [*made, "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", tmp_path / "key",
         "-out", tmp_path / "cert", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = RedisServer(
        tmp_path,
        *("--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert"), "--tls-key-file", str(tmp_path / "key")),
    )
    server.start()
    try:
        place = f"127.0.0.1:{server.port}?ssl_ca_certs={tmp_path / 'cert'}"
        assert await check_redis(f"rediss://{place}", timeout_s=60)
        client = open_redis(f"rediss://{place}", timeout_s=60)
        assert await client.execute("SET", b"a", "1")
        await client.close()
        assert not await check_redis(f"redis://127.0.0.1:{server.port}")
        assert not await check_redis(f"rediss://127.0.0.1:{server.port}"), "nobody knows its signer"
    finally:
        server.kill()
