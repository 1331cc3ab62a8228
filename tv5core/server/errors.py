"""Errors of requests, besides those of the library.

::

    Tv5Error
    └── RequestError                 a request that is not answered
        ├── ParameterError           a parameter, or a field of the body, is wrong
        ├── MalformedBodyError       a body that cannot be read
        ├── BodyTooLargeError        more bytes than are accepted
        ├── TargetTooLongError       a path and query of more bytes than are accepted
        ├── HeadersTooLargeError     more headers, or a longer one, than are accepted
        ├── MalformedRequestError    what is no request of HTTP/1.1
        ├── MediaTypeError           a body of another type than is accepted
        ├── UnauthorizedError        no token, key or signature, or a wrong one
        ├── ClosedRouteError         a route that needs a secret which is not set
        ├── ConflictError            something else is under way
        ├── ClientLimitError         a client asks more often than it may
        ├── OverloadedError          more requests than can be answered in time
        ├── StartingError            the catalogue is not open yet
        ├── RequestTimeoutError      no answer by the request's deadline
        └── WriterUnavailableError   no process stored a change in time
"""

from __future__ import annotations

from tv5core.errors import Tv5Error

__all__ = [
    "BodyTooLargeError",
    "ClientLimitError",
    "ClosedRouteError",
    "ConflictError",
    "HeadersTooLargeError",
    "MalformedBodyError",
    "MalformedRequestError",
    "MediaTypeError",
    "OverloadedError",
    "ParameterError",
    "RequestError",
    "RequestTimeoutError",
    "StartingError",
    "TargetTooLongError",
    "UnauthorizedError",
    "WriterUnavailableError",
]


class RequestError(Tv5Error):
    """A request that is not answered."""


class ParameterError(RequestError):
    """A parameter, or a field of the body, is wrong.

    Attributes
    ----------
    parameter, expected, got : str
    """

    def __init__(self, parameter: str, expected: str, got: str) -> None:
        super().__init__(f"{parameter}: expected {expected}, got {got}")
        self.parameter, self.expected, self.got = parameter, expected, got


class MalformedBodyError(RequestError):
    """A body that cannot be read."""


class BodyTooLargeError(RequestError):
    """A body of more bytes than are accepted."""


class TargetTooLongError(RequestError):
    """A path and query of more bytes than are accepted."""


class HeadersTooLargeError(RequestError):
    """More headers, or a longer one, than are accepted."""


class MalformedRequestError(RequestError):
    """What is no request of HTTP/1.1."""


class MediaTypeError(RequestError):
    """A body of another type than is accepted."""


class UnauthorizedError(RequestError):
    """No token, key or signature, or a wrong one."""


class ClosedRouteError(RequestError):
    """A route that needs a secret which is not set."""


class ConflictError(RequestError):
    """Something else is under way."""


class _LaterError(RequestError):
    """A request that may be repeated after some time.

    Attributes
    ----------
    retry_after_s : float
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClientLimitError(_LaterError):
    """A client asks more often than it may.

    Attributes
    ----------
    policy : str
        Of which quota.
    """

    def __init__(self, message: str, *, retry_after_s: float, policy: str) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.policy = policy


class OverloadedError(_LaterError):
    """More requests than can be answered in time."""


class StartingError(_LaterError):
    """The catalogue is not open yet."""


class RequestTimeoutError(_LaterError):
    """No answer by the request's deadline."""


class WriterUnavailableError(_LaterError):
    """No process stored a change by its deadline; it may be stored later, or not."""
