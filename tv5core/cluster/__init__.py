"""Shards: a catalogue's titles spread over processes and machines, searched as one.

The truth is somewhere else: a writer's catalogue, or what it publishes. Shards are derived from it,
follow it, and can be thrown away; there is no quorum, fencing or promotion here. What shards and
the coordinator do is plain Python; Ray places, starts and reaches the shards.

``placement``
    Which shard a title belongs to.
``part``
    The titles of one shard, in a catalogue of their own that follows the truth.
``questions``, ``answering``, ``planning``
    What planning asks of all titles; what a shard answers; a text planned for all shards.
``messages``
    What travels between them.
``shard``
    Answers for one part.
``rounds``, ``results``
    A message to every shard; what an answer says of shards.
``merging``, ``searching``
    Candidates of all shards put together; one search, round by round.
``coordinator``
    Answers for all shards. Start here.
"""
