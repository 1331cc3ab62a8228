"""The gateway: a catalogue, its cache and its providers over HTTP, for the users of a service.

``tv5 serve`` runs it; nothing in tv5core imports it. One process holds one :class:`Resources`, and
``make_app`` makes an aiohttp application of it. The modules, in reading order:

===================  ================================================================
``settings``         :class:`Settings`: everything that can be set, checked
``setting_sources``  settings from a file, the environment and the command line
``type_words``       types in words, for messages
``resources``        what a process holds open: catalogue, cache, providers
``providers``        clients of providers, and who keeps their limits
``event_sources``    where events come from that say what has changed, and what they invalidate
``policies``         what is cached of providers, and for how long
``writing``          who stores titles, and how
``errors``           errors of requests, besides those of the library
``problems``         one table: error to status; errors as RFC 9457 problems
``app``              :func:`make_app`: routes and middlewares
``middlewares``      request ids, errors as problems
``client_limits``    how often a client may ask
``protection``       bounded concurrency and time, tokens, CORS, compression
``reuse``            answers as bytes, given again while nothing changed
``jobs``             jobs with progress, one at a time
``degradation``      full, cached, static, none: what is answered where sources fail
``api``              routes: typed requests and answers
``observing``        the middleware that measures and traces every request
``measuring``        what keeps the figures of a process current
``tracing``          spans of requests and stages; W3C context in and out
``operations``       alerts, where they go, and a dashboard
``metrics``          what is measured, and what the live page shows of it
``pages``            the search page and the live page
``logs``             structured logs, one line a request
``process``          supervisor, workers, the one that writes; :func:`~.process.serving.serve`
``readiness``        before a demonstration: warm by a plan, and a checklist
===================  ================================================================
"""

from __future__ import annotations

__all__: list[str] = []
