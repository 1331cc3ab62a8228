"""What fsspec, s3fs and botocore raise, as errors of tv5core.

Nothing of their messages is repeated but a code and a status: a message may hold what was signed,
a key's name or a URL with a signature. For the same reason the new error does not name the old one
as its cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tv5core.errors import (
    ObjectStoreAccessError,
    ObjectStoreError,
    ObjectStoreUnavailableError,
)

__all__ = ["code_of", "is_conflict", "is_missing", "store_error"]

_CODE = re.compile(r"[A-Za-z0-9]{1,64}")
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_MISSING = {"NoSuchKey", "404", "NotFound"}
_ACCESS = {
    *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"),
    *("InvalidToken", "NoSuchBucket", "401", "403", "AllAccessDisabled", "AccountProblem"),
    *("ExpiredTokenException", "UnrecognizedClientException", "RequestTimeTooSkewed"),
}
_ACCESS_TYPES = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
    *("TokenRetrievalError", "ProfileNotFound", "UnauthorizedSSOTokenError"),
}
_SLOW = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling"}
_SLOW |= {"500", "502", "503", "504", "429"}


def code_of(error: BaseException) -> str:
    """Return the storage's own word for what is wrong; empty where it gave none."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code if _CODE.fullmatch(code) else ""
    return ""


def is_conflict(error: BaseException) -> bool:
    """Return whether a conditional put was refused because there is an object."""
    return isinstance(error, FileExistsError) or code_of(error) in _CONFLICTS


def is_missing(error: BaseException) -> bool:
    """Return whether there is no such object."""
    code = code_of(error)
    return code in _MISSING or (isinstance(error, FileNotFoundError) and not code)


def store_error(error: Exception, url: str) -> ObjectStoreError:
    """Return the error to raise for what a library raised."""
    code, kinds = code_of(error), {type(one).__name__ for one in _chain(error)}
    said = code or type(error).__name__
    if code in _ACCESS or kinds & _ACCESS_TYPES or isinstance(error, PermissionError):
        return ObjectStoreAccessError(
            f"{url}: expected access, got {said}: check the bucket's name, and the credentials "
            "and the region in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION)"
        )
    if code in _SLOW or (not code and isinstance(error, OSError | TimeoutError)):
        return _unavailable(url, said)
    if any("Timeout" in kind or "Connect" in kind or "HTTPClient" in kind for kind in kinds):
        return _unavailable(url, said)
    return ObjectStoreError(f"{url}: expected it to do as asked, got {said}")


def _unavailable(url: str, said: str) -> ObjectStoreUnavailableError:
    return ObjectStoreUnavailableError(
        f"{url}: expected an answer, got {said}: try again later; where it never answers, check "
        "the address (AWS_ENDPOINT_URL) and the network"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
