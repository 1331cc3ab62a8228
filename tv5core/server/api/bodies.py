"""Types of bodies; ``/openapi.json`` is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tv5core.server.api.queries import K, Where

__all__ = ["EventBody", "InvalidateBody", "RecommendBody", "WarmBody"]

_Id = Annotated[str, Meta(min_length=1, max_length=256)]
_Ids = Annotated[tuple[_Id, ...], Meta(max_length=1_000)]


class RecommendBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Someone's taste: ids of titles, a profile, or both."""

    likes: _Ids = ()
    dislikes: _Ids = ()
    seen: Annotated[tuple[_Id, ...], Meta(max_length=10_000)] = ()
    profile: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,64}$")] | None = None
    where: Where = ""
    k: K = 20
    diversity: Annotated[float, Meta(ge=0, le=1)] = 0.3
    explain: bool = False


class WarmBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to load: one of ``strategy``, ``preset`` and ``source``."""

    strategy: Annotated[
        Literal["popular"] | None, Meta(description="The most popular titles, ``limit`` of them.")
    ] = None
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    preset: Annotated[
        Literal["demo-titles", "demo"] | None, Meta(description="The titles that ship.")
    ] = None
    source: Annotated[
        Literal["sitemap"] | None,
        Meta(description="The titles of the sitemap in the settings, else all of the catalogue."),
    ] = None
    batch_size: Annotated[int, Meta(ge=1, le=10_000)] | None = None


class InvalidateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is no longer true: titles by id, a whole kind, or everything."""

    ids: _Ids = ()
    kind: Annotated[str, Meta(max_length=64)] | None = None
    everything: bool = False


class EventBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider says has changed."""

    ids: Annotated[tuple[_Id, ...], Meta(min_length=1, max_length=1_000)]
    event: Literal["availability.changed", "title.changed"] = "availability.changed"
