"""TMDB's API, version 3, and its daily exports.

Read in this order:

- :mod:`.provider`: TMDB's addresses, limits and keys.
- :mod:`.client`: :class:`~.client.Tmdb`, one method per endpoint; :mod:`.arguments` validates what
  they take.
- :mod:`.changes`: changed ids over any number of days; :mod:`.exports`: all ids of a day.
- :mod:`.types` and :mod:`.details`: the responses as structs.
- :mod:`.api_errors`: TMDB's error codes as exceptions.
- :mod:`.mapping`: responses as titles and offers.
"""
