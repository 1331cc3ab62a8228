"""Structured logs: one JSON object a line, without keys and without what people search for.

A line has ``time`` (UTC), ``level``, ``logger``, ``message``, ``pid``, and what the caller adds by
``extra``; where a trace is under way also its ids. A request is one line: its route as a template,
never its path or query.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

__all__ = ["JsonFormatter", "RequestLog", "configure_logs", "log"]

log = logging.getLogger("tv5core.server.process")
requests = logging.getLogger("tv5core.server.requests")

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_KEYS = re.compile(r"(?i)(api_key=|token=|authorization:\s*(?:bearer\s+)?|bearer\s+)[^\s&\"',]+")
_QUEUE_LINES = 10_000
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; what looks like a key is blanked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _KNOWN}
        line |= _trace()
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _KEYS.sub(r"\1***", _ENCODER.encode(line).decode())


def _trace() -> dict[str, str]:
    """Return the ids of the trace under way, where OpenTelemetry is in use."""
    tracing = sys.modules.get("opentelemetry.trace")
    if tracing is None:
        return {}
    context = tracing.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class _ThreadedHandler(logging.Handler):
    """Writes lines in a thread, so that a slow reader of the log never stops an event loop.

    Lines beyond ten thousand waiting are dropped, and counted in the next one written.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream, self._dropped = stream, 0
        self._lines: queue.Queue[str | None] = queue.Queue(_QUEUE_LINES)
        self._thread = threading.Thread(target=self._write, name="tv5-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1
        except Exception:  # noqa: BLE001 - as logging does it
            self.handleError(record)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._dropped:
                line += f'\n{{"message":"lines dropped","count":{self._dropped}}}'
                self._dropped = 0
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return  # nobody reads, or it is closed

    def close(self) -> None:
        self._lines.put(None)
        self._thread.join(2.0)
        super().close()


def configure_logs(level: str, *, threaded: bool, stream: TextIO | None = None) -> logging.Handler:
    """Send the library's logs to standard error as JSON; replaces an earlier call's handler.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
    threaded : bool
        Write in a thread. Not in a process that forks.
    stream : text file, optional
    """
    out = sys.stderr if stream is None else stream
    handler = _ThreadedHandler(out) if threaded else logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger("tv5core")
    for earlier in list(root.handlers):
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    root.propagate = False
    return handler


class RequestLog(AbstractAccessLogger):
    """One line a request, also of those that could not be read; for ``web.AppRunner``."""

    @property
    def enabled(self) -> bool:
        """Whether anything would be written."""
        return requests.isEnabledFor(logging.INFO)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line of a request; ``time`` is in seconds."""
        match = getattr(request, "match_info", None)
        resource = None if match is None else match.route.resource
        fields = {
            "method": request.method,
            "route": None if resource is None else resource.canonical,
            "status": response.status,
            "duration_ms": round(time * 1e3, 2),
            "bytes": response.body_length,
            "tier": response.headers.get("X-Tv5-Tier"),
            "request_id": response.headers.get("X-Request-Id"),
        }
        told = {name: value for name, value in fields.items() if value is not None}
        requests.info("request", extra=told)
