"""Events on their way to latches: ``topic`` finds the entity, ``view`` feeds windows and passes guards.

The hot path. ``timing`` is the same for what time alone brings.
"""
