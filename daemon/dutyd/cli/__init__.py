"""The ``dutyd`` program: parses, calls, prints.

One module per command group; ``program`` puts them together, ``options`` has what they share, ``places`` opens what the
settings name, ``render`` prints tables and JSON, ``failures`` turns errors into one message and an exit code. Commands
import what they need when they run, so that ``dutyd --help`` is there at once.
"""

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the program with the process's arguments and exit: 0 fine, 1 findings, 2 bad rule, 3 usage or settings."""
    from dutyd.cli.failures import FailureReport
    from dutyd.cli.program import program

    # Wherever --debug stands: it is added at the end of a line that has just failed.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1 or bool(os.environ.get("DUTYD_DEBUG"))
    try:
        code = program()(args=arguments, prog_name="dutyd", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the one boundary between the program and a person
        code = FailureReport(debug=debug).tell(error)
    sys.exit(code or 0)
