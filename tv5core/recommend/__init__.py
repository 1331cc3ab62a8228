"""Recommendations: what a taste is, how titles are scored against it, what users consume together.

Nothing here knows of a catalogue's folder; ``tv5core.catalog.recommending`` brings titles and
vectors. The modules, in reading order:

==================  ===========================================================================
``results``         :class:`Recommendation`, and why it is one: :class:`Reasons`
``profiles``        :class:`Profile`: likes and filters under a name; those that ship
``facts``           numbers of all titles by row: votes, rating, year, popularity, genres
``interactions``    who consumed what: validated, counted, as a sparse matrix
``co_consumption``  :class:`CoConsumption`: vectors by who consumed titles, fitted and saved
``taste``           :class:`Taste`: likes and dislikes, and their similarity to titles
``evidence``        scores of candidates: a weighted sum of kinds of evidence
``diversity``       maximal marginal relevance
==================  ===========================================================================
"""

from __future__ import annotations

from tv5core.recommend.co_consumption import CoConsumption
from tv5core.recommend.facts import TitleFacts
from tv5core.recommend.profiles import PROFILES, Profile
from tv5core.recommend.results import LearnReport, Reasons, Recommendation
from tv5core.recommend.taste import Liked, Taste

__all__ = [
    "PROFILES",
    "CoConsumption",
    "LearnReport",
    "Liked",
    "Profile",
    "Reasons",
    "Recommendation",
    "Taste",
    "TitleFacts",
]
