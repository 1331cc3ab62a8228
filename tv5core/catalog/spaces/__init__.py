"""Embedding spaces: who makes a catalogue's vectors.

Read in this order:

``text_embedding``
    ``TextEmbedding``: the embedder in charge, the titles that wait for it, whether texts can be
    searched.
``pending``
    The titles that wait, in blocks.
``fitting``
    When the default embedder is fitted, in the background or not, and what follows a failure.
``unfinished_fit``
    What is known of a fit that is due or failed, kept over reopening.
``new_space``
    Embeds all titles into a new space beside the one that is served, then switches to it.
``second_space``, ``second_index``
    Another embedding that searches weigh beside the first: its embedder and titles; its graph.
"""
