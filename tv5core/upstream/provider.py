"""A provider: its addresses, limits, and keys, which are never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn, Self

import msgspec
from yarl import URL

from tv5core.errors import InvalidInputError

__all__ = ["Credentials", "Provider", "Secret"]


class Secret:
    """A string that cannot be printed, encoded or pickled by accident.

    Parameters
    ----------
    value : str
        What :meth:`reveal` returns; surrounding white space is stripped.

    Raises
    ------
    InvalidInputError
        It is empty, or has characters that a header cannot hold.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidInputError("expected a key of printable ASCII characters, got another")
        self._value = value

    def reveal(self) -> str:
        """Return the string."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("expected no attempt to pickle a key")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Keys for a provider: a bearer token, a query parameter ``api_key``, or none.

    Attributes
    ----------
    bearer : Secret or None
        Sent as ``Authorization: Bearer ...``; takes precedence over ``api_key``.
    api_key : Secret or None
        Sent as the query parameter ``api_key``.
    """

    bearer: Secret | None = None
    api_key: Secret | None = None

    @classmethod
    def of(cls, *, bearer: str = "", api_key: str = "") -> Self:
        """Make credentials of strings; an empty one counts as none."""
        return cls(
            bearer=Secret(bearer) if bearer.strip() else None,
            api_key=Secret(api_key) if api_key.strip() else None,
        )

    @classmethod
    def from_environment(cls, *, bearer: str, api_key: str) -> Self:
        """Read keys from environment variables of these names, or from files.

        ``NAME_FILE`` holds the path of a file with the key, as container platforms pass secrets;
        ``NAME`` itself takes precedence.

        Raises
        ------
        InvalidInputError
            A file cannot be read, or a key has characters that a header cannot hold.
        """
        return cls.of(bearer=_from_environment(bearer), api_key=_from_environment(api_key))

    def __bool__(self) -> bool:
        return self.bearer is not None or self.api_key is not None

    def headers(self) -> dict[str, str]:
        """Return the request headers with the keys."""
        return {"Authorization": f"Bearer {self.bearer.reveal()}"} if self.bearer else {}

    def params(self) -> dict[str, str]:
        """Return the query parameters with the keys."""
        return {"api_key": self.api_key.reveal()} if self.api_key and not self.bearer else {}


def _from_environment(name: str) -> str:
    if os.environ.get(name):
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
    raise InvalidInputError(f"expected a readable file in {name}_FILE, got {why}")


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider: its addresses, the hosts that may be reached, and its limits.

    Attributes
    ----------
    name : str
        Name in counters and messages.
    base_url : str
        Base of all paths; its host may be reached and receives the keys.
    hosts : tuple of str
        Further hosts that may be reached, by redirects too; they never receive the keys.
    files_base_url : str
        Base of files to download; its host may be reached. Empty uses ``base_url``.
    contract : int
        Requests the provider allows in any second.
    rate : float
        Requests per second in the long run.
    burst : int
        Requests that may go at once after an idle time; ``rate + burst <= contract``.
    bulk_share : float
        Part of the rate that bulk work may take over any minute, above 0 and up to 1. It bounds
        each process by itself: two that synchronise at once take twice as much of the rate, which
        they share.
    max_connections : int
    credentials : Credentials
    allow_private : bool
        Whether plain HTTP and private addresses are allowed, as for a server on this machine.
    """

    name: str
    base_url: str
    contract: int
    rate: float
    burst: int
    hosts: tuple[str, ...] = ()
    files_base_url: str = ""
    bulk_share: float = 0.2
    max_connections: int = 20
    credentials: Credentials = Credentials()
    allow_private: bool = False

    def __post_init__(self) -> None:
        for url in filter(None, (self.base_url, self.files_base_url)):
            _check_url(url, allow_http=self.allow_private)
        if self.max_connections < 1:
            raise InvalidInputError(f"expected 1 or more connections, got {self.max_connections}")

    def url(self, path: str) -> URL:
        """Return the URL of a path below ``base_url``."""
        return _below(self.base_url, path)

    def files_url(self, path: str) -> str:
        """Return the URL of a file below ``files_base_url``."""
        return str(_below(self.files_base_url or self.base_url, path))

    def allowed_hosts(self) -> frozenset[str]:
        """Return all hosts that may be reached, in lower case."""
        urls = (self.base_url, self.files_base_url)
        named = {URL(url).host or "" for url in urls if url}
        return frozenset(host.lower() for host in {*named, *self.hosts})


def _check_url(url: str, *, allow_http: bool) -> None:
    parts = URL(url)
    schemes = ("https", "http") if allow_http else ("https",)
    if parts.scheme not in schemes or not parts.host or parts.user or parts.password:
        raise InvalidInputError(f"expected an address with {' or '.join(schemes)}, got another")


def _below(base: str, path: str) -> URL:
    """Join a base and a path that must not leave it: no dots, no scheme, no query."""
    parts = path.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or set(path) & set("?#\\%"):
        raise InvalidInputError(f"expected a path such as movie/603, got {path[:80]!r}")
    return URL(base).joinpath(*parts)
