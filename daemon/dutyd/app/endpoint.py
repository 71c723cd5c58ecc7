"""From the settings' ``model`` to the endpoint that the agent's client asks.

A module of its own because the client takes a second to import: only who has a model imports this.
"""

from dutyd.act.agent.client import Endpoint
from dutyd.act.agent.model import Price
from dutyd.settings.endpoint import ModelSettings


def endpoint_of(model: ModelSettings) -> Endpoint:
    """Return the endpoint of *model*.

    Raises:
        SettingsError: its key can't be read.

    """
    key, price = model.api_key(), model.price
    return Endpoint(
        base_url=model.base_url,
        key=key.get_secret_value() if key else "none",
        name=model.name,
        price=Price(price.input, price.output) if price else None,
    )
