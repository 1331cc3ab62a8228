"""What an error of a Redis means: that it is away for now, or cannot be used in this way."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from tv5core.errors import RedisAccessError

__all__ = ["AWAY", "ERRORS", "refusal_of"]

ERRORS = (RedisError, OSError)
"""What an unavailable Redis raises; TimeoutError is an OSError."""

AWAY = (ClusterDownError, ReadOnlyError, TryAgainError)
"""Answers that say: not now, or not here any more. A slot is on its way, a replica takes over."""

_RIGHTS = ("ACL failure in script", "No permissions", "NOPERM", "can't run this command")
_NO_CLUSTER = "cluster support disabled"
_NO_NODE = ("unknown command 'cluster'", "unknown command `cluster`")
_SENTINEL_ONLY = ("unknown command 'sentinel'", "unknown command `sentinel`")


def refusal_of(error: BaseException, address: object) -> RedisAccessError | None:
    """Return the error that says what to do; None for one that may pass by itself.

    Parameters
    ----------
    error : exception
        What the client raised.
    address : RedisAddress
        Shown without credentials.
    """
    advice = _advice(error)
    return None if advice is None else RedisAccessError(f"{advice} (at {address})")


def _advice(error: BaseException) -> str | None:
    text = str(error)
    lower = text.lower()
    if isinstance(error, AuthenticationError):
        return (
            "expected the name and password of a user of this Redis, got others or none: set them "
            "in the URL, its password_file, or TV5_REDIS_USERNAME and TV5_REDIS_PASSWORD"
        )
    if isinstance(error, NoPermissionError) or any(word in text for word in _RIGHTS):
        return f"expected a user with the rights that the guide of the cache lists, got {text!r}"
    if isinstance(error, MovedError) and not isinstance(error, AWAY):
        return "expected a single Redis, got a node of a cluster: use redis+cluster://"
    if isinstance(error, ResponseError) and _NO_CLUSTER in lower:
        return "expected a node of a cluster, got a single Redis: use redis://"
    if isinstance(error, ResponseError) and lower.startswith(_NO_NODE):
        return "expected a node of a cluster, got a sentinel: use redis+sentinel://"
    if isinstance(error, ResponseError) and lower.startswith(_SENTINEL_ONLY):
        return "expected sentinels, got a Redis: use redis:// or redis+cluster://"
    return None
