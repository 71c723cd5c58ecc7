"""The settings of an installation: one YAML file and ``DUTYD_*`` variables in, one frozen value out.

``cli`` loads them once per command, ``app`` wires with them. ``model`` has every setting with its meaning, ``load``
merges and checks, ``problems`` says in plain words what is wrong and where. A package of its own because these three
change for different reasons.
"""

from dutyd.settings.load import load_settings
from dutyd.settings.model import Settings

__all__ = ["Settings", "load_settings"]
