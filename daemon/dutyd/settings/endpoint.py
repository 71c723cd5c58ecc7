"""The settings of the model's endpoint: where it is, which model is asked there, and what it costs.

Part of ``model``; ``app.endpoint`` opens a client with them.
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from dutyd.settings.group import Group
from dutyd.settings.values import http_url, read_secret


class PriceSettings(Group):
    """What the model costs."""

    input: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens that are sent."""
    output: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens that come back."""


class ModelSettings(Group):
    """The model endpoint. Without `model` no model is asked: decided steps take their `fallback`."""

    base_url: Annotated[str, AfterValidator(http_url)]
    """The endpoint of the Chat Completions API, up to `/v1`. No default: where a company's events go is its choice."""
    name: Annotated[str, Field(min_length=1)] = "kimi-k2.6"
    """The model's id at that endpoint. Vendors retire ids: a worker's start and `dutyd doctor` ask which there are, and
    say so before an incident does."""
    api_key_env: str | None = None
    """The environment variable that holds the API key."""
    api_key_file: Path | None = None
    """The file that holds the API key (a mounted secret)."""
    price: PriceSettings | None = None
    """Not set: costs are not known, and `usd` budgets do not limit."""

    def api_key(self) -> SecretStr | None:
        """Return the key, None where none is named; raises SettingsError where it can't be read."""
        return read_secret("model.api_key", file=self.api_key_file, env=self.api_key_env)
