"""RedisAddress: what a URL of a Redis says.

========================================================  =======================================
``redis://[user[:password]@]host[:port][/db]``            one server
``redis+sentinel://[...@]host[:port],.../service[/db]``   the master that sentinels name
``redis+cluster://[...@]host[:port],...``                 a cluster, known by some of its nodes
``unix://[...@]/path``                                    one server, through a socket
========================================================  =======================================

``rediss`` in place of ``redis`` is TLS. Credentials that the URL does not have come from the file
in its ``password_file``, or from ``TV5_REDIS_USERNAME`` and ``TV5_REDIS_PASSWORD``; those of
sentinels are ``sentinel_username`` and ``sentinel_password_file``, or
``TV5_REDIS_SENTINEL_USERNAME`` and ``TV5_REDIS_SENTINEL_PASSWORD``. None is ever shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError

__all__ = ["Credentials", "RedisAddress", "credentials_of", "login_of", "without_credentials"]

Kind = Literal["single", "sentinel", "cluster", "socket"]
Node = tuple[str, int]

_KINDS: dict[str, Kind] = {
    "redis": "single",
    "redis+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "unix": "socket",
}
_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379, "socket": 0}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = (*_FILES, "ssl_check_hostname", "password_file")
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password_file")
_FORMS = (
    "redis://host:port/db, redis+sentinel://host:port,host:port/service or "
    "redis+cluster://host:port,host:port (rediss for TLS), or unix:///path"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in; neither is shown."""

    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, of which kind, and who logs in.

    Attributes
    ----------
    kind : {"single", "sentinel", "cluster", "socket"}
    nodes : tuple of (host, port)
        The server, sentinels, or some of a cluster's nodes.
    path : str
        Of a socket.
    service : str
        What sentinels call the master.
    db : int
    tls : dict of str to str, or None
        Paths of files, by redis-py's names; None for no TLS.
    login, sentinel_login : Credentials
    """

    kind: Kind
    nodes: tuple[Node, ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    tls: Mapping[str, str] | None = None
    login: Credentials = Credentials()
    sentinel_login: Credentials = Credentials()

    @property
    def fails_over(self) -> bool:
        """Whether another server, with older data, may take over behind this address."""
        return self.kind in ("sentinel", "cluster")

    def __str__(self) -> str:
        """Return the address without credentials."""
        places = self.path or ",".join(f"{host}:{port}" for host, port in self.nodes)
        return f"{self.kind} {places}" + (f"/{self.service}" if self.service else "")

    @classmethod
    def parse(cls, url: str, environment: Mapping[str, str] = os.environ) -> RedisAddress:
        """Parse a URL.

        Parameters
        ----------
        url : str
            See this module.
        environment : mapping
            Where credentials are that the URL does not have.

        Raises
        ------
        InvalidInputError
            It is no such URL, or a file of credentials cannot be read.
        """
        return _Parsed(url).address(environment)


def without_credentials(url: str) -> str:
    """Return a URL, or what was given for one, without what is before its last ``@``."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if "@" in rest else url


class _Parsed:
    """A URL taken apart. ``urlsplit`` knows one host a URL."""

    def __init__(self, url: str) -> None:
        if not isinstance(url, str):
            raise InvalidInputError(f"expected a URL of a Redis, got {shown(url)}")
        self.url = url
        scheme, mark, rest = url.partition("://")
        self.is_tls = scheme.startswith("rediss")
        kind = _KINDS.get(scheme.replace("rediss", "redis", 1))
        if not mark or kind is None or url.isspace() or any(c.isspace() for c in url):
            raise self.wrong(f"expected a URL of a Redis ({_FORMS})")
        self.kind: Kind = kind
        rest, _, query = rest.partition("?")
        place, _, self.path = rest.partition("/")
        login, _, self.hosts = place.rpartition("@")
        self.username, self.password = login_of(login)
        self.options = self._options(query)

    def wrong(self, expected: str) -> InvalidInputError:
        """Return the error that names the URL without its credentials."""
        return InvalidInputError(f"{expected}, got {shown(without_credentials(self.url))}")

    def _options(self, query: str) -> dict[str, str]:
        found = dict(parse_qsl(query, keep_blank_values=True))
        known = _OPTIONS + (_SENTINEL_OPTIONS if self.kind == "sentinel" else ())
        for name in found:
            if name not in known:
                raise self.wrong(f"expected options of a Redis among {', '.join(known)}")
        if not self.is_tls and any(name.startswith("ssl_") for name in found):
            raise self.wrong("expected rediss for a Redis with options of TLS")
        return found

    def address(self, environment: Mapping[str, str]) -> RedisAddress:
        service, db = self._service_and_db()
        return RedisAddress(
            self.kind,
            nodes=() if self.kind == "socket" else self._nodes(),
            path=f"/{unquote(self.path)}" if self.kind == "socket" else "",
            service=service,
            db=db,
            tls=self._tls() if self.is_tls else None,
            login=credentials_of(
                Credentials(self.username, self.password),
                self.options.get("password_file"),
                environment,
                "TV5_REDIS_",
            ),
            sentinel_login=credentials_of(
                Credentials(self.options.get("sentinel_username")),
                self.options.get("sentinel_password_file"),
                environment,
                "TV5_REDIS_SENTINEL_",
            ),
        )

    def _service_and_db(self) -> tuple[str, int]:
        if self.kind == "socket":
            return "", 0
        service, path = "", self.path
        if self.kind == "sentinel":
            service, _, path = path.partition("/")
            if not service:
                raise self.wrong("expected the service that sentinels watch after the hosts")
        db = path.rstrip("/") or "0"
        if not (db.isascii() and db.isdigit()):
            raise self.wrong("expected the number of a database after the hosts")
        if self.kind == "cluster" and int(db):
            raise self.wrong("expected no database of a cluster, which has database 0 alone")
        return unquote(service), int(db)

    def _nodes(self) -> tuple[Node, ...]:
        listed = self.hosts.split(",")
        if self.kind == "single" and len(listed) > 1:
            raise self.wrong("expected one host of a single Redis (or redis+cluster://)")
        return tuple(map(self._node, listed))

    def _node(self, text: str) -> Node:
        host, mark, port = text.rpartition(":")
        if not mark or text.endswith("]"):  # of an IPv6 address without a port
            host, port = text, ""
        is_number = port.isascii() and port.isdigit() and int(port) <= 65_535
        host = unquote(host.removeprefix("[").removesuffix("]"))
        if not host and self.kind == "single":
            host = "localhost"
        if not host or (port and not is_number):
            raise self.wrong("expected host:port of a Redis")
        return host, int(port) if port else _PORTS[self.kind]

    def _tls(self) -> dict[str, str]:
        found = {name: value for name, value in self.options.items() if name.startswith("ssl_")}
        for name in _FILES:
            if name in found and not Path(found[name]).is_file():
                raise InvalidInputError(f"expected a file in {name}, got {shown(found[name])}")
        check = found.get("ssl_check_hostname", "true")
        if check not in ("true", "false"):
            raise self.wrong("expected ssl_check_hostname to be true or false")
        return found


def login_of(text: str) -> tuple[str | None, str | None]:
    """Return the name and the password before the hosts of a URL."""
    username, mark, password = text.partition(":")
    return unquote(username) or None, unquote(password) if mark else None


def credentials_of(
    given: Credentials, file: str | None, environment: Mapping[str, str], prefix: str
) -> Credentials:
    """Return who logs in: as a URL says, its file, or else the environment.

    Parameters
    ----------
    given : Credentials
        Those in the URL.
    file : str or None
        Path of a file with the password.
    environment : mapping
    prefix : str
        Of the variables ``USERNAME`` and ``PASSWORD``.

    Raises
    ------
    InvalidInputError
        The file cannot be read, or is empty.
    """
    username, password = given.username, given.password
    if password is None and file is not None:
        password = _password_in(file)
    if password is None:
        password = environment.get(f"{prefix}PASSWORD") or None
        username = username or environment.get(f"{prefix}USERNAME") or None
    return Credentials(username, password)


def _password_in(file: str) -> str:
    try:
        password = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"expected a readable file with a password, got {type(error).__name__}"
        ) from None
    if not password:
        raise InvalidInputError("expected a password in a file, got an empty file")
    return password
