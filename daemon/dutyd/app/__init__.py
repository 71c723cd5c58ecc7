"""Wiring: settings in, a running dutyd out.

``world`` opens what the settings name (servers, tools, rules) and closes it again; ``service`` starts the roles of one
process, in order, and stops them; ``idle`` knows when there is nothing left to do; ``publish`` writes events as
producers do. The only package that knows every part.
"""
