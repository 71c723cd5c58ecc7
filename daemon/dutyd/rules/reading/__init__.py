"""From nodes to rules: a reader for each part of a rule, and what it is held against."""
