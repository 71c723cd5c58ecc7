"""Topics: where events come from, and where triggers, outcomes and dead letters go."""
