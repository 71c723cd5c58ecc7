"""Which of a provider's systems a call takes."""

import pytest

from dutyd.core.route import Routes, no_route, route_of
from dutyd.core.tool import UNPROMISED, NotSentError, RefusedError
from dutyd_tools.alerting import send_alert
from dutyd_tools.notification import notify
from dutyd_tools.providers.backoffice import connect

HERE, THERE = connect({"url": "http://127.0.0.1:9"}), connect({"url": "http://127.0.0.1:9"})


@pytest.mark.parametrize(
    ("to", "names", "route"),
    [
        (None, {"dba"}, "default"),
        ("default", {"dba"}, "default"),
        ("dba", {"dba"}, "dba"),
        ("dbas", {"dba"}, None),
        ("dba", set(), None),
        ("dba@example.com", {"dba"}, None),
        (7, {"dba"}, None),
    ],
)
def test_a_route_is_one_of_its_family(to: object, names: set[str], route: str | None) -> None:
    assert route_of(send_alert, to, names) == route


@pytest.mark.parametrize(
    ("to", "names", "route"),
    [
        ("dba", {"dba"}, "dba"),
        ("dbas", {"dba"}, None),
        ("dba@example.com", {"dba"}, "default"),
        ("#dba", {"dba"}, "default"),
        ("dbas", set(), "default"),
    ],
)
def test_a_tool_that_takes_addresses_gives_them_to_the_default_route(
    to: str, names: set[str], route: str | None
) -> None:
    assert route_of(notify, to, names) == route


def test_a_call_goes_where_its_argument_says() -> None:
    routes = Routes(HERE, {"dba": THERE})
    assert routes.pick(send_alert, {}) is HERE
    assert routes.pick(send_alert, {"to": "dba"}) is THERE
    assert not routes.missing(send_alert, {"to": "dba"})
    assert routes.all == {"default": HERE, "dba": THERE}


def test_what_stands_in_takes_every_name() -> None:
    assert Routes(HERE, stands_in=True).pick(send_alert, {"to": "dba"}) is HERE


def test_an_unknown_route_is_named_with_its_neighbours() -> None:
    routes = Routes(HERE, {"dba": THERE})
    told = "there is no route 'dbas' for alerting; did you mean 'dba'? (there are default, dba)"
    assert routes.missing(send_alert, {"to": "dbas"}) == no_route(send_alert, "dbas", {"dba"}) == told


async def test_where_there_is_no_route_nothing_is_made_and_nothing_can_be_told() -> None:
    nowhere = Routes(HERE).pick(send_alert, {"to": "dba"})
    assert nowhere.promise_of("alert") == UNPROMISED
    with pytest.raises(RefusedError, match="no route 'dba'"):
        await nowhere.create("alert", "k", {})
    with pytest.raises(NotSentError, match="no route 'dba'"):
        await nowhere.lookup("alert", "k")
