"""What went wrong at a broker's door, in plain words: what is wrong, and which setting to look at.

An exception and the step that it came in go in, an error of ours comes out: a ``SettingsError`` for what can't mend
itself, a ``NotReadyError`` for what may. Pure; called by ``knock``, which says at which server.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kafka.errors import IllegalSaslStateError

from dutyd.core.errors import DutydError, NotReadyError, SettingsError

_OTHER_HOST = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_DATES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class Step(StrEnum):
    """How far the visit has come."""

    HELLO = "hello"  # TLS, and the first question
    LOGIN = "login"
    INSIDE = "inside"  # whoever needs no login is told so here


@dataclass(frozen=True, slots=True)
class Reasons:
    """The words for one *server* and the client's *options*."""

    server: str
    options: Mapping[str, Any]

    def of(self, error: Exception, step: Step) -> DutydError:
        """Return what *error* means in *step*."""
        if isinstance(error, TimeoutError):
            return NotReadyError(f"{self.server} is connected but silent; see `stream`, and the broker")
        if isinstance(error, ssl.SSLError | ConnectionError):
            return self._cut(error, step)
        if isinstance(error, IllegalSaslStateError):
            wanted = self._protocol.removeprefix("SASL_")
            return SettingsError(f"{self.server} takes no login; set kafka.security_protocol to {wanted}")
        if step is Step.LOGIN:
            return self.refused(str(error) or type(error).__name__)
        return SettingsError(f"what answers at {self.server} does not speak Kafka's protocol ({error}); see `stream`")

    def unreachable(self, error: OSError) -> NotReadyError:
        """Say why there is no connection."""
        if isinstance(error, ConnectionRefusedError):
            return NotReadyError(f"{self.server} refuses connections: nobody listens there; see `stream`")
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return NotReadyError(f"{self.server} can't be reached ({why}); see `stream`, and the network")

    def unknown_host(self, error: OSError) -> NotReadyError:
        """Say that the name is unknown."""
        return NotReadyError(f"the host of {self.server} is not known ({error.strerror}); see `stream`")

    def speaks_tls(self) -> SettingsError:
        """Say that what came back is TLS."""
        wanted = "SASL_SSL" if self._logs_in else "SSL (SASL_SSL with a login)"
        return SettingsError(f"{self.server} speaks TLS; set kafka.security_protocol to {wanted}")

    def other_mechanisms(self, offered: list[str]) -> SettingsError:
        """Say which mechanisms there are instead."""
        wanted, known = self.options["sasl_mechanism"], ", ".join(sorted(offered)) or "none"
        return SettingsError(f"{self.server} takes no {wanted}, it takes {known}; see kafka.sasl_mechanism")

    def refused(self, said: str) -> SettingsError:
        """Say who was refused, and what the broker *said*."""
        because = f" ({said})" if said else ""
        if self.options.get("sasl_oauth_token_provider") is not None:
            see = "kafka.token_file or kafka.token_url, and the token's issuer, audience and end"
            return SettingsError(f"{self.server} refuses the token{because}; see {see}")
        user = self.options["sasl_plain_username"]
        see = "kafka.username, kafka.password_file or kafka.password_env, and kafka.sasl_mechanism"
        return SettingsError(f"{self.server} refuses the login of '{user}'{because}; see {see}")

    def _cut(self, error: OSError, step: Step) -> DutydError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._distrusted(error)
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            return self._unwelcome(error)
        return self._hung_up(step)

    def _distrusted(self, error: ssl.SSLCertVerificationError) -> SettingsError:
        if error.verify_code in _OTHER_HOST:
            what, see = "is for another host", "the host in `stream`"
        elif error.verify_code in _DATES:
            what, see = "does not hold today", "the broker, and this machine's clock"
        else:
            what, see = "is by an authority that is not trusted here", "kafka.ca_file"
        said = error.verify_message.rstrip(".")
        return SettingsError(f"the certificate of {self.server} {what} ({said}); see {see}")

    def _unwelcome(self, error: ssl.SSLError) -> SettingsError:
        if self.options.get("ssl_certfile") is None:
            return SettingsError(f"{self.server} asks for a client certificate; set kafka.cert_file and kafka.key_file")
        alert = (error.reason or "").partition("ALERT_")[2].replace("_", " ").lower()
        return SettingsError(f"{self.server} refuses this client's certificate ({alert}); see kafka.cert_file")

    def _hung_up(self, step: Step) -> DutydError:
        if step is Step.LOGIN:
            return self.refused("it hung up")
        if step is Step.INSIDE and not self._logs_in:
            wanted = f"SASL_{self._protocol}"
            return SettingsError(f"{self.server} asks for a login; set kafka.security_protocol to {wanted}")
        if step is Step.HELLO and self._protocol.endswith("SSL"):
            wanted = self._protocol.replace("SSL", "PLAINTEXT")
            return SettingsError(f"{self.server} speaks no TLS; set kafka.security_protocol to {wanted}")
        return NotReadyError(f"{self.server} hangs up; see `stream`, kafka.security_protocol, and the broker")

    @property
    def _protocol(self) -> str:
        return str(self.options["security_protocol"])

    @property
    def _logs_in(self) -> bool:
        return self._protocol.startswith("SASL")
