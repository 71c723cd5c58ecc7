"""All settings of an installation in one value, put together from the groups in the modules beside it.

``load`` makes one ``Settings`` from file and environment; ``reference`` makes ``docs/settings.md`` from the
descriptions here and there: what a setting means, its unit, and why its default is what it is. Values are frozen;
secrets are named (a file, a variable), read when they are needed, never kept in plain text, so that a logged
``Settings`` shows none.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from dutyd.core.topic import OwnTopics, Topic, own_topics_of
from dutyd.settings.endpoint import ModelSettings
from dutyd.settings.group import Group
from dutyd.settings.kafka import KafkaSettings
from dutyd.settings.outside import HeartbeatSettings, HttpSettings, NoticesSettings
from dutyd.settings.providers import ProvidersSettings
from dutyd.settings.topics import TopicSettings, topic_of
from dutyd.settings.values import Alias, read_secret, redis_url, stream_url, with_password
from dutyd.settings.working import WaitsSettings, WorkerSettings


class Settings(Group):
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
        return {alias: topic_of(alias, topic) for alias, topic in self.topics.items()}

    @property
    def runbooks_folder(self) -> Path:
        """Where the runbooks are."""
        return self.runbooks or self.rules / "runbooks"
