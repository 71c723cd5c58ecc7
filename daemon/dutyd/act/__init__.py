"""Act: triggers to effects. ``path`` is the screen to read; ``gateway`` and ``steps`` decide and are pure."""
