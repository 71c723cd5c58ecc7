"""The settings of the systems behind the tools: one provider for each family, and further routes to others.

Part of ``model``. What a kind needs beyond these is its adapter's business, so all other keys are kept for it
(``options``) and judged there.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dutyd.settings.group import Group
from dutyd.settings.values import Alias


class RouteSettings(BaseModel):
    """Another way to a system behind the same tools, which rules name by `to`; see [providers](providers.md)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str | None = None
    """Which adapter talks to it. Default: the provider's. A route of the same kind has the provider's settings but for
    those that stand here (whole, not merged; `""` takes one away); a route of another kind begins with none."""
    per_minute: Annotated[float, Field(gt=0)] | None = None
    """As the provider's, and by default the provider's."""


class ProviderSettings(BaseModel):
    """The system behind a family of tools: its kind, and whatever that kind needs; see [providers](providers.md)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str
    """Which adapter talks to it: `alertmanager`, `prometheus`, `rest`, `webhook` and others. `backoffice` is the
    built-in stand-in; packages can add more."""
    per_minute: Annotated[float, Field(gt=0)] | None = None
    """How many requests a minute are sent at most with these credentials, by all processes together; what waits goes on
    by itself. Routes to the same system with the same credentials share it, and of several limits the lowest counts.
    Not set: what the system publishes (Slack: 60), else no limit of dutyd's own. A 429 is obeyed in any case."""
    routes: Mapping[Alias, RouteSettings] = {}
    """Further systems behind the same tools, by the name that rules use in `to`. The settings beside it are the route
    `default`."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Everything that is for the adapter."""
        return self.model_extra or {}

    def pace(self, route: str) -> float | None:
        """Return the limit of *route* a minute; an empty name is the provider itself."""
        own = self.routes[route].per_minute if route else None
        return own or self.per_minute

    def route(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return the kind and the options of the route *name*; an empty name is the provider itself."""
        if not name:
            return self.kind, self.options
        route = self.routes[name]
        kind = route.kind or self.kind
        inherited = self.options if kind == self.kind else {}
        options = {**inherited, **(route.model_extra or {})}
        return kind, {option: value for option, value in options.items() if value != ""}


class ProvidersSettings(Group):
    """The systems behind the tools. A family that is not set uses the embedded back office, and says so."""

    alerting: ProviderSettings | None = None
    """Behind `send_alert` and `resolve_alert`."""
    ticketing: ProviderSettings | None = None
    """Behind the ticket tools."""
    purchasing: ProviderSettings | None = None
    """Behind the purchase order tools."""
    stock: ProviderSettings | None = None
    """Behind `check_stock_levels` and `predict_demand`."""
    notify: ProviderSettings | None = None
    """Behind `notify`."""
    metrics: ProviderSettings | None = None
    """Behind `query_metrics`."""
