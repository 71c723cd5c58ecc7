"""``rules/tests/*.yaml``: read, played, judged, reported."""
