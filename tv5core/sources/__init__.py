"""Cleaning of values, shared by file importers and live providers.

``values``
    Text and ids, cleaned; what cannot be used is left out and counted.
``numbers``, ``dates``, ``lists``
    The same for numbers, dates and lists: a certain value, or none and a note.
``literals``
    Lists as Python, NumPy and Java print them, without evaluating anything.
``encodings``
    Decoding of text lines.
``vocabulary``, ``places``
    One vocabulary of genres, providers and certifications; codes of countries and languages.
``other_names``
    Alternative titles, translations and the collection in a TMDB record.
``tmdb``
    A title from a TMDB record, of a file or of an API response.
"""

from __future__ import annotations
