"""The type of problems, as ``/openapi.json`` describes them."""

from __future__ import annotations

import msgspec

__all__ = ["ProblemDetails"]


class ProblemDetails(msgspec.Struct, frozen=True):
    """A problem as of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    parameter: str = ""
    expected: str = ""
    got: str = ""
