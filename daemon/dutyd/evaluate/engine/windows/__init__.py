"""What is remembered of an entity beside its latches: sliding windows as panes, the event before, timers."""
