"""The settings of the way to Kafka: encryption, login, and when the broker takes a client for dead.

Part of ``model``; ``app.world`` opens the stream with them. What belongs together is checked here, so that half a login
is an error at start and not at the broker.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from dutyd.settings.group import Group
from dutyd.settings.values import Duration, http_url, read_secret


class KafkaSettings(Group):
    """How the broker is reached, how it knows this client, and when it takes this client for dead."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Whether to encrypt (`SSL`) and to log in (`SASL`)."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How to log in; needed with a `SASL_` protocol."""
    username: str | None = None
    """Who logs in, by `PLAIN` or `SCRAM`."""
    password_file: Path | None = None
    """The file that holds the password."""
    password_env: str | None = None
    """The environment variable that holds the password."""
    ca_file: Path | None = None
    """The certificate authority of the broker, PEM. Not set: the system's own."""
    cert_file: Path | None = None
    """This client's certificate, PEM, where the broker asks for one."""
    key_file: Path | None = None
    """The key of `cert_file`, PEM."""
    key_password_file: Path | None = None
    """The file that holds the password of `key_file`, where it is encrypted."""
    key_password_env: str | None = None
    """The environment variable that holds the password of `key_file`."""
    token_file: Path | None = None
    """The file that holds the token for `OAUTHBEARER`. It is read at every login, so whoever renews it need not restart
    anything."""
    token_url: Annotated[str, AfterValidator(http_url)] | None = None
    """The endpoint that gives tokens for `OAUTHBEARER` to `client_id` and its secret (client credentials)."""
    client_id: str | None = None
    """Who asks `token_url`."""
    client_secret_file: Path | None = None
    """The file that holds the secret of `client_id`."""
    client_secret_env: str | None = None
    """The environment variable that holds the secret of `client_id`."""
    token_scope: str | None = None
    """The scope to ask `token_url` for. Not set: what it gives by itself."""
    session: Annotated[Duration, Field(ge=1)] = 10.0
    """How long a silent member keeps its partitions. A killed process is replaced after this; shorter takes a long
    pause of the machine for a death. The broker's `group.min.session.timeout.ms` (6 s) is the lower bound."""
    reader: Literal["lean", "client"] = "lean"
    """Who makes records of what is fetched. `lean` is dutyd's own loop for ordinary batches, at a third of the work;
    `client` is the Kafka client's reader. They give the same records."""

    @model_validator(mode="after")
    def _complete(self) -> "KafkaSettings":
        missing = [name for name, value in self._needed().items() if not value]
        if missing:
            login = f" with {self.sasl_mechanism}" if self.sasl_mechanism else ""
            raise ValueError(f"security_protocol {self.security_protocol}{login} needs {', '.join(missing)}, too")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file belong together: set both")
        if self.token_file and self.token_url:
            raise ValueError("token_file and token_url are two ways to a token: set one of them")
        return self

    def _needed(self) -> Mapping[str, object]:
        """Return what a login needs: name to what is set."""
        if not self.security_protocol.startswith("SASL"):
            return {}
        if self.sasl_mechanism != "OAUTHBEARER":
            password = self.password_file or self.password_env
            return {"sasl_mechanism": self.sasl_mechanism, "username": self.username, "password_file": password}
        if not self.token_url:
            return {"token_file or token_url": self.token_file}
        return {"client_id": self.client_id, "client_secret_file": self.client_secret_file or self.client_secret_env}

    def secrets(self) -> Mapping[str, SecretStr]:
        """Return the secrets that are named, by the name of their setting without its ``_file`` or ``_env``.

        Raises:
            SettingsError: one can't be read.

        """
        read = {
            "password": read_secret("kafka.password", file=self.password_file, env=self.password_env),
            "key_password": read_secret("kafka.key_password", file=self.key_password_file, env=self.key_password_env),
            "client_secret": read_secret(
                "kafka.client_secret", file=self.client_secret_file, env=self.client_secret_env
            ),
        }
        return {name: secret for name, secret in read.items() if secret is not None}
