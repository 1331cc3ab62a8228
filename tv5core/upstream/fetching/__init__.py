"""Calls to a provider over HTTP, within its limits and by their deadlines.

Read in the order a call takes:

- :mod:`.client`: :class:`~.client.ProviderClient`, the base of all clients; it owns a fetcher.
  :mod:`.call_options`: the keyword arguments of every client method.
- :mod:`.request`: :class:`~.request.Request` and :class:`~.request.Response`, the values that
  travel through the modules below.
- :mod:`.fetcher`: :class:`~.fetcher.Fetcher`, the entry: deadline, metrics, streams.
- :mod:`.single_flight`: identical calls in flight share one response.
- :mod:`.retries`: attempts, redirects and retries; :mod:`.retry_bounds` limits them.
- :mod:`.circuit_breaker`: fails calls fast while the provider is down.
- (:mod:`tv5core.upstream.limiting`: waits for a permit.)
- :mod:`.transport`: one HTTP request, with keys; :mod:`.target_guard` decides which hosts and
  addresses it may reach.
- :mod:`.response_body`: reads a body with bounds on its size.
- :mod:`.decoding`: JSON bodies into structs.
- :mod:`.metrics`: counts and timings of all of these.
"""
