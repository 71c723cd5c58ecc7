"""Where OAUTHBEARER's tokens come from (RFC 7628): a file that somebody renews, or a token endpoint.

kafka-python asks for a token at every login and whenever the broker wants to see a new one (KIP-368). It asks on its
I/O thread, so an endpoint is given a few seconds only, and its token is kept for most of its life.
"""

import threading
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any

import httpx2
from kafka.errors import KafkaConnectionError
from kafka.net.sasl.oauth import AbstractTokenProvider

from dutyd.core.errors import DutydError, NotReadyError, SettingsError

ENDPOINT_SECONDS = 5.0

LIFE_USED = 0.8
"""The part of a token's life after which a new one is fetched, as Java's client does."""

_UNKNOWN_LIFE_SECONDS = 60.0

_NOT_NOW = (408, 429)
"""Client errors that say nothing of the client: the endpoint is slow, or is asked too often."""


class NoTokenError(KafkaConnectionError):  # type: ignore[misc]  # kafka-python ships no annotations
    """There is no token: a kind of error that the client survives, around ours."""

    def __init__(self, because: DutydError) -> None:
        super().__init__(str(because))
        self.because = because


class Token(AbstractTokenProvider):  # type: ignore[misc]  # same
    """What kafka-python asks for tokens."""

    def token(self) -> str:
        """Return the token; raise NoTokenError where there is none."""
        try:
            return self.fetch()
        except DutydError as error:
            raise NoTokenError(error) from error

    @abstractmethod
    def fetch(self) -> str:
        """Return the token."""
        ...


class FileToken(Token):
    """Reads the token from *path* each time: a mounted secret, or one that a sidecar renews."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def fetch(self) -> str:
        """Return the token.

        Raises:
            SettingsError: the file can't be read or is empty.

        """
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no token"
            raise SettingsError(f"kafka: token_file '{self._path}' can't be read: {reason}") from None
        if not token:
            raise SettingsError(f"kafka: token_file '{self._path}' is empty")
        return token


class EndpointToken(Token):
    """Fetches tokens by client credentials (RFC 6749, section 4.4).

    Args:
        url: the token endpoint.
        client: the client's id.
        secret: its secret.
        scope: what to ask for; empty: what the endpoint gives by itself.

    """

    def __init__(self, url: str, client: str, secret: str, scope: str = "") -> None:
        super().__init__()
        self._url = url
        self._login = (client, secret)
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._lock = threading.Lock()  # each client's I/O thread asks
        self._token = ""
        self._until = 0.0

    def fetch(self) -> str:
        """Return a token that is good for a while.

        Raises:
            NotReadyError: the endpoint does not answer.
            SettingsError: it refuses the client.

        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._renew()
            return self._token

    def _renew(self) -> None:
        asked = time.monotonic()
        try:
            answer = httpx2.post(self._url, data=self._form, auth=self._login, timeout=ENDPOINT_SECONDS)
        except httpx2.HTTPError as error:
            raise NotReadyError(f"the token endpoint {self._url} does not answer: {error}") from error
        said = _json(answer)
        token = said.get("access_token")
        if answer.is_client_error and answer.status_code not in _NOT_NOW:
            why = said.get("error_description") or said.get("error") or answer.reason_phrase
            raise SettingsError(
                f"the token endpoint {self._url} refuses this client ({answer.status_code}: {why}); "
                "see kafka.token_url, kafka.client_id and its secret"
            )
        if not answer.is_success or not isinstance(token, str) or not token:
            raise NotReadyError(f"the token endpoint {self._url} answers {answer.status_code} and no token")
        life = said.get("expires_in")
        life = float(life) if isinstance(life, int | float) else _UNKNOWN_LIFE_SECONDS
        self._token, self._until = token, asked + life * LIFE_USED


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
