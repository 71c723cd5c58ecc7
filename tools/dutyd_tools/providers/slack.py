"""Slack (incoming webhook): the provider behind ``notify`` for one channel.

A webhook knows no key and can't be asked, so it is class C: what to do when nobody heard the answer is the rule's
``if_unsure``. Its address is its secret. What an event says is escaped: it can't call the channel by ``<!channel>``.

Facts: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (the answer ``ok``; errors are a status
and one word: ``invalid_payload``, ``no_service``, ``action_prohibited``, ``channel_is_archived``, ...);
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks (400, 403, 404, 410, and 500 only for
what nobody understands); https://docs.slack.dev/apis/web-api/rate-limits (one message a second, short bursts, 429 with
``Retry-After``); https://docs.slack.dev/messaging/formatting-message-text (``&``, ``<`` and ``>`` are escaped).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import httpx2
from pydantic import Field

from dutyd.core.expr import look_in
from dutyd.core.secrets import cut, quoted
from dutyd.core.tool import Promise, Provider, ProviderClass, Receipt, RefusedError, UnknownOutcomeError
from dutyd_tools.providers.connection import HttpSettings, open_api
from dutyd_tools.providers.http import JSON, Manners, Request
from dutyd_tools.providers.settings import read_settings
from dutyd_tools.providers.shape import Text, check_names, names_for, whole_text

MAKES = "message"
MOST_TEXT = 40_000
"""Characters that Slack shows of a message; it cuts the rest."""

BUSY_SECONDS = 1.0  # after a 429 that does not say for how long

ADVICE: Mapping[str, str] = {
    "no_service": "the webhook was taken away: make a new one",
    "no_team": "the workspace is gone: make a new webhook",
    "no_active_hooks": "the webhook was switched off: make a new one",
    "channel_not_found": "the channel is gone: make a webhook of another",
    "channel_is_archived": "the channel is archived: make a webhook of another",
    "action_prohibited": "the workspace's owners forbid it",
}
"""What a person does about Slack's own word for a no."""


class SlackSettings(HttpSettings):
    """Settings of the kind ``slack``.

    Attributes:
        text: the message; ``*subject*`` on a line of its own before the text, unless this says another.

    """

    text: Text | None = Field(None)


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Slack(read_settings("slack", SlackSettings, settings, _problems))


class Slack:
    """The channel behind a webhook."""

    per_minute = 60.0
    """One message a second (``core.tool.Paced``)."""

    def __init__(self, settings: SlackSettings) -> None:
        self._settings = settings
        self._api = open_api(settings, Manners(_words, BUSY_SECONDS), secret=True)

    def promise_of(self, kind: str) -> Promise | None:
        """Return class C for a message, nothing else."""
        return Promise(ProviderClass.C, timeout=self._settings.timeout, searchable=False) if kind == MAKES else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Post a ``message``; its id is our key, for Slack gives none.

        Raises:
            RefusedError: Slack said no; a person may have to make another webhook.
            NotSentError: it never left, or there are too many now.
            UnknownOutcomeError: it may have been posted.

        """
        if kind != MAKES:
            raise RefusedError(f"a webhook of Slack's makes no {kind}, only {MAKES}")
        content = json.dumps({"text": self._text(key, body)}).encode()
        response = await self._api.send(Request("POST", "", content, JSON))
        if response.text.strip() != "ok":
            raise UnknownOutcomeError(f"{self._api.url} did not say ok: {quoted(response.text)}")
        return Receipt(key, {})

    async def lookup(self, kind: str, key: str) -> None:
        """Return None: a webhook can't be asked."""

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:
        """Refuse: there is nothing to read."""
        raise RefusedError(f"a webhook of Slack's can't be asked for {kind}")

    async def check(self) -> str:
        """See whether a connection is taken; whether the webhook still is one only a message could show."""
        await self._api.reach()
        return f"{self._api.url} takes connections; whether the webhook still is one only a message could show"

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    def _text(self, key: str, body: Mapping[str, Any]) -> str:
        said = {name: _escaped(value) if isinstance(value, str) else value for name, value in body.items()}
        if self._settings.text is not None:
            return cut(whole_text(self._settings.text, look_in({**said, "key": key})) or "", MOST_TEXT)
        subject = f"*{said['subject']}*\n" if said.get("subject") else ""
        return cut(f"{subject}{said.get('text', '')}", MOST_TEXT)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _words(response: httpx2.Response) -> str:
    """Return Slack's word with what to do about it."""
    word = response.text.strip()
    return f"{word} ({ADVICE[word]})" if word in ADVICE else ""


def _problems(settings: SlackSettings) -> Iterator[str]:
    if settings.text is not None:
        yield from check_names("text", settings.text, names_for(MAKES, ()))
