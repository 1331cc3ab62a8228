"""Make the client of a URL; say what is wrong with a Redis before it is used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from tv5core.errors import RedisAccessError
from tv5core.redis_access.address import Credentials, RedisAddress
from tv5core.redis_access.client import RedisClient, Script, SingleClient
from tv5core.redis_access.cluster import ClusterClient
from tv5core.redis_access.identity import IDENTITY
from tv5core.redis_access.refusals import ERRORS, refusal_of

__all__ = ["check_redis", "open_redis"]

Greeting = Callable[[Any], Awaitable[None]]

_CONNECT_S = 1.0  # of connections that wait for messages
_CHECK_S = 3.0
_SENTINEL_S = 0.25


def open_redis(
    address: str | RedisAddress, *, timeout_s: float, greet: Greeting | None = None
) -> RedisClient:
    """Return a client; it connects when it is used.

    Parameters
    ----------
    address : str or RedisAddress
        A URL; see :mod:`tv5core.redis_access.address`.
    timeout_s : float
        What connecting, and each answer, may take.
    greet : callable, optional
        Prepares each new connection for commands to a Redis that does not fail over.

    Raises
    ------
    InvalidInputError
        It is no URL of a Redis.
    """
    at = address if isinstance(address, RedisAddress) else RedisAddress.parse(address)
    if at.kind == "cluster":
        return ClusterClient(at.nodes, partial(_node, at, timeout_s))
    if at.kind == "sentinel":
        return _behind_sentinels(at, timeout_s)
    place: dict[str, Any] = {"unix_socket_path": at.path}
    if at.kind == "single":
        place = {"host": at.nodes[0][0], "port": at.nodes[0][1]}
    place["db"] = at.db
    commands = Redis(**place, **_how(at, timeout_s), redis_connect_func=greet)
    return SingleClient(commands, Redis(**place, **_how(at, None)))


def _how(at: RedisAddress, timeout_s: float | None) -> dict[str, Any]:
    """Return how to connect to a server, and with what patience."""
    return {
        "username": at.login.username,
        "password": at.login.password,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s or _CONNECT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        **_tls(at),
    }


def _tls(at: RedisAddress) -> dict[str, Any]:
    if at.tls is None:
        return {}
    given: dict[str, Any] = dict(at.tls)
    given["ssl_check_hostname"] = given.get("ssl_check_hostname", "true") == "true"
    return {"ssl": True, **given}


def _node(at: RedisAddress, timeout_s: float, host: str, port: int, listens: bool) -> Redis:
    return Redis(host=host, port=port, **_how(at, None if listens else timeout_s))


def _behind_sentinels(at: RedisAddress, timeout_s: float) -> SingleClient:
    patience = {"socket_timeout": _SENTINEL_S, "socket_connect_timeout": _SENTINEL_S}
    asking = {**_how(at, _SENTINEL_S), **patience, **_login(at.sentinel_login)}
    watching = Sentinel(at.nodes, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    commands, messages = (
        watching.master_for(at.service, db=at.db, **_how(at, patience_s))
        for patience_s in (timeout_s, None)
    )
    return SingleClient(commands, messages, watching.sentinels)


def _login(credentials: Credentials) -> dict[str, str | None]:
    return {"username": credentials.username, "password": credentials.password}


# -- before it is used --------------------------------------------------------------------

_PROBE = Script(
    IDENTITY
    + """
local text, set, both = KEYS[1], KEYS[2], {KEYS[1], KEYS[2]}
redis.call('TIME')
redis.call('INFO', 'server')
redis.call('DEL', text, set)
redis.call('SET', text, 1, 'PX', 1000)
redis.call('INCR', text)
redis.call('GET', text)
redis.call('MGET', unpack(both))
redis.call('DEL', text)
redis.call('HSET', text, 'a', 1)
redis.call('HGET', text, 'a')
redis.call('HMGET', text, 'a', 'b')
redis.call('ZADD', set, 1, 'a')
redis.call('ZCARD', set)
redis.call('ZRANGE', set, 0, 0)
redis.call('ZREM', set, 'a')
redis.call('ZREMRANGEBYSCORE', set, 0, 1)
redis.call('PEXPIRE', text, 1000)
redis.call(ARGV[1], KEYS[3], '')
redis.call('DEL', text, set)
return identity()
"""
)
"""Does all that our scripts do. KEYS: of a text and of a sorted set, a channel. ARGV: how it is
published on."""


async def check_redis(url: str, *, prefix: str = "tv5", timeout_s: float = _CHECK_S) -> bool:
    """Return whether a Redis answers; raise where it cannot be used in this way.

    Parameters
    ----------
    url : str
    prefix : str
        What the names of keys and channels start with.
    timeout_s : float
        What all of it may take.

    Raises
    ------
    InvalidInputError
        It is no URL of a Redis.
    RedisAccessError
        It is of another kind than the URL says, refuses the password, or gives too few rights. The
        message says what to do.
    """
    at = RedisAddress.parse(url)
    client = open_redis(at, timeout_s=timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            await _check_service(at)
            await _check_kind(client, at)
            await _probe(client, prefix)
    except ERRORS as error:
        refusal = refusal_of(error, at)
        if refusal is not None:
            raise refusal from None
        return False
    finally:
        await client.close()
    return True


async def _check_service(at: RedisAddress) -> None:
    """Raise where sentinels answer and none of them watches the service."""
    known = 0
    for host, port in at.nodes if at.kind == "sentinel" else ():
        given = {**_how(at, _SENTINEL_S), **_login(at.sentinel_login)}
        async with Redis(host=host, port=port, **given) as sentinel:
            try:
                asked = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", at.service)
                answer = await sentinel.execute_command(*asked)  # type: ignore[no-untyped-call]
                if answer is not None:
                    return
                known += 1
            except RedisConnectionError as error:
                if refusal_of(error, at) is not None:
                    raise
    if known:
        raise RedisAccessError(
            f"expected a service that the sentinels watch, got another (at {at})"
        )


async def _check_kind(client: RedisClient, at: RedisAddress) -> None:
    modes = {server.get("redis_mode") for server in await client.info("server")}
    wanted = "cluster" if at.kind == "cluster" else "standalone"
    advice = {
        "cluster": "got a node of a cluster: use redis+cluster://",
        "sentinel": "got a sentinel: use redis+sentinel://",
        "standalone": "got a single one: use redis://",
    }
    for mode in modes - {wanted, None}:
        said = advice.get(str(mode), f"got one in the mode {mode!r}")
        raise RedisAccessError(f"expected a Redis as the URL says, {said} (at {at})")


async def _probe(client: RedisClient, prefix: str) -> None:
    """Do what the cache and limits do, once, with keys and a channel of its own."""
    name = f"{{{prefix}:check:{os.urandom(4).hex()}}}:"
    keys = [f"{name}{part}".encode() for part in ("text", "set", "channel")]
    async with client.listen(keys[2]):
        await client.run(_PROBE, keys, [client.publish])
    await client.execute("GET", f"{prefix}:check".encode())
