"""The settings of an installation: one YAML file and ``DUTYD_*`` variables in, one frozen value out.

``cli`` loads them once per command, ``app`` wires with them. Every setting stands with its meaning in ``model`` and the
groups that it holds (``topics``, ``endpoint``, ``providers``, ``kafka``, ``outside``, ``working``); ``load`` merges and
checks, ``problems`` says in plain words what is wrong and where.
"""

from dutyd.settings.load import load_settings
from dutyd.settings.model import Settings

__all__ = ["Settings", "load_settings"]
