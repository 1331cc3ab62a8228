"""Text analysis: what searches by words and by meaning share.

``words``
    From text to folded, stemmed words and pairs of words.
"""
