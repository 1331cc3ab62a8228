"""Calls to a provider over HTTP, within its limits and by their deadlines.

A client derives from :class:`~.client.ProviderClient` (:mod:`.client`), which owns a fetcher; its
methods take the keyword arguments in :mod:`.call_options`, its ``open`` those in
:mod:`.fetcher_options`. Read in the order of a call:

1. :mod:`.fetcher`: :class:`~.fetcher.Fetcher`, the entry: URL, deadline, streams.
2. :mod:`.single_flight`: identical calls in flight share one response.
3. :mod:`.retries`: retries, and one attempt with its redirects; :mod:`.retry_bounds` limits them.
4. :mod:`.circuit_breaker`: calls fail at once while the provider is down.
5. :mod:`tv5core.upstream.limiting.scheduler`: waits for a permit to send.
6. :mod:`.transport`: sends one HTTP request, with keys.
7. :mod:`.response_body`: reads a body with bounds on its size; :mod:`.gzip_stream` decompresses
   it, and :mod:`.pacing` lets other calls run meanwhile.
8. :mod:`.decoding`: converts JSON into structs, for the client. :mod:`.lenient` leaves out what
   cannot be converted, and :mod:`.omissions` counts it.

:mod:`.request` holds the values that travel along this way, :mod:`.metrics` counts and times
calls, and :mod:`.target_guard` decides which hosts and addresses may be reached.
"""
