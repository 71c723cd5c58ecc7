"""``dutyd demo``: four scenes on real parts, with numbers.

``stage`` starts the servers and the daemon, ``scenes`` plays and counts, ``rules`` holds the one rule file that is not
a shipped sample. Everything is embedded and labelled as such; ``--stream`` plays the same on a given broker.
"""
