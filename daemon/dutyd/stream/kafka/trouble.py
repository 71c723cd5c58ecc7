"""Why Kafka does not answer: kafka-python's errors turned into ours, with the reason that it only logs.

kafka-python says "unable to bootstrap" for a wrong password, an unknown certificate and a closed port alike; the
reason stands in the records of its loggers, which also print a traceback for every cut connection. So its loggers
get one handler: it remembers the newest reasons, and passes warnings on to our log without tracebacks and never
more than one of a kind a minute. Everything in ``stream.kafka`` that talks to a broker does it inside
``reaching``.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError, NodeNotReadyError, UnsupportedCodecError

from dutyd.core.errors import NotReadyError

REPEAT_SECONDS = 60.0
"""Equal warnings of the client are passed on once in this time."""

_NETWORK = "kafka.net."
_REASONS = ("Connection failed: ", "Connection lost: ")
"""What kafka-python's messages say before the reason; one outage is told in five ways, these two suffice."""

_VAGUE = "socket disconnected"

log = structlog.get_logger()


class _Listener(logging.Handler):
    """Remembers why connections failed and passes warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = 0
        self._reasons: deque[tuple[int, str]] = deque(maxlen=20)
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.name.startswith(_NETWORK):
            tails = [said.partition(words)[2] for words in _REASONS if words in said]
            if not tails:
                return
            said = tails[0]
            self.heard += 1
            self._reasons.append((self.heard, said))
        if record.created - self._said.get(said, 0.0) >= REPEAT_SECONDS:
            if len(self._said) > 100:
                self._said.clear()
            self._said[said] = record.created
            log.warning("kafka client warns", logger=record.name, said=said)

    def reason(self, since: int) -> str:
        """Return the first telling reason heard after *since*, or an empty text."""
        heard = [said for number, said in self._reasons if number > since]
        telling = [said for said in heard if _VAGUE not in said]
        return (telling or heard or [""])[0]


_listener = _Listener()


def listen() -> None:
    """Take over kafka-python's loggers; calling it again changes nothing."""
    logger = logging.getLogger("kafka")
    if _listener not in logger.handlers:
        logger.addHandler(_listener)
        logger.propagate = False
        logger.setLevel(logging.WARNING)


@contextmanager
def reaching(servers: str, what: str, refused: Callable[[], str] = str) -> Iterator[None]:
    """Do *what* at *servers*; every failure of the client leaves as ``NotReadyError`` with its reason.

    *refused* tells of a login that was refused some time ago, for when nothing was heard meanwhile.
    """
    since = _listener.heard
    try:
        yield
    except UnsupportedCodecError as error:
        raise NotReadyError(
            f"can't {what} at Kafka {servers}: {error}; install kafka-python[crc32c,lz4,snappy,zstd]"
        ) from error
    except AuthorizationError as error:
        raise NotReadyError(f"can't {what} at Kafka {servers}: {_forbidden(error)}") from error
    except KafkaError as error:
        # These two say nothing; every other error is a reason itself.
        vague = isinstance(error, KafkaTimeoutError | NodeNotReadyError)
        reason = (_listener.reason(since) or refused()) if vague else ""
        raise NotReadyError(f"can't {what} at Kafka {servers}: {reason or error}") from error


def _forbidden(error: AuthorizationError) -> str:
    """Say what is forbidden: kafka-python's errors name a thing in their text, if at all."""
    kind = type(error).__name__.removesuffix("AuthorizationFailedError").lower()
    return f"the broker grants this client too few rights on this {kind} ({error}); `dutyd doctor` names them"
