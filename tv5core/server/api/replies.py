"""Replies to responses: JSON, and the headers that say how current and how cacheable it is."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec
from aiohttp import web

from tv5core.cache.policy import Policy
from tv5core.server.api.calls import Reply
from tv5core.server.protection.compression import AsItIs

__all__ = [
    "TIER_HEADER",
    "Rendered",
    "cache_control",
    "render",
    "respond",
    "surrogate_key",
]

TIER_HEADER = "X-Tv5-Tier"
_DEGRADED_S = 5
_LONGEST_KEYS = 8_000  # characters: what the strictest of the common proxies accepts in a header

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Rendered:
    """A reply as bytes, and what is sent with them.

    Attributes
    ----------
    reply : Reply
        Without its value, which takes several times the memory of the body.
    body : bytes
    headers : dict of str to str
        Those that stay the same as it grows old, ``ETag`` and ``Content-Type`` among them.
    loaded_at : float or None
        When its values were loaded, on the monotonic clock.
    """

    reply: Reply
    body: bytes
    headers: dict[str, str]
    loaded_at: float | None


def render(reply: Reply, policies: Mapping[str, Policy]) -> Rendered:
    """Encode a reply."""
    body = reply.value if isinstance(reply.value, bytes) else _encoder.encode(reply.value)
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {**_headers(reply, policies), "ETag": etag, "Content-Type": _content_type(reply)}
    loaded_at = None if reply.age_s is None else time.monotonic() - reply.age_s
    bare = replace(reply, value=b"")
    return Rendered(bare, body, {**headers, **reply.headers}, loaded_at)


def respond(
    rendered: Rendered,
    if_none_match: str | None,
    *,
    extra: Mapping[str, str] = {},
    body: bytes | None = None,
) -> web.Response:
    """Return the response of what is rendered; 304 where the client has it already.

    Parameters
    ----------
    rendered : Rendered
    if_none_match : str or None
    extra : mapping of str to str
        Further headers.
    body : bytes or None
        What is sent in place of its body, such as the same compressed.
    """
    headers = {**rendered.headers, **extra}
    if rendered.loaded_at is not None:
        headers["Age"] = str(max(0, int(time.monotonic() - rendered.loaded_at)))
    status = rendered.reply.status
    if status == 200 and if_none_match is not None and _matches(if_none_match, headers["ETag"]):
        del headers["Content-Type"]
        headers.pop("Content-Encoding", None)
        return web.Response(status=304, headers=headers)
    if body is None:
        return web.Response(body=rendered.body, status=status, headers=headers)
    return AsItIs(body=body, status=status, headers=headers)


def _content_type(reply: Reply) -> str:
    text = reply.content_type
    return f"{text}; charset=utf-8" if text.startswith("text/") and ";" not in text else text


def _headers(reply: Reply, policies: Mapping[str, Policy]) -> dict[str, str]:
    headers = {
        TIER_HEADER: reply.tier,
        "Cache-Control": _cache_control(reply, policies),
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if reply.tier == "cached":
        headers["Warning"] = '110 - "Response is Stale"'
    elif reply.tier == "static":
        headers["Warning"] = '199 - "Answer from the titles that ship with the gateway"'
    if reply.kind is not None:
        headers["Surrogate-Key"] = surrogate_key(reply.kind, reply.ids)
    return headers


def _cache_control(reply: Reply, policies: Mapping[str, Policy]) -> str:
    if reply.kind is None or reply.status >= 400:
        return "no-store"
    if reply.private:
        return "private, no-cache"
    return cache_control(policies[reply.kind], degraded=reply.tier != "full")


def cache_control(policy: Policy, *, degraded: bool = False) -> str:
    """Say how long others may keep an answer of a kind.

    What is fresh here is fresh there. What the cache would serve while it loads anew, others may
    serve meanwhile; and what it would serve where loading fails, they may, too. A degraded answer
    is asked for again soon.
    """
    max_age_s = _DEGRADED_S if degraded else math.floor(policy.ttl_s)
    stale_s = policy.stale_s if policy.stale_while_revalidate else policy.jitter_s
    meanwhile_s = _DEGRADED_S if degraded else math.floor(stale_s)
    return (
        f"public, max-age={max_age_s}, stale-while-revalidate={meanwhile_s}, "
        f"stale-if-error={math.floor(policy.stale_s)}"
    )


def surrogate_key(kind: str, ids: Sequence[str]) -> str:
    """Return the keys by which a cache between purges an answer: its kind, and its titles.

    Titles beyond what a header holds are left out; the key ``many`` stands for them, so that an
    event of any title purges the answer, too.
    """
    keys = [f"kind:{kind}", *(f"title:{quote(name, safe=':/')}" for name in ids)]
    text = " ".join(keys)
    if len(text) <= _LONGEST_KEYS:
        return text
    return f"{text[: text.rindex(' ', 0, _LONGEST_KEYS)]} many"


def _matches(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 says for If-None-Match."""
    if if_none_match.strip() == "*":
        return True
    weak = etag.removeprefix("W/")
    return any(part.strip().removeprefix("W/") == weak for part in if_none_match.split(","))
