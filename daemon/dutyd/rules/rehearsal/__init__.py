"""Rules tried out without the world: on histories, on one event, against the live state."""
