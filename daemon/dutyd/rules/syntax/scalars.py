"""What a plain scalar means in YAML 1.2's core schema: null, true, 12, 0x1F, 1.5; everything else is text.

``yaml_reader`` resolves each scalar once. ``yes``, ``on``, dates and times are text here, as YAML 1.2 says.
"""

import re

_WORDS: dict[str, bool | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_EXACT_DIGITS = 18  # longer whole numbers are doubles anyway

ScalarValue = str | int | float | bool | None


def resolve(text: str) -> ScalarValue:
    """Return the value of the plain scalar *text*; infinite and NaN ones too: the caller refuses them."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0].isalpha():  # most scalars: no number begins with a letter
        return text
    if _BASED.fullmatch(text) and len(text) <= _EXACT_DIGITS:
        return int(text, 0)
    if _WHOLE.fullmatch(text) and len(text) <= _EXACT_DIGITS:
        return int(text)
    if _FLOAT.fullmatch(text) or _ENDLESS.fullmatch(text):
        return float(text.replace(".", "", 1) if text[-1].isalpha() else text)
    return text
