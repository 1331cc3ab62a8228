"""Lua scripts: what must happen in Redis in one step.

Every invalidation gets the next number (``seq``) and raises the *floor* of what it covers to it:
of a key, a kind, a tag or everything. An entry carries the number that was last when it was
stored and the names of its floors, and is valid while none of them is above its number. So
invalidating a kind is one write, however many entries it has, and a value that was loaded before
an invalidation is rejected.
"""

from __future__ import annotations

__all__ = ["GET", "INVALIDATE", "PUT", "RELEASE"]

GET = """
local e = redis.call('HMGET', KEYS[1], 'v', 's', 'f')
if not e[1] then return false end
local floors = {}
for name in string.gmatch(e[3], '%S+') do floors[#floors + 1] = name end
for _, floor in ipairs(redis.call('MGET', unpack(floors))) do
    if floor and tonumber(floor) > tonumber(e[2]) then
        redis.call('DEL', KEYS[1])
        return false
    end
end
return e[1]
"""
"""KEYS: entry. Returns its bytes, or nothing."""

PUT = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'invalidated' end
local names = {}
for i = 4, #KEYS do
    local floor = redis.call('GET', KEYS[i])
    if floor and tonumber(floor) > tonumber(ARGV[2]) then return 'invalidated' end
    if i > 4 then names[#names + 1] = KEYS[i] end
end
local seq = redis.call('GET', KEYS[3]) or '0'
redis.call('HSET', KEYS[1], 'v', ARGV[3], 's', seq, 'f', table.concat(names, ' '))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'stored'
"""
"""KEYS: entry, epoch, seq, the key's floor, those of everything, the kind and the tags.
ARGV: epoch and seq of the token, bytes, TTL in ms."""

INVALIDATE = """
local seq, removed = redis.call('INCR', KEYS[1]), 0
for i = 1, tonumber(ARGV[3]) do redis.call('SET', KEYS[1 + i], seq, 'PX', ARGV[2]) end
for i = 2 + tonumber(ARGV[3]), #KEYS do removed = removed + redis.call('DEL', KEYS[i]) end
redis.call('PUBLISH', ARGV[1], seq .. ' ' .. ARGV[4])
return {seq, removed}
"""
"""KEYS: seq, floors, entries. ARGV: channel, TTL of floors in ms, their number, message."""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
"""KEYS: lease. ARGV: its owner."""
