"""Lua scripts that run inside Redis: the generic cell rate algorithm, on Redis's clock.

A hash holds the state of a provider: ``tat`` is when the next token is due; ``bulk`` the same for
bulk work; ``paused`` until when nothing goes; ``factor`` and ``raise`` by how much the rate is
reduced and until when; ``life`` whose state it is and ``seen`` when it was last asked for. A sorted
set holds the processes in the pool by the time of their last request, another the places of
requests by the time at which they become free; see :mod:`.in_flight`. Times are microseconds.

Replicas are sent what changes after it was answered. So a server that takes over, or comes back
from a file, may not know of the last tokens: its state is of another life, is forgotten, and a
second is waited out as at first. A server that was cut off or stood still while another took over
does not know that yet: where one may, a second is waited out too after nobody has asked for as long
as that takes.
"""

from __future__ import annotations

from tv5core.redis_access.client import Script
from tv5core.redis_access.identity import IDENTITY

__all__ = ["LEASE", "PAUSE"]

_STATE = (
    IDENTITY
    + """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state, members, places = KEYS[1], KEYS[2], KEYS[3]
local function field(name) return tonumber(redis.call('HGET', state, name) or '0') end
local function keep()
    redis.call('PEXPIRE', state, 180000)
    redis.call('PEXPIRE', members, 180000)
    redis.call('PEXPIRE', places, 180000)
end
local function factor()
    local part, raise = tonumber(redis.call('HGET', state, 'factor') or '1'), field('raise')
    while part < 1 and now >= raise do
        part, raise = math.min(1, part * 2), raise + 30000000
        redis.call('HSET', state, 'factor', tostring(part), 'raise', raise)
    end
    return part
end
local life = identity()
if redis.call('HGET', state, 'life') ~= life then
    local part = redis.call('HGET', state, 'factor')
    redis.call('DEL', state, members)
    -- Times may be of another clock; no place is held for four seconds.
    redis.call('ZREMRANGEBYSCORE', places, string.format('%.0f', now + 4000000), '+inf')
    redis.call('HSET', state, 'life', life)
    if part then
        redis.call('HSET', state, 'factor', part, 'raise', string.format('%.0f', now + 30000000))
    end
end
"""
)

LEASE = Script(
    _STATE
    + """
-- ARGV: process, number of processes, rate, number of tokens, whether they are for bulk work, the
-- interval and tolerance of bulk work, how long a silent process stays in the pool, how far ahead
-- tokens are leased, how long a new pool waits; the contract, how long a request holds its place,
-- the provider's second, how soon a full window is looked at again; the number of the first token;
-- whether the process has a share, whether another server may take over; then what became of
-- earlier tokens: how many answers with number and age each, how many numbers that were not used,
-- and how long each request of the own share may hold a place yet.
local me, processes, rate = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local requested, bulk = tonumber(ARGV[4]), ARGV[5] == '1'
local bulk_interval, bulk_tolerance = tonumber(ARGV[6]), tonumber(ARGV[7])
local silence, ahead, settle = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local contract, counted, second = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local again, first = tonumber(ARGV[14]), tonumber(ARGV[15])

local has_share, fails_over = ARGV[16] == '1', ARGV[17] == '1'

local at = 18
local function rest()
    at = at + 1
    return ARGV[at - 1]
end
for _ = 1, tonumber(rest()) do
    local place, age = me .. ':' .. rest(), tonumber(rest())
    redis.call('ZADD', places, 'XX', string.format('%.0f', now - age + second), place)
end
for _ = 1, tonumber(rest()) do redis.call('ZREM', places, me .. ':' .. rest()) end
while at <= #ARGV do
    redis.call('ZADD', places, string.format('%.0f', now + rest()), me .. ':own:' .. at)
end
redis.call('ZREMRANGEBYSCORE', places, '-inf', now)

redis.call('ZREMRANGEBYSCORE', members, '-inf', now - silence)
local is_new = has_share and redis.call('ZADD', members, now, me) == 1
local live = math.min(redis.call('ZCARD', members), processes)
-- One without a share uses what others pool, and waits where nobody does.
local nobody = live == 0
live = math.max(live, 1)
local part = factor()
local interval = 1000000 * processes / (rate * part * live)
local most = live == processes and contract or math.floor(contract / processes) * live
local room = most - redis.call('ZCARD', places)
local tat = field('tat')
-- What was leased before a restart of Redis is unknown: wait until it has expired.
if tat == 0 or (fails_over and now - field('seen') > silence) then
    tat = math.max(tat, now + settle)
end
tat = math.max(tat, now)
-- The token that a process may have used of its own share just before it joined.
if is_new then tat = tat + interval end

local found, wait = {}, 0
local paused, due = field('paused'), field('bulk')
local hold = math.max(paused - now, bulk and due - bulk_tolerance - now or 0)
if hold > 0 or nobody then
    wait = math.max(hold, again)
else
    while #found < math.min(requested, room) and tat - now <= ahead do
        local place = me .. ':' .. string.format('%.0f', first + #found)
        redis.call('ZADD', places, string.format('%.0f', tat + counted), place)
        found[#found + 1] = math.floor(tat - now)
        tat = tat + interval
    end
    if #found < requested then
        wait = tat - now - ahead
        local next = redis.call('ZRANGE', places, 0, 0, 'WITHSCORES')[2]
        if #found >= room and next then wait = math.max(wait, math.min(next - now, again)) end
    end
    if bulk then
        for _ = 1, #found do due = math.max(due, now) + bulk_interval / part end
        redis.call('HSET', state, 'bulk', string.format('%.0f', due))
    end
end
redis.call('HSET', state, 'tat', string.format('%.0f', tat), 'seen', string.format('%.0f', now))
keep()
return {math.floor(wait), string.format('%.6f', rate * part * live / processes), tostring(part),
        math.max(0, math.floor(paused - now)), found}
"""
)
"""Leases tokens; returns the wait, the current rate, which part of the full rate that is, the
rest of the pause, and how far in the future each token is due."""

PAUSE = Script(
    _STATE
    + """
-- ARGV: duration of the pause.
local paused, part = field('paused'), factor()
if now >= paused then
    redis.call('HSET', state, 'factor', tostring(math.max(0.25, part / 2)),
        'raise', now + ARGV[1] + 30000000)
end
redis.call('HSET', state, 'paused', string.format('%.0f', math.max(paused, now + ARGV[1])))
keep()
return 1
"""
)
"""Pauses all processes, then halves the rate for a while."""
