"""Every setting of an installation: what it means, its unit, and why its default is what it is.

``load`` makes one ``Settings`` from file and environment; ``reference`` makes ``docs/settings.md`` from the
descriptions here. Values are frozen; secrets are named (a file, a variable), read when they are needed, never kept in
plain text, so that a logged ``Settings`` shows none.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from dutyd.core.topic import Format, OwnTopics, Start, Topic, own_topics_of
from dutyd.settings.values import (
    Duration,
    Words,
    http_url,
    read_secret,
    redis_url,
    secret_http_url,
    stream_url,
    with_password,
)

Alias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FieldNames(_Group):
    """Which members of an event hold what dutyd must know about it, where they have other names."""

    id: str | None = None
    """Member that holds the event's id. Default: `id`."""
    source: str | None = None
    """Member that says who published it. Default: `source`."""
    time: str | None = None
    """Member that holds the event time. Default: `time` or `timestamp`."""


class TopicSettings(_Group):
    """One source topic, under the alias that rules use in `from`."""

    topic: TopicName | None = None
    """The topic's name at the broker. Default: the alias."""
    format: Format = Format.AUTO
    """How records are read. `auto` tries CloudEvents, Alertmanager, collectd, metric/value/labels and flat JSON, in
    that order, for each record; naming the format saves the trying and refuses all others."""
    partitioned_by: Words = ()
    """The fields whose values the producers use as the record key. A rule whose `per` does not contain them is refused,
    because the events of one entity would be spread over several partitions; `rekey` brings them together."""
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 3
    """How many partitions `publish` creates the topic with where it is missing. Three let three processes share it."""
    start: Start = Start.EARLIEST
    """Where to begin where nothing was read yet. `earliest`, because an alarm must not depend on who started first."""
    lateness: Duration = 10.0
    """How much later than others an event may arrive (`10s`, `2m`). It delays only the timers of quiet entities; ten
    seconds cover ordinary collectors."""
    fields: FieldNames = FieldNames()
    """Other names for the members `id`, `source` and `time`."""
    rekey: bool = False
    """Whether rules over other fields than `partitioned_by` go through a topic of dutyd's own, where the events of an
    entity come together. It costs a second way through Kafka for what those rules see, and about one second."""


class PriceSettings(_Group):
    """What the model costs."""

    input: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens that are sent."""
    output: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens that come back."""


class ModelSettings(_Group):
    """The model endpoint. Without `model` no model is asked: decided steps take their `fallback`."""

    base_url: Annotated[str, AfterValidator(http_url)]
    """The endpoint of the Chat Completions API, up to `/v1`. No default: where a company's events go is its choice."""
    name: Annotated[str, Field(min_length=1)] = "kimi-k2.6"
    """The model's id at that endpoint. Vendors retire ids: a worker's start and `dutyd doctor` ask which there are, and
    say so before an incident does."""
    api_key_env: str | None = None
    """The environment variable that holds the API key."""
    api_key_file: Path | None = None
    """The file that holds the API key (a mounted secret)."""
    price: PriceSettings | None = None
    """Not set: costs are not known, and `usd` budgets do not limit."""

    def api_key(self) -> SecretStr | None:
        """Return the key, None where none is named; raises SettingsError where it can't be read."""
        return read_secret("model.api_key", file=self.api_key_file, env=self.api_key_env)


class RouteSettings(BaseModel):
    """Another way to a system behind the same tools, which rules name by `to`; see [providers](providers.md)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str | None = None
    """Which adapter talks to it. Default: the provider's. A route of the same kind has the provider's settings but for
    those that stand here (whole, not merged; `""` takes one away); a route of another kind begins with none."""
    per_minute: Annotated[float, Field(gt=0)] | None = None
    """As the provider's, and by default the provider's."""


class ProviderSettings(BaseModel):
    """The system behind a family of tools: its kind, and whatever that kind needs; see [providers](providers.md)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str
    """Which adapter talks to it: `alertmanager`, `prometheus`, `rest`, `webhook` and others. `backoffice` is the
    built-in stand-in; packages can add more."""
    per_minute: Annotated[float, Field(gt=0)] | None = None
    """How many requests a minute are sent at most with these credentials, by all processes together; what waits goes on
    by itself. Routes to the same system with the same credentials share it, and of several limits the lowest counts.
    Not set: what the system publishes (Slack: 60), else no limit of dutyd's own. A 429 is obeyed in any case."""
    routes: Mapping[Alias, RouteSettings] = {}
    """Further systems behind the same tools, by the name that rules use in `to`. The settings beside it are the route
    `default`."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Everything that is for the adapter."""
        return self.model_extra or {}

    def pace(self, route: str) -> float | None:
        """Return the limit of *route* a minute; an empty name is the provider itself."""
        own = self.routes[route].per_minute if route else None
        return own or self.per_minute

    def route(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return the kind and the options of the route *name*; an empty name is the provider itself."""
        if not name:
            return self.kind, self.options
        route = self.routes[name]
        kind = route.kind or self.kind
        inherited = self.options if kind == self.kind else {}
        options = {**inherited, **(route.model_extra or {})}
        return kind, {option: value for option, value in options.items() if value != ""}


class ProvidersSettings(_Group):
    """The systems behind the tools. A family that is not set uses the embedded back office, and says so."""

    alerting: ProviderSettings | None = None
    """Behind `send_alert` and `resolve_alert`."""
    ticketing: ProviderSettings | None = None
    """Behind the ticket tools."""
    purchasing: ProviderSettings | None = None
    """Behind the purchase order tools."""
    stock: ProviderSettings | None = None
    """Behind `check_stock_levels` and `predict_demand`."""
    notify: ProviderSettings | None = None
    """Behind `notify`."""
    metrics: ProviderSettings | None = None
    """Behind `query_metrics`."""


class KafkaSettings(_Group):
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


class TokenSettings(_Group):
    """A bearer token of the HTTP API, under the name that its decisions are written down with."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, hex; the token itself is never written here. Make it long and random."""
    may: Literal["view", "decide"] = "view"
    """`view` reads incidents, effects and approvals; `decide` approves, denies, edits and handles incidents, too,
    within the policy's `approvers`."""


class HttpSettings(_Group):
    """Probes, metrics and the API over HTTP: `/startupz`, `/healthz`, `/readyz`, `/metrics`, `/api`."""

    host: str = "127.0.0.1"
    """Where to listen. This machine only, because the pages are open to whoever reaches them; in a container `0.0.0.0`.
    """
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port; 0 takes a free one and logs it."""
    tokens: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$")], TokenSettings] = {}
    """Who may use the API. None: there is no API."""


class HeartbeatSettings(_Group):
    """A dead man's switch: an address that is called while evaluation moves. Whoever watches it pages when it stops."""

    url: Annotated[SecretStr, AfterValidator(secret_http_url)]
    """What is called, with GET; any answer below 400 counts. Such addresses are secrets: it is never logged."""
    every: Annotated[Duration, Field(ge=1)] = 60.0
    """How often. Let the receiver wait for three times as long before it pages: one call may get lost."""


class NoticesSettings(_Group):
    """dutyd's own notices to the people who run it: budget at 80 %, parked effect, rejected rules, and the like."""

    to: Annotated[str, Field(min_length=1, max_length=200)]
    """Who is told, through the provider of the family `notify`: a name that it knows, or an address."""


class WorkerSettings(_Group):
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


class WaitsSettings(_Group):
    """How long incidents wait for others."""

    approval: Annotated[Duration, Field(ge=1)] = 86_400.0
    """How long a call waits for a person's yes; then it is denied. A day covers a night, not a weekend."""
    remind: Annotated[Duration, Field(ge=1)] = 3_600.0
    """How long such a call waits until `notices.to` is told again; then each time after twice as long."""
    answer: Annotated[Duration, Field(ge=0)] = 86_400.0
    """How long a step that reads is asked again while its system gives no answer. Then it has failed, what needs it is
    not done, and people are told. The step's `retry` may end it sooner, and with `on_error: continue` it is 2 s."""


class Settings(_Group):
    """All settings of an installation."""

    installation: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = "dutyd"
    """The prefix of dutyd's own topics, consumer groups and Redis keys: two installations with different names share
    servers and nothing else."""
    stream: Annotated[SecretStr, AfterValidator(stream_url)] | None = None
    """Where topics are: `kafka://host:9092,host:9092`, or a Redis address. Default: the `redis` server."""
    redis: Annotated[SecretStr, AfterValidator(redis_url)] | None = None
    """Where the ledger is: `redis://`, `rediss://` (TLS) or `sentinel://`. Default: an embedded Valkey server that
    keeps its data under `data`."""
    redis_password_file: Path | None = None
    """The file that holds the password of `redis` (a mounted secret): the address then needs none. Read at start."""
    data: Path = Path(".dutyd")
    """Folder of the embedded servers."""
    rules: Path = Path("rules")
    """Folder of the rule files."""
    runbooks: Path | None = None
    """Folder of the Markdown pages that `search_runbooks` finds. Default: `runbooks` in the rules folder."""
    policy: Path | None = None
    """The platform team's ceiling over all rules (`policy.yaml`). Not set: there is none."""
    topics: Mapping[Alias, TopicSettings] = {}
    """The source topics, by the alias that rules use in `from`."""
    model: ModelSettings | None = None
    """The model endpoint."""
    providers: ProvidersSettings = ProvidersSettings()
    """The systems behind the tools."""
    kafka: KafkaSettings = KafkaSettings()
    """How to reach Kafka."""
    http: HttpSettings | None = None
    """Probes and metrics."""
    heartbeat: HeartbeatSettings | None = None
    """The dead man's switch. Not set: nobody outside notices that evaluation stands still."""
    notices: NoticesSettings | None = None
    """Who is told what dutyd has to say about itself. Not set: log and metric only."""
    worker: WorkerSettings = WorkerSettings()
    """How workers share incidents."""
    waits: WaitsSettings = WaitsSettings()
    """How long incidents wait for people and for answers."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """The currency of amounts that name none (ISO 4217)."""

    @property
    def redis_url(self) -> str | None:
        """The ledger's address with its password; None: the embedded Valkey.

        Raises:
            SettingsError: the file of the password can't be read.

        """
        if self.redis is None:
            return None
        password = read_secret("redis_password", file=self.redis_password_file, env=None)
        address = self.redis.get_secret_value()
        return with_password(address, password.get_secret_value()) if password else address

    @property
    def stream_url(self) -> str | None:
        """The stream's address with its password; None: the ledger's server."""
        return self.stream.get_secret_value() if self.stream else None

    @property
    def own_topics(self) -> OwnTopics:
        """The names of dutyd's own topics."""
        on_kafka = (self.stream_url or "").startswith("kafka://")  # a Redis stream has one partition: nothing to mend
        return own_topics_of(self.installation, self.sources.values() if on_kafka else ())

    @cached_property
    def sources(self) -> Mapping[str, Topic]:
        """The source topics by alias."""
        return {alias: _topic(alias, topic) for alias, topic in self.topics.items()}

    @property
    def runbooks_folder(self) -> Path:
        """Where the runbooks are."""
        return self.runbooks or self.rules / "runbooks"


def _topic(alias: str, settings: TopicSettings) -> Topic:
    values = {name: getattr(settings, name) for name in TopicSettings.model_fields}
    renames = settings.fields.model_dump(exclude_none=True)
    return Topic(**values | {"alias": alias, "topic": settings.topic or alias, "fields": renames})
