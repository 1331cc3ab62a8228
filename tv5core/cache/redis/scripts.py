"""Lua scripts: what must happen in Redis in one step.

Every invalidation gets the next number (``seq``) and raises the *floor* of what it covers to it:
of a key, a kind, a tag or everything. An entry carries the number that was last when it was
stored, the names of its floors, and the *epoch*. It is valid while all its floors are there, none
is above its number, and the epoch is the present one. So invalidating a kind is one write, however
many entries it has, and a value that was loaded before an invalidation is rejected.

The epoch begins with the identity of the server's present life. A server that came back from a
snapshot, or a replica that took over, has lost invalidations without knowing which: its identity
is another one, the first client that connects draws a new epoch, and no entry from before is
valid. So does a client that finds numbers lost which it has seen.

Where another server may take over behind open connections (a cluster, Sentinel), each script does
that first; it then takes the keys of epoch and seq and, last, what :data:`BIND` takes.
"""

from __future__ import annotations

from dataclasses import dataclass

from tv5core.redis_access.client import Script
from tv5core.redis_access.identity import IDENTITY

__all__ = ["BIND", "CHECKED", "PLAIN", "RELEASE", "Scripts"]

_BIND = (
    IDENTITY
    + """
local function bind(epoch_key, seq_key)
    local own = identity() .. ':'
    local epoch, seq = redis.call('GET', epoch_key), redis.call('GET', seq_key)
    if not epoch or not seq or string.sub(epoch, 1, #own) ~= own then
        local time = redis.call('TIME')
        epoch = own .. ARGV[#ARGV] .. time[1] .. time[2]
        redis.call('SET', epoch_key, epoch)
    end
    if not seq then
        seq = '1'
        redis.call('SET', seq_key, seq)
    end
    return {epoch, seq}
end
"""
)

BIND = Script(_BIND + "return bind(KEYS[1], KEYS[2])")
"""KEYS: epoch, seq. ARGV: what makes a new epoch's name the client's own.
Returns the epoch, which belongs to the server's present life, and seq, which begins with 1: an
invalidation that gets the number 1 knows that seq was lost."""

_GET = """
local e = redis.call('HMGET', KEYS[1], 'v', 's', 'f', 'e')
if not e[1] then return false end
local names, stored = {}, tonumber(e[2])
for name in string.gmatch(e[3], '%S+') do names[#names + 1] = name end
local now = redis.call('MGET', unpack(names))
local seq = tonumber(now[2] or '0')
if seq < tonumber(ARGV[1]) then return false end
local valid = now[1] == e[4] and seq >= stored
for i = 3, #names do valid = valid and now[i] and tonumber(now[i]) <= stored end
if valid then return e[1] end
redis.call('DEL', KEYS[1])
return false
"""
"""KEYS: entry, which names the others. ARGV: the seq that the caller knows.
Returns its bytes, or nothing."""

_PUT = """
local now, names = redis.call('MGET', unpack(KEYS, 2)), {KEYS[2], KEYS[3]}
local seq, known = tonumber(now[2] or '0'), tonumber(ARGV[2])
if now[1] ~= ARGV[1] or seq < known then return 'invalidated' end
for i = 4, #KEYS do
    local floor = tonumber(now[i - 1] or '0')
    if floor > seq then redis.call('SET', KEYS[3], floor) end
    if floor > known then return 'invalidated' end
    if i > 4 then names[#names + 1] = KEYS[i] end
end
for i = 5, #KEYS do
    if not now[i - 1] then redis.call('SET', KEYS[i], seq, 'PX', ARGV[5]) end
end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 's', seq, 'f', table.concat(names, ' '), 'e', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'stored'
"""
"""KEYS: entry, epoch, seq, the key's floor, those of everything, the kind and the tags.
ARGV: epoch and seq of the token, bytes, TTL in ms, TTL of floors in ms.
Floors that are missing are made, so that one which Redis evicts is missed by GET; with the present
number, so that an entry that the lost floor had made invalid stays so."""

_INVALIDATE = """
local seq, removed = redis.call('INCR', KEYS[1]), 0
local known = tonumber(ARGV[6])
if seq == 1 or (seq <= known and redis.call('GET', KEYS[2]) == ARGV[5]) then
    seq = known + 1
    redis.call('SET', KEYS[1], seq)
    redis.call('SET', KEYS[2], ARGV[7])
end
local floors = tonumber(ARGV[3])
for i = 3, 2 + floors do redis.call('SET', KEYS[i], seq, 'PX', ARGV[2]) end
for i = 3 + floors, #KEYS do removed = removed + redis.call('DEL', KEYS[i]) end
redis.call(ARGV[8], ARGV[1], seq .. ' ' .. ARGV[4])
return {seq, removed}
"""
"""KEYS: seq, epoch, floors, entries. ARGV: channel, TTL of floors in ms, their number, message,
the epoch and seq that the caller knows, a new epoch, which is taken where numbers that the caller
has seen are lost; the command that publishes."""

RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")
"""KEYS: lease. ARGV: its owner."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts that read and change entries."""

    get: Script
    put: Script
    invalidate: Script


PLAIN = Scripts(Script(_GET), Script(_PUT), Script(_INVALIDATE))
"""For a server that binds the epoch to itself on each new connection."""

CHECKED = Scripts(
    Script(_BIND + "bind(KEYS[2], KEYS[3])" + _GET),
    Script(_BIND + "bind(KEYS[2], KEYS[3])" + _PUT),
    Script(_BIND + "bind(KEYS[2], KEYS[1])" + _INVALIDATE),
)
"""For servers that may be others from one call to the next."""
