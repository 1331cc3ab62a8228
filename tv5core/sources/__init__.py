"""What files and live services about films have in common.

``values``
    Turns whatever a source holds into clean text and ids, and counts what it leaves out.
``numbers``, ``dates``, ``lists``
    The same for numbers, dates and lists: the right value, or none and a note.
``literals``
    Lists as Python, NumPy and Java print them, without evaluating anything.
``encodings``
    Lines of bytes as text.
``vocabulary``, ``places``
    One set of words for genres, providers and certifications; countries and languages.
``tmdb``
    Makes a title of what TMDB says, in a file or in an answer of its API.
"""

from __future__ import annotations
