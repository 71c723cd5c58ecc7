"""The systems behind the tools: one module per kind, each with ``connect(settings) -> Provider``.

What a provider makes and answers (``Provider.create``, ``Provider.read``), so that another one can take its place:

* alerting makes ``alert`` and ``alert_resolution``; ticketing ``ticket`` and ``comment``; purchasing
  ``purchase_order`` and ``placement``; notify ``message``. The bodies are those of the tools.
* ticketing reads ``tickets`` (query, project): a list of objects with id, project, kind, title, body, priority,
  status, oldest first.
* stock reads ``stock`` (sku, location): a list of objects with sku, location, inventory_level, on_order; and
  ``demand`` (sku): a list of objects with day (``2026-01-31``) and quantity.
* metrics reads ``samples`` (metric, labels, minutes): a list of objects with time and value, oldest first.
* runbooks reads ``runbooks`` (query): a list of objects with page, heading, text, best first.

Shared by those that speak HTTP: ``http`` (requests, and what each answer means), ``connection`` (address, login,
certificates), ``shape`` (requests and answers as templates in the settings). ``rows`` holds the reads above as values.

A question whose value is None was not narrowed by it; nothing found is an empty list. ``tests/contract`` holds the
suite that every provider passes.
"""
