"""What a secret looks like in a text, and how it is taken out: one piece for logs and for what a model is told.

A text goes in and comes back with each secret replaced by a mark, with their number. Tokens are known by their form;
those that have none are known because the settings hold them (``Known``). Called by ``ops.logging`` and by
``act.agent.masking``. What is left of a secret that was cut is found by nobody: so who cuts a text does it by ``cut``
here, before which a secret is whole and after which it is gone.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 6
"""Characters: a known secret that is shorter would be found inside ordinary words, and is left alone."""

# Each ends where it can't go on, so that hostile text costs no more than its length.
_FORMS: Final = (
    r"(?<=://)[^/\s@\"]+(?=@)",  # the login in an address
    r"(?i:(?<=\bbearer ))[^\s\"<]{6,}",
    r"(?<![A-Za-z0-9_])sk-[A-Za-z0-9_-]{16,}",  # model hosts
    r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{8,}",  # Slack
    r"(?<=hooks\.slack\.com/services/)[^\s\"<]+",
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])",  # AWS
    r"(?<![A-Za-z0-9])gh[a-z]_[A-Za-z0-9]{36,}",  # GitHub
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",  # JSON web tokens
    # With real line breaks or with those of JSON, and also where its end was cut off.
    (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
        r"(?:[A-Za-z0-9+/=\s\\:,.-]*?-----END [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9+/=\s\\:,.-]*)"
    ),
)
_LOOKS_SECRET: Final = re.compile("|".join(_FORMS))


class Known:
    """The secrets that the settings hold; it shows none of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the *secrets* that are long enough to be told from words."""
        plain = {secret for secret in secrets if len(secret) >= SHORTEST}
        forms = plain | {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in plain}
        forms |= {form.replace("<", "&lt;") for form in forms}
        # The longest first: a secret that holds another goes whole.
        every = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._patterns = (re.compile(every), _LOOKS_SECRET) if every else (_LOOKS_SECRET,)

    def mask(self, text: str, mark: str) -> tuple[str, int]:
        """Return *text* with *mark* in place of each known secret and of what looks like one, and their number."""
        found = 0
        for pattern in self._patterns:
            text, number = pattern.subn(lambda _: mark, text)
            found += number
        return text, found

    def cut(self, text: str, limit: int, mark: str = "") -> str:
        """Return *text*, cut to *limit* characters with *mark* as its last where it is longer.

        A secret that the cut would go through is left out whole.
        """
        if len(text) <= limit:
            return text
        end = max(limit - len(mark), 0)
        while (begins := min(_begin_of(pattern, text, end) for pattern in self._patterns)) < end:
            end = begins
        return text[:end] + mark[:limit]


def _begin_of(pattern: re.Pattern[str], text: str, end: int) -> int:
    """Return where the secret begins that the place *end* is in; *end* where it is in none."""
    after = (match.start() for match in pattern.finditer(text) if match.end() > end)
    return min(next(after, end), end)


NOTHING_KNOWN: Final = Known()
"""Knows secrets by their form alone."""


class _Process:
    """What this process knows: a secret is one wherever its text comes by, also where nobody can hand it on."""

    known = NOTHING_KNOWN


def keep(known: Known) -> None:
    """Let all of this process know the secrets that *known* does: called once, when the settings are read."""
    _Process.known = known


def masked(text: str, mark: str = "***") -> str:
    """Return *text* with *mark* in place of each secret."""
    return _Process.known.mask(text, mark)[0]


def cut(text: str, limit: int, mark: str = "") -> str:
    """Return *text*, cut to *limit* characters, *mark* included, where it is longer; never within a secret."""
    return _Process.known.cut(text, limit, mark)


def quoted(text: str, limit: int = 300) -> str:
    """Return what a message repeats of somebody else's words: one line, at most *limit* characters, no secrets."""
    return " ".join(masked(text).split())[:limit]
