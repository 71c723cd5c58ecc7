"""The settings of the work itself: how workers share incidents, and how long incidents wait for people and answers.

Part of ``model``; ``app.acting`` gives them to the worker.
"""

from typing import Annotated

from pydantic import Field

from dutyd.settings.group import Group
from dutyd.settings.values import Duration


class WorkerSettings(Group):
    """How the worker shares incidents with other processes, and how it stops."""

    lease: Annotated[Duration, Field(ge=1)] = 15.0
    """How long a worker that stopped answering keeps an incident. Others go on with it after this; shorter takes a long
    pause of the machine for a death."""
    drain: Annotated[Duration, Field(ge=0)] = 20.0
    """How long running incidents may take to come to rest after SIGTERM; others go on with what is left then. Whoever
    stops the process should wait 25 s longer: for the last writes, and for leaving the groups."""
    sweep_per_minute: Annotated[float, Field(ge=0, le=600)] = 30.0
    """How many done effects a minute are held against their systems once these must know, by all workers together: what
    is missing or double there is a breach that people are told of; what could not be asked about in a day is let go. 0:
    none."""


class WaitsSettings(Group):
    """How long incidents wait for others."""

    approval: Annotated[Duration, Field(ge=1)] = 86_400.0
    """How long a call waits for a person's yes; then it is denied. A day covers a night, not a weekend."""
    remind: Annotated[Duration, Field(ge=1)] = 3_600.0
    """How long such a call waits until `notices.to` is told again; then each time after twice as long."""
    answer: Annotated[Duration, Field(ge=0)] = 86_400.0
    """How long a step that reads is asked again while its system gives no answer. Then it has failed, what needs it is
    not done, and people are told. The step's `retry` may end it sooner, and with `on_error: continue` it is 2 s."""
