"""What is open and why: the latch of a rule and an entity, how it moves (``runner``), how far a sequence is
(``progress``), how both are kept at rest.
"""
