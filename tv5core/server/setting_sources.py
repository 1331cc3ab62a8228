"""Where settings come from: defaults, then a TOML file, the environment, the command line.

A later source replaces what an earlier one says. In the environment, ``port`` is ``TV5_PORT``, and
lists are separated by commas. Errors name the setting and its source.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.server.settings import Settings
from tv5core.server.type_words import expected
from tv5core.upstream.provider import Secret

__all__ = ["load_settings"]

_PREFIX = "TV5_"
_FIELDS = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def load_settings(
    given: Mapping[str, Any] | None = None,
    *,
    file: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of all sources together.

    Parameters
    ----------
    given : mapping, optional
        From the command line; None counts as not given.
    file : path-like, optional
        A TOML file; its path may also be in ``TV5_CONFIG``.
    environment : mapping, optional
        By default that of the process.

    Raises
    ------
    InvalidInputError
        A setting is unknown or has a wrong value; or the file cannot be read.
    """
    variables = os.environ if environment is None else environment
    path = file or variables.get(f"{_PREFIX}CONFIG")
    found = {} if path is None else _from_file(Path(path))
    found |= _from_environment(variables)
    options = {name: value for name, value in (given or {}).items() if value is not None}
    found |= {name: _converted(name, value, "the command line") for name, value in options.items()}
    return Settings(**found)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"expected settings in TOML in {path}, got {error}") from error
    return {name: _converted(name, value, str(path)) for name, value in read.items()}


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    names = {name: f"{_PREFIX}{name.upper()}" for name in _FIELDS}
    return {
        name: _converted(name, variables[variable], variable)
        for name, variable in names.items()
        if variables.get(variable)
    }


def _converted(name: str, value: Any, source: str) -> Any:
    if name not in _FIELDS:
        known = ", ".join(sorted(_FIELDS))
        raise InvalidInputError(f"expected a setting ({known}), got {shown(name)} in {source}")
    is_list = name in ("cors_origins", "image_origins", "trusted_proxies")
    if is_list and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, _FIELDS[name], strict=False, dec_hook=_secret)
    except (msgspec.ValidationError, InvalidInputError):
        pass
    if _FIELDS[name] == Secret | None:
        want, got = "printable ASCII without blanks", "a value that is not shown"
    else:
        want, got = expected(msgspec.inspect.type_info(_FIELDS[name])), shown(value)
    raise InvalidInputError(f"setting {name} (from {source}): expected {want}, got {got}")


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise InvalidInputError(f"expected {kind.__name__}")
