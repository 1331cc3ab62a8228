"""What the pages may load and do, as headers tell the browser."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["page_headers"]


def page_headers(image_origins: Iterable[str]) -> dict[str, str]:
    """Return the headers of every page and its files.

    Scripts and styles come from the gateway alone, none is inline, and no text can become markup:
    Trusted Types are required and no policy may make them. Images come from the gateway and the
    origins given. No page of others may show ours in a frame, and none learns of our addresses,
    which have what was searched for in them.

    Parameters
    ----------
    image_origins : iterable of str
    """
    return {
        "Content-Security-Policy": "; ".join(_policy(image_origins)),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }


def _policy(image_origins: Iterable[str]) -> list[str]:
    return [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        " ".join(["img-src", "'self'", *image_origins]),
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
