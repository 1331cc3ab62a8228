"""The routes: what may be asked, and what is answered.

================  ==================================================================
``queries``       types of parameters
``bodies``        types of bodies
``answers``       types of answers
``parameters``    parameters and bodies to those types, with errors that name them
``calls``         :class:`Call` and :class:`Reply`: what handlers take and return
``replies``       replies to responses
``routing``       :class:`Route`: one row of the table; routes on an application
``health``        ``/healthz`` and ``/readyz``
``searching``     searches and suggestions
``titles``        a title, and where to watch it
``lists``         lists, similar titles, recommendations
``upstream``      what the providers' limits have left
``admin``         warm, statistics, invalidation
``invalidation``  which keys an event touches
``hooks``         events of providers
``problem_type``  the type of problems
``openapi``       the description of all routes, made of their types
``docs``          the same as a page
``describing``    the routes of both
``routes``        the table of all routes
================  ==================================================================
"""

from __future__ import annotations

__all__: list[str] = []
