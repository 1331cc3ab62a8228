"""What files and live services about films have in common.

``values``
    Turns whatever a source holds into clean values.
``vocabulary``, ``places``
    One set of words for genres, providers and certifications; countries and languages.
``tmdb``
    Makes a title of what TMDB says, in a file or in an answer of its API.
"""

from __future__ import annotations
