"""The tools that come with dutyd, and the providers behind them: what users extend.

One file per subject; each tool is a typed function with a pydantic model of its arguments, made a tool by the
decorators of ``dutyd.core.tool``. The rule checker, the model's function schemas and the docs come from that one
definition. Another package adds tools by the entry point ``dutyd.tools`` (a sequence of ``Tool``) and providers by
``dutyd.providers`` (a function from settings to ``Provider``), exactly as this one does.
"""

from dutyd.core.tool import Tool
from dutyd_tools.alerting import resolve_alert, send_alert
from dutyd_tools.metrics import query_metrics
from dutyd_tools.notification import notify
from dutyd_tools.purchasing import draft_purchase_order, place_purchase_order
from dutyd_tools.runbooks import search_runbooks
from dutyd_tools.stock import check_stock_levels, predict_demand
from dutyd_tools.ticketing import comment_ticket, create_ticket, search_tickets

TOOLS: tuple[Tool, ...] = (
    send_alert,
    resolve_alert,
    create_ticket,
    comment_ticket,
    search_tickets,
    check_stock_levels,
    predict_demand,
    draft_purchase_order,
    place_purchase_order,
    notify,
    search_runbooks,
    query_metrics,
)
"""Every tool of this package."""

__all__ = ["TOOLS"]
