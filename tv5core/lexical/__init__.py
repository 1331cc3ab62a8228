"""Search by words: postings, a dictionary of terms, scores. Empty until search by words is built.

Will hold what a segment needs to answer words, prefixes and misspelt words. It imports the ground
layers, ``kernels`` and ``analysis`` only; ``query`` joins it with the other engines.
"""
