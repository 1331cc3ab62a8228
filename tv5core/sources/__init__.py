"""What files and live services about films have in common.

``values`` turns whatever a source holds into clean values, ``vocabulary`` and ``places`` are one
set of words for all of them, and ``tmdb`` is the one place that makes a title of what TMDB says,
whether a file says it or the service itself.
"""

from __future__ import annotations
