"""Recommendations for users of MovieLens, judged by what they liked next.

``movielens``
    Ratings joined with a catalogue's titles, and split by time.
``baselines``
    Random, popularity, item-kNN, a plain matrix factorisation, EASE.
``systems``
    ``Catalog.recommend`` by content alone and after ``learn``, and baselines tuned.
``metrics``
    Hit rate, nDCG, intervals, coverage, diversity.
"""
