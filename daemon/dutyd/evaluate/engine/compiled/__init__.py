"""What rules become before the first event: conditions, guards and cut lists, generated code, aggregates; the ``Plan``.

Pure and frozen; made once per set of rules, shared by all tasks. Everything else of the engine stands on it.
"""
