"""The settings of what others see and hear of a running dutyd: HTTP, the heartbeat, and its own notices.

Part of ``model``; ``app`` starts what they name.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from dutyd.settings.group import Group
from dutyd.settings.values import Duration, secret_http_url


class TokenSettings(Group):
    """A bearer token of the HTTP API, under the name that its decisions are written down with."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, hex; the token itself is never written here. Make it long and random."""
    may: Literal["view", "decide"] = "view"
    """`view` reads incidents, effects and approvals; `decide` approves, denies, edits and handles incidents, too,
    within the policy's `approvers`."""


class HttpSettings(Group):
    """Probes, metrics and the API over HTTP: `/startupz`, `/healthz`, `/readyz`, `/metrics`, `/api`."""

    host: str = "127.0.0.1"
    """Where to listen. This machine only, because the pages are open to whoever reaches them; in a container `0.0.0.0`.
    """
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port; 0 takes a free one and logs it."""
    tokens: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$")], TokenSettings] = {}
    """Who may use the API. None: there is no API."""


class HeartbeatSettings(Group):
    """A dead man's switch: an address that is called while evaluation moves. Whoever watches it pages when it stops."""

    url: Annotated[SecretStr, AfterValidator(secret_http_url)]
    """What is called, with GET; any answer below 400 counts. Such addresses are secrets: it is never logged."""
    every: Annotated[Duration, Field(ge=1)] = 60.0
    """How often. Let the receiver wait for three times as long before it pages: one call may get lost."""


class NoticesSettings(Group):
    """dutyd's own notices to the people who run it: budget at 80 %, parked effect, rejected rules, and the like."""

    to: Annotated[str, Field(min_length=1, max_length=200)]
    """Who is told, through the provider of the family `notify`: a name that it knows, or an address."""
