"""Errors as answers: one table of every error and its status, and problems as of RFC 9457.

A message of the library says what was expected of the caller, so clients see those of status 4xx.
Those of 5xx may name files and addresses: they are logged, and clients see the title alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from tv5core import errors
from tv5core.errors import Tv5Error
from tv5core.server import errors as ours

__all__ = ["PROBLEMS", "Problem", "http_problem", "problem_of", "problem_response"]

_TYPES = "urn:tv5core:problem:"
_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"


class Problem(NamedTuple):
    """How an error is answered.

    Attributes
    ----------
    status : int
    name : str
        The last part of its type, or a whole URI.
    title : str
        The same for every occurrence.
    """

    status: int
    name: str
    title: str


PROBLEMS: Mapping[type[Tv5Error], Problem] = {
    errors.Tv5Error: Problem(500, "internal", "The gateway failed"),
    errors.InvalidInputError: Problem(400, "invalid-input", "A value is not accepted"),
    errors.DimensionError: Problem(400, "invalid-vector", "A vector is not accepted"),
    errors.NonFiniteVectorError: Problem(400, "invalid-vector", "A vector is not accepted"),
    errors.ZeroVectorError: Problem(400, "invalid-vector", "A vector is not accepted"),
    errors.DuplicateKeyError: Problem(400, "duplicate", "A value occurs twice"),
    errors.InvalidFilterError: Problem(400, "invalid-filter", "A filter cannot be read"),
    errors.UnknownIdError: Problem(404, "unknown-id", "No title has this id"),
    errors.ClosedError: Problem(503, "closing", "The gateway is closing"),
    errors.ReadOnlyError: Problem(409, "read-only", "The gateway stores nothing"),
    errors.CatalogError: Problem(500, "catalog", "The catalogue cannot be used"),
    errors.NotACatalogError: Problem(500, "catalog", "The catalogue cannot be used"),
    errors.CatalogLockedError: Problem(503, "catalog-locked", "The catalogue is in use"),
    errors.CatalogReplacedError: Problem(503, "catalog-replaced", "The catalogue was replaced"),
    errors.EmbedderMismatchError: Problem(409, "no-embedder", "The catalogue has other vectors"),
    errors.DiskFailureError: Problem(503, "disk-failure", "The catalogue takes no changes"),
    errors.DiskFullError: Problem(507, "disk-full", "There is no room for the change"),
    errors.CorruptFileError: Problem(500, "damaged", "The catalogue is damaged"),
    errors.FormatVersionError: Problem(500, "newer-format", "The catalogue has a newer format"),
    errors.SnapshotConflictError: Problem(409, "conflict", "Something else is under way"),
    errors.ObjectStoreError: Problem(502, "object-store", "Object storage failed"),
    errors.ObjectStoreAccessError: Problem(502, "object-store", "Object storage failed"),
    errors.ObjectStoreUnavailableError: Problem(503, "object-store", "Object storage is down"),
    errors.VectorDatabaseError: Problem(502, "vector-database", "The vector database failed"),
    errors.CollectionMismatchError: Problem(500, "vector-database", "A collection is not ours"),
    errors.VectorDatabaseUnavailableError: Problem(
        503, "vector-database", "The vector database is down"
    ),
    errors.PostgresError: Problem(502, "postgres", "The database failed"),
    errors.PostgresAccessError: Problem(502, "postgres", "The database failed"),
    errors.SchemaDriftError: Problem(502, "postgres", "The database failed"),
    errors.PostgresUnavailableError: Problem(503, "postgres", "The database is down"),
    errors.ShardError: Problem(503, "shard", "A part of the catalogue is down"),
    errors.ShardSkewError: Problem(503, "shard", "A part of the catalogue is down"),
    errors.RedisAccessError: Problem(500, "redis", "The shared cache cannot be used"),
    errors.FittingError: Problem(500, "fitting", "The catalogue has no embedder"),
    errors.EmbedderError: Problem(500, "embedder", "An embedder failed"),
    errors.ImportFormatError: Problem(422, "import-format", "A file cannot be read"),
    errors.UnknownColumnsError: Problem(422, "import-format", "A file cannot be read"),
    errors.TimedOutError: Problem(503, "timed-out", "The catalogue did not answer in time"),
    errors.UnavailableError: Problem(503, "unavailable", "There is no answer at present"),
    errors.UpstreamError: Problem(502, "upstream", "A provider failed"),
    errors.RateLimitedError: Problem(503, "upstream-limit", "A provider's limit is reached"),
    errors.DeadlineError: Problem(504, "upstream-deadline", "A provider did not answer in time"),
    errors.BreakerOpenError: Problem(503, "upstream-down", "A provider is down"),
    errors.UnreachableError: Problem(502, "upstream-unreachable", "A provider is not reached"),
    errors.ResponseTooLargeError: Problem(502, "upstream", "A provider failed"),
    errors.ForbiddenTargetError: Problem(502, "upstream", "A provider failed"),
    errors.UpstreamStatusError: Problem(502, "upstream", "A provider failed"),
    errors.MalformedResponseError: Problem(502, "upstream", "A provider failed"),
    errors.CredentialsError: Problem(502, "upstream-key", "A provider refuses the gateway"),
    errors.SourceDisabledError: Problem(503, "source-disabled", "A source is switched off"),
    errors.TitleNotFoundError: Problem(404, "unknown-id", "No title has this id"),
    errors.UpstreamRefusalError: Problem(502, "upstream", "A provider failed"),
    ours.RequestError: Problem(400, "bad-request", "The request is not accepted"),
    ours.ParameterError: Problem(400, "invalid-parameter", "A parameter is not accepted"),
    ours.MalformedBodyError: Problem(400, "malformed-body", "The body cannot be read"),
    ours.BodyTooLargeError: Problem(413, "body-too-large", "The body is too large"),
    ours.TargetTooLongError: Problem(414, "target-too-long", "The path and query are too long"),
    ours.HeadersTooLargeError: Problem(431, "headers-too-large", "The headers are too large"),
    ours.MalformedRequestError: Problem(400, "malformed-request", "The request cannot be read"),
    ours.MediaTypeError: Problem(415, "media-type", "The body has another type"),
    ours.UnauthorizedError: Problem(401, "unauthorized", "The request is not authorized"),
    ours.ClosedRouteError: Problem(403, "closed", "The route is closed"),
    ours.ConflictError: Problem(409, "conflict", "Something else is under way"),
    ours.ClientLimitError: Problem(429, _QUOTA_EXCEEDED, "The client's quota is exceeded"),
    ours.OverloadedError: Problem(503, _REDUCED_CAPACITY, "The gateway is overloaded"),
    ours.StartingError: Problem(503, "starting", "The gateway is starting"),
    ours.RequestTimeoutError: Problem(503, "timed-out", "There was no answer in time"),
    ours.WriterUnavailableError: Problem(503, "writer-unavailable", "Nothing is stored now"),
}
"""Every error of the library and of requests, and how it is answered."""

_EXTENSIONS = ("parameter", "expected", "got", "position")


def problem_of(error: BaseException) -> Problem:
    """Return how an error is answered; one that nobody foresaw as an internal one."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return PROBLEMS[Tv5Error]


def problem_response(error: BaseException, request_id: str = "") -> web.Response:
    """Return the answer of an error."""
    problem = problem_of(error)
    body: dict[str, Any] = {}
    if problem.status < 500:
        body["detail"] = str(error)
        body |= {name: getattr(error, name) for name in _EXTENSIONS if hasattr(error, name)}
    if isinstance(error, ours.ClientLimitError):
        body["violated-policies"] = [getattr(error, "policy", "")]
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None or problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s or 1.0)))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="tv5"'
    return _response(problem, body, headers, request_id)


def http_problem(error: web.HTTPException, request_id: str = "") -> web.Response:
    """Return the answer of an error that aiohttp raises, such as for an unknown path."""
    phrase = HTTPStatus(error.status).phrase
    problem = Problem(error.status, phrase.lower().replace(" ", "-"), phrase)
    kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    return _response(problem, {}, kept, request_id)


def _response(
    problem: Problem, body: dict[str, Any], headers: dict[str, str], request_id: str
) -> web.Response:
    uri = problem.name if ":" in problem.name else _TYPES + problem.name
    whole = {"type": uri, "title": problem.title, "status": problem.status, **body}
    if request_id:
        whole["request_id"] = request_id
    return web.Response(
        body=msgspec.json.encode(whole),
        status=problem.status,
        headers={"Cache-Control": "no-store", **headers},
        content_type="application/problem+json",
    )
