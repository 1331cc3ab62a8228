"""Tokens and signatures: who may call routes that are not public.

A signature is that of Stripe's webhooks and their kin: ``X-Tv5-Signature: t=UNIX,v1=HEX``, where
HEX is the HMAC-SHA-256 of ``UNIX.BODY``. It is good for five minutes, so that a call that was
overheard cannot be repeated later; within them that does no harm, for an event invalidates only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable

from tv5core.server.errors import ClosedRouteError, UnauthorizedError
from tv5core.upstream.provider import Secret

__all__ = ["SIGNATURE_HEADER", "check_signature", "check_token", "signature"]

SIGNATURE_HEADER = "X-Tv5-Signature"
_TOLERANCE_S = 300
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def check_token(secret: Secret | None, authorization: str | None) -> None:
    """Check ``Authorization: Bearer TOKEN``, in constant time.

    Raises
    ------
    ClosedRouteError
        No token is set.
    UnauthorizedError
    """
    if secret is None:
        raise ClosedRouteError("expected a token in the settings (admin_token), got none")
    scheme, _, token = (authorization or "").partition(" ")
    given = token.strip().encode("utf-8", "surrogateescape")
    same = hmac.compare_digest(given, secret.reveal().encode())
    if not same or scheme.lower() != "bearer":
        raise UnauthorizedError("expected the token as Authorization: Bearer, got none or another")


def signature(secret: Secret, body: bytes, at: int) -> str:
    """Sign a body at a Unix time."""
    signed = hmac.new(secret.reveal().encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def check_signature(
    secret: Secret | None,
    given: str | None,
    body: bytes,
    clock: Callable[[], float] = time.time,
) -> None:
    """Check the signature of a body, in constant time.

    Raises
    ------
    ClosedRouteError
        No secret is set.
    UnauthorizedError
        There is none, or it is another body's or another secret's, or it is too old.
    """
    if secret is None:
        raise ClosedRouteError("expected a secret in the settings (hook_secret), got none")
    found = _SIGNATURE.fullmatch((given or "").strip())
    if found is None:
        raise UnauthorizedError(f"expected {SIGNATURE_HEADER}: t=UNIX,v1=HEX, got none or another")
    at = int(found[1])
    if not hmac.compare_digest(signature(secret, body, at), f"t={at},v1={found[2]}"):
        raise UnauthorizedError("expected the signature of this body, got another")
    if abs(clock() - at) > _TOLERANCE_S:
        raise UnauthorizedError(f"expected a signature of the last {_TOLERANCE_S} s, got another")
