"""The pages: search at ``/``, and live figures at ``/live``.

Plain HTML, CSS and JavaScript modules in ``static/``, which ship with the package: nothing is
fetched from elsewhere, save posters from the origins that the settings name.

=============  ================================================================
``files``      the table of files, each with its ETag
``headers``    what pages may load and do: a strict Content-Security-Policy
``broadcast``  one reading of the figures for every client; a bound on clients
``events``     ``/live/events`` and ``/live/state``
``routes``     :func:`add_pages`: all of it on an application
=============  ================================================================
"""

from __future__ import annotations

from tv5core.server.pages.routes import add_pages

__all__ = ["add_pages"]
