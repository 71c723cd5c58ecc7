"""What is open and why: the latch of a rule and an entity, how it moves (``runner``), how it is kept at rest."""
