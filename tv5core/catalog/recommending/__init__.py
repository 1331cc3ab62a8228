"""Recommending: taste and co-consumption joined with a catalogue's titles and vectors.

``catalog/recommendations.py`` is what :class:`Catalog` offers of it.

``recommender``
    From likes to recommendations: which titles are looked at, scored, spread and explained.
``tastes``
    Likes, dislikes and profiles as they are given, validated and read.
``explaining``
    Why a title is recommended.
``candidates``
    Titles and vectors of the rows that are looked at.
``facts_source``
    The numbers of all titles, by the columns of the documents that are served.
``filtering``
    Which titles a filter allows.
``learning``
    Learning from interactions: the sealed file, and what is read of it.
``stored_profiles``
    Profiles kept in the catalogue.
``lists``
    Titles by genre and order; what is trending.
"""
