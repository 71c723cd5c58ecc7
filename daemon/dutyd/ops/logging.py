"""Logs: one line an event, JSON for machines, readable on a terminal, without secrets.

``configure_logging`` is called once, by the command line. Parts log through ``structlog.get_logger()`` with plain words
and ``key=value`` context (``incident=``, ``rule=``); what libraries say at WARNING and above comes out the same way.
Logs go to standard error: standard output belongs to what a command was asked for.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from dutyd.core.secrets import masked

Fields = MutableMapping[str, Any]

# Tracebacks become fields before secrets are masked, because their texts hold addresses; without local variables, which
# would fill pages, and hold secrets.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_CONSOLE = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
_SECRET_NAME = re.compile(r"password|secret|token$|api_key|authorization|credential", re.IGNORECASE)
_CHATTY = ("httpx2", "httpcore2", "openai", "redis", "asyncio", "uvicorn", "watchfiles")


def configure_logging(level: int = logging.INFO) -> None:
    """Set up logging for this process; *level* is for dutyd's own events."""
    terminal = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = (
        [structlog.processors.format_exc_info, mask_secrets, _CONSOLE]
        if terminal
        else [_TRACEBACKS, mask_secrets, _in_order, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _adopt_libraries(shared, ending)


def _adopt_libraries(shared: list[Processor], ending: list[Processor]) -> None:
    """Let the loggers of libraries speak through ours, at WARNING and above."""
    own = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[own, *ending],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def mask_secrets(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Replace values that are secrets by their name, and each secret inside a text, by ``***``."""
    for name, value in fields.items():
        fields[name] = _masked(name, value)
    return fields


def _masked(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return "***"
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", each) for each in value]
    return value


def _in_order(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Put first what people look for first."""
    first = {name: fields[name] for name in ("timestamp", "level", "event") if name in fields}
    return {**first, **{name: value for name, value in fields.items() if name not in first}}
