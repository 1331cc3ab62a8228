"""Text analysis: what searches by words and by meaning share.

``words``
    From text to folded, stemmed words and pairs of words: the terms of embeddings and texts.
``names``
    From titles and people's names to words in all the forms that people type.
``spellings``
    The forms of one word: transliterated, numbers as digits, digits that stand for letters.
``scripts``
    Folding for every script, and writing without spaces.
"""
