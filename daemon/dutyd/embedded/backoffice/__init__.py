"""The embedded back office: a small real system that effects can reach where no provider is configured.

Tickets, purchase orders, alerts and messages over HTTP and SQLite, with idempotency keys honoured as good providers
honour them, local data for the reading tools, and faults on demand, so that the demo's effects can be looked at and
crash tests can prove that nothing happened twice. ``dutyd backoffice`` calls ``serve``; the demo and the daemon serve
``app`` in a thread (``embedded.loopback``).

* ``server``: the application: routes, and what each answers.
* ``door``: what a request meets first: it is counted, a key in flight is turned away, a fault is played.
* ``kinds``: what can be made here; ``entries``: made, once per key; ``data``: stock, demand and samples.
* ``database``: the one SQLite connection; ``page``: everything as one page for people.
"""

from dutyd.embedded.backoffice.server import app, serve

__all__ = ["app", "serve"]
