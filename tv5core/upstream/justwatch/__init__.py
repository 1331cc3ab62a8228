"""JustWatch's unofficial GraphQL API, off by default.

Read in this order:

- :mod:`.provider`: JustWatch's address and limits.
- :mod:`.client`: :class:`~.client.JustWatch`, one method per query.
- :mod:`.queries`: the GraphQL of the queries.
- :mod:`.types`: the responses as structs.
- :mod:`.mapping`: responses as titles and offers.
"""
