"""What recommending and learning answer."""

from __future__ import annotations

import msgspec

from tv5core.types import Title

__all__ = ["LearnReport", "Reasons", "Recommendation"]


class Reasons(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a title is recommended.

    Attributes
    ----------
    like : str
        Id of the liked title that is nearest by its text; empty where all likes are vectors.
    similarity : float
        Cosine of the two, or of the nearest vector given.
    genres, people, keywords : tuple of str
        What the title shares with likes, the most common among them first.
    consumed_with : str
        Id of the liked title that most of the same users consume; empty without :meth:`learn`.
    co_consumption : float
        How strongly users who consume the likes consume this title; 0 where nothing is learnt.
    parts : dict of str to float
        What each kind of evidence adds to the score.
    """

    like: str = ""
    similarity: float = 0.0
    genres: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    consumed_with: str = ""
    co_consumption: float = 0.0
    parts: dict[str, float] = {}


class Recommendation(msgspec.Struct, frozen=True):
    """One title recommended.

    Attributes
    ----------
    id : str
    score : float
        Sum of the evidence: comparable within one answer only, which may not descend in it where
        diversity has put a title further down or up.
    title : Title
    reasons : Reasons or None
        Where asked to explain.
    """

    id: str
    score: float
    title: Title
    reasons: Reasons | None = None


class LearnReport(msgspec.Struct, frozen=True):
    """What was learnt from.

    Attributes
    ----------
    users, titles, interactions : int
        Distinct, after titles that the catalogue does not have were left out.
    unknown : int
        Interactions left out, because the catalogue does not have the title.
    rank : int
        Width of the learnt vectors.
    bytes : int
        Of the sealed file.
    """

    users: int
    titles: int
    interactions: int
    unknown: int
    rank: int
    bytes: int
