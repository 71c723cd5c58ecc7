"""What ``rules check`` and ``rules test`` hold files against; without settings nothing but the tools is needed for it.

These commands run on every save, so the clients of Redis and the broker are imported only where settings are named.
"""

from pathlib import Path

from dutyd.app.catalogue import installed_tools
from dutyd.rules.known import Known


def what_is_known(settings: Path | None) -> Known:
    """Return the installed tools, and topics and policy where *settings* names a file."""
    if settings is None:
        return Known(installed_tools())
    from dutyd.cli.places import open_world

    with open_world(settings) as world:
        return world.known
