"""The stand-in for a Chat Completions endpoint, honest about being one: the demo and the tests talk to it over HTTP.

* ``server``: the application; ``wire``: its answers, whole and streamed.
* ``checks``: it refuses what the real API refuses.
* ``policy``: what it says of its own accord; ``script``: what it is made to say, and the faults that it plays.
"""

from dutyd.embedded.standin.server import Standin, serve

__all__ = ["Standin", "serve"]
