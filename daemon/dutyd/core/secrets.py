"""What a secret looks like in a text, and how it is taken out: one piece for logs and for what a model is told.

A text goes in and comes back with each secret replaced by a mark, with their number. Tokens are known by their form;
those that have none are known because the settings hold them (``Known``). Called by ``ops.logging`` and by
``act.agent.masking``.
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
        self._pattern = re.compile(every) if every else None

    def mask(self, text: str, mark: str) -> tuple[str, int]:
        """Return *text* with *mark* in place of each known secret and of what looks like one, and their number."""
        text, known = self._pattern.subn(lambda _: mark, text) if self._pattern else (text, 0)
        text, alike = _LOOKS_SECRET.subn(mark, text)
        return text, known + alike


NOTHING_KNOWN: Final = Known()
