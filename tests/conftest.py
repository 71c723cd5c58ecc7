"""Fixtures that every tier shares: the real servers, started once a session and only when a test asks for them.

Tests keep apart by random names of topics, groups and installations, never by wiping a server.
"""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.broker import Broker, KafkaBroker, running_broker
from support.erp import StartErp, running_erp
from support.guarded import Guarded, guarded_broker
from support.monitoring import MonitoringServer, new_alertmanager, new_prometheus
from support.needs import real, skipped_where_unavailable
from support.packages import environment
from support.server import running
from support.trackers import StartTracker, running_tracker
from support.valkey import running_valkey
from support.valkey_server import ValkeyServer

# A deadline would be a timed test, and so would be a limit on how long examples take to draw: machines are noisy.
# Continuous integration tries the same examples every time; new ones are found at home.
settings.register_profile(
    "dutyd", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("dutyd")


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The URL of a real Valkey server that fsyncs every write."""
    with running_valkey() as url:
        yield url


@pytest.fixture
def forgetful() -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, to be stopped, and to lose its data."""
    server = ValkeyServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """A real Kafka broker, or librdkafka's mock where Java or Maven are missing (see ``lacks``)."""
    with running_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def real_broker(kafka_broker: Broker) -> Broker:
    """A real Kafka broker; skips with the reason where there is none."""
    return real(kafka_broker)


@pytest.fixture
def mortal_broker(real_broker: Broker) -> Iterator[KafkaBroker]:  # noqa: ARG001  # where there is none, none can be killed
    """A broker of the test's own, to be killed."""
    broker = KafkaBroker()
    broker.format()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def kafka(kafka_broker: Broker) -> str:
    """The broker's address, to be put behind ``kafka://``."""
    return kafka_broker.address


@pytest.fixture(scope="session")
def alertmanager() -> Iterator[MonitoringServer]:
    """A real Alertmanager that tells nobody; skips with the reason where it can't be had."""
    with skipped_where_unavailable():
        server = new_alertmanager()
    with running(server):
        yield server


@pytest.fixture(scope="session")
def prometheus() -> Iterator[MonitoringServer]:
    """A real Prometheus that scrapes what tests configure; skips with the reason where it can't be had."""
    with skipped_where_unavailable():
        server = new_prometheus({})
    with running(server):
        yield server


@pytest.fixture(scope="session")
def roundup() -> StartTracker:
    """What starts a real Roundup tracker; skips with the reason where it can't be had."""
    with skipped_where_unavailable():
        environment("roundup")
    return running_tracker


@pytest.fixture(scope="session")
def tryton() -> StartErp:
    """What starts a real Tryton; skips with the reason where it can't be had."""
    with skipped_where_unavailable():
        environment("tryton")
    return running_erp


@pytest.fixture(scope="session")
def guarded(
    real_broker: Broker,  # noqa: ARG001  # where there is none, none can be guarded
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Guarded]:
    """A real broker behind TLS, logins and access rights."""
    with guarded_broker(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


@pytest.fixture
def unique() -> str:
    """A name that no other test uses, fit for topics, groups and installations."""
    return f"t{secrets.token_hex(6)}"
