"""``dutyd rules schema``: the JSON Schema of rule files, for editors.

A file that begins with ``# yaml-language-server: $schema=PATH`` is completed and checked by every editor with the YAML
language server.
"""

from dutyd.cli.render import print_json


def schema() -> None:
    """Print the JSON Schema of rule files, with the tools that are installed."""
    from dutyd.app.catalogue import installed_tools
    from dutyd.rules.schema import rule_schema

    print_json(rule_schema(installed_tools()))
