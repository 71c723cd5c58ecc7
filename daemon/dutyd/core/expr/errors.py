"""The one error of the expression language: what is wrong, at which column, and what to write instead.

Raised by the lexer, the parser, the checker and the template reader; ``rules.load`` turns it into a problem with
file, line and caret. A module of its own because all four raise it and none of them owns it.
"""

from collections.abc import Sequence

from dutyd.core.errors import WrongError, nearest

Path = tuple[str | int, ...]
"""Where in a template of lists and objects a text stands: keys and 0-based indexes; empty for a plain text."""


class ExpressionError(WrongError):
    """An expression or a template can't be used.

    Attributes:
        message: what is wrong, in one clause without a full stop.
        column: where in the text, from 1.
        hint: what to do about it; never empty.
        path: which text of a template of lists and objects; empty for a plain one.

    """

    def __init__(self, message: str, column: int, hint: str, path: Path = ()) -> None:
        super().__init__(f"{message} (column {column}): {hint}")
        self.message = message
        self.column = column
        self.hint = hint
        self.path = path


def near(name: str, valid: Sequence[str]) -> str:
    """Return ``did you mean 'x'?`` for the valid name nearest to *name*, in any case of letters, or an empty text."""
    found = nearest(name, tuple(valid)) or nearest(name.lower(), tuple(valid))
    return found.removeprefix("; ")
