"""Whom a fetcher asks: addresses, limits, and keys that never show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn, Self

import msgspec
from yarl import URL

from tv5core.errors import InvalidInputError

__all__ = ["Credentials", "Provider", "Secret"]


class Secret:
    """A text that neither prints, nor is encoded, copied into messages, or pickled.

    Parameters
    ----------
    value : str
        What :meth:`reveal` gives back; surrounding white space is dropped.

    Raises
    ------
    InvalidInputError
        It is empty, or holds what cannot stand in a header.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidInputError("expected a key of printable ASCII characters, got another")
        self._value = value

    def reveal(self) -> str:
        """Return the text."""
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
    """Keys of a provider: a bearer token, a query parameter ``api_key``, or none.

    Attributes
    ----------
    bearer : Secret or None
        Sent as ``Authorization: Bearer ...``; goes before ``api_key``.
    api_key : Secret or None
        Sent as the query parameter ``api_key``.
    """

    bearer: Secret | None = None
    api_key: Secret | None = None

    @classmethod
    def of(cls, *, bearer: str = "", api_key: str = "") -> Self:
        """Wrap keys; an empty one counts as none."""
        return cls(
            bearer=Secret(bearer) if bearer.strip() else None,
            api_key=Secret(api_key) if api_key.strip() else None,
        )

    @classmethod
    def from_environment(cls, *, bearer: str, api_key: str) -> Self:
        """Read keys from environment variables of these names, or from files they name.

        ``NAME_FILE`` holds the path of a file with the key, as containers hand over secrets;
        ``NAME`` itself goes first.

        Raises
        ------
        InvalidInputError
            A file that is named cannot be read, or a key has characters no key has.
        """
        return cls.of(bearer=_from_environment(bearer), api_key=_from_environment(api_key))

    def __bool__(self) -> bool:
        return self.bearer is not None or self.api_key is not None

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the keys."""
        return {"Authorization": f"Bearer {self.bearer.reveal()}"} if self.bearer else {}

    def params(self) -> dict[str, str]:
        """Return the query parameters that carry the keys."""
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
    """A provider: where it is, whom of its hosts may be asked, and how often.

    Attributes
    ----------
    name : str
        As in counters and messages.
    base_url : str
        Paths are below it; its host may be asked and gets the keys.
    hosts : tuple of str
        Further hosts that may be asked or redirected to; they never get the keys.
    files_base_url : str
        Where files to download are; its host may be asked. Empty: the base.
    contract : int
        Requests the provider allows in any second.
    rate : float
        Requests a second that are made at most in the long run.
    burst : int
        Requests that may go at once after a pause; ``rate + burst <= contract``.
    bulk_share : float
        Part of the rate that bulk work may take over any minute, above 0 and up to 1.
    max_connections : int
    credentials : Credentials
    allow_private : bool
        Whether plain HTTP and addresses that are not public will do, as with a server on this
        machine.
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
        """Return the address of a path below the base."""
        return _below(self.base_url, path)

    def files_url(self, path: str) -> str:
        """Return the address of a file."""
        return str(_below(self.files_base_url or self.base_url, path))

    def allowed_hosts(self) -> frozenset[str]:
        """Return all hosts that may be asked, in lower case."""
        urls = (self.base_url, self.files_base_url)
        named = {URL(url).host or "" for url in urls if url}
        return frozenset(host.lower() for host in {*named, *self.hosts})


def _check_url(url: str, *, allow_http: bool) -> None:
    parts = URL(url)
    schemes = ("https", "http") if allow_http else ("https",)
    if parts.scheme not in schemes or not parts.host or parts.user or parts.password:
        raise InvalidInputError(f"expected an address with {' or '.join(schemes)}, got another")


def _below(base: str, path: str) -> URL:
    """Join without leaving the base: no dots, no scheme, no query in a path."""
    parts = path.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or set(path) & set("?#\\%"):
        raise InvalidInputError(f"expected a path such as movie/603, got {path[:80]!r}")
    return URL(base).joinpath(*parts)
