"""Embedding spaces: who makes a catalogue's vectors.

Read in this order:

``text_embedding``
    ``TextEmbedding``: the embedder in charge, the titles that wait for it, when it is fitted.
``new_space``
    Embeds all titles into a new space beside the one that is served, then switches to it.
"""
