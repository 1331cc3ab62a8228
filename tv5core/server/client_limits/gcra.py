"""Buckets in Redis, which all processes and machines share: GCRA in one script.

GCRA is the algorithm of ATM's traffic control (ITU-T I.371). Redis' own clock counts. While Redis
does not answer, each gateway limits alone: a limit that fails should neither open nor close. A
replica that takes over may lack the last requests: a client then has up to as many more.
"""

from __future__ import annotations

import asyncio
import logging
import time

from tv5core.server.client_limits.quota import Bucket, Quota, Verdict

__all__ = ["RedisBuckets"]

_SCRIPT = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local token, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
full = math.max(math.min(full, now + burst * token), now)  -- another server's clock may be ahead
local after = full + token
local early = after - now - burst * token
if early > 1e-6 then
  return {0, '0', tostring(full - now), tostring(early)}
end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', math.ceil((after - now) * 1000) + 1)
local left = math.floor((burst * token - (after - now)) / token + 1e-4)
return {1, tostring(left), tostring(after - now), '0'}
"""
"""KEYS: a client's bucket. ARGV: seconds a token, and tokens of a full bucket.
Returns whether one was taken, how many are left, seconds until full, seconds to wait."""

_TIMEOUT_S = 0.05
_COOLDOWN_S = 1.0
_PREFIX = "tv5:client:"

log = logging.getLogger("tv5core.server")


class RedisBuckets:
    """Buckets that processes share.

    Parameters
    ----------
    url : str
        Of the Redis; see :mod:`tv5core.redis_access.address`.
    alone : Bucket
        Counts while Redis does not answer.
    """

    def __init__(self, url: str, alone: Bucket) -> None:
        from tv5core.redis_access.client import Script
        from tv5core.redis_access.opening import open_redis
        from tv5core.redis_access.refusals import ERRORS

        self._errors: tuple[type[Exception], ...] = ERRORS
        self._redis = open_redis(url, timeout_s=_TIMEOUT_S)
        self._script = Script(_SCRIPT)
        self._alone, self._retry_at = alone, 0.0

    async def take(self, client: str, quota: Quota) -> Verdict:
        """Take a token of a client's bucket, where there is one."""
        if time.monotonic() >= self._retry_at:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    raw = await self._redis.run(
                        self._script,
                        [(_PREFIX + client).encode("utf-8", "surrogateescape")],
                        [1.0 / quota.rate, quota.burst],
                    )
                return Verdict(raw[0] == 1, int(raw[1]), float(raw[2]), float(raw[3]))
            except self._errors as error:
                self._retry_at = time.monotonic() + _COOLDOWN_S
                log.warning("clients are limited per gateway: %s", type(error).__name__)
        return await self._alone.take(client, quota)

    async def close(self) -> None:
        """Close the connections, and what counts meanwhile."""
        await self._redis.close()
        await self._alone.close()
