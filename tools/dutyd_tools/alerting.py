"""Alerting: page people, and call the page off."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from dutyd.core.tool import Args, changes
from dutyd_tools.values import Route


class SendAlert(Args):
    """Arguments of ``send_alert``."""

    severity: Literal["critical", "error", "warning", "info"] = Field(description="How bad it is.")
    summary: str = Field(description="One line that says what is wrong.", min_length=1, max_length=300)
    details: str = Field("", description="What helps whoever is paged.", max_length=4000)
    to: Route = "default"


class ResolveAlert(Args):
    """Arguments of ``resolve_alert``."""

    alert: str = Field(description="The id that send_alert gave.", min_length=1, max_length=2000)
    summary: str = Field("", description="What is over, for people who read it.", max_length=300)
    to: Route = "default"


@changes("alerting", makes="alert", undo="resolve the alert; whoever was paged has been paged")
def send_alert(args: SendAlert) -> Mapping[str, Any]:
    """Page the people on call."""
    return args.model_dump(exclude_defaults=True)


@changes("alerting", makes="alert_resolution", of="alert", undo="send the alert again")
def resolve_alert(args: ResolveAlert) -> Mapping[str, Any]:
    """Call an alert off: what it was about is over."""
    return args.model_dump(exclude={"to"}, exclude_defaults=True)
