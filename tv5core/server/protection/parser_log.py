"""The log of what aiohttp cannot parse, without the bytes, which may hold a query or a key."""

from __future__ import annotations

import logging

from aiohttp.http import HttpProcessingError

__all__ = ["parser_log"]


class _WithoutBytes(logging.Filter):
    """Say of a request that cannot be parsed only why, and as no error: it is the client's."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "a request cannot be parsed: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
        return True


def parser_log() -> logging.Logger:
    """Return the logger for aiohttp's server."""
    log = logging.getLogger("tv5core.server.http")
    if not any(isinstance(each, _WithoutBytes) for each in log.filters):
        log.addFilter(_WithoutBytes())
    return log
