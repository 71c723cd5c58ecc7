"""The tools that are installed: dutyd's own and those of other packages, from the entry points ``dutyd.tools``.

Apart from ``world`` because ``rules check`` needs nothing else, and is run on every save.
"""

from importlib.metadata import entry_points

from dutyd.core.errors import SettingsError
from dutyd.core.tool import Catalogue, Tool


def installed_tools() -> Catalogue:
    """Return every installed tool by name.

    Raises:
        SettingsError: two packages bring a tool of the same name.

    """
    found: dict[str, Tool] = {}
    for point in sorted(entry_points(group="dutyd.tools"), key=lambda point: point.name):
        for tool in point.load():
            if tool.name in found:
                raise SettingsError(f"two packages bring a tool '{tool.name}': uninstall one ({point.value})")
            found[tool.name] = tool
    return found
