"""Evaluate: topics to triggers. ``path`` is the screen to read; ``engine`` decides and is pure."""
