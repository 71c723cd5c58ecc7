"""Values and pure functions that every part shares: no clock, no I/O, no randomness."""
