"""Every metric of the daemon: name, type, unit and meaning in one place; ``docs/operations.md`` says what to do.

Modules import the objects and count; ``ops.http`` serves them. Rule ids are bounded by the rule files, so they may be
labels; entities and incident ids never are. What is bounded from the start has its series from the start
(``ops.series``), so that a first failure is a rise and not a beginning. Gauges marked *installation* are read from the
ledger: every worker tells the same, so take their maximum over processes, never their sum.
"""

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # twice the series, and nobody asks when a counter began

BUILD = Info("dutyd_build", "Which version runs")

EVENTS = Counter("dutyd_events_total", "Events judged, by topic alias", ["topic"])
REPLAYED = Counter("dutyd_events_replayed_total", "Events read again after a start, by topic alias", ["topic"])
DEAD_LETTERS = Counter("dutyd_dead_letters_total", "Records sent to the dead-letter topic, by topic alias", ["topic"])
DROPPED = Counter(
    "dutyd_events_dropped_total", "Events not judged, by reason (duplicate, own, no_entity, empty)", ["reason"]
)
AHEAD = Counter("dutyd_events_ahead_total", "Events that said a time later than their record's: that one counts")
LATE = Counter("dutyd_events_late_total", "Events older than the newest of their entity")
UNKNOWN = Counter("dutyd_rule_unknown_total", "Conditions that were unknown, by rule and field", ["rule", "field"])
OVERFLOW = Counter("dutyd_rule_overflow_total", "Entities that were one too many, by rule", ["rule"])
RULE_FAILURES = Counter("dutyd_rule_failures_total", "Evaluations that raised, by rule", ["rule"])
MISSED = Counter("dutyd_schedule_missed_total", "Due times that went by without a run, by rule", ["rule"])
TRIGGERS = Counter("dutyd_triggers_total", "Triggers decided, by rule and kind (opened, cleared)", ["rule", "kind"])
LAG = Gauge(
    "dutyd_consumer_lag_seconds",
    "Age that the oldest undecided record can have at most; it grows while nothing is read",
    ["topic", "partition"],
)
TOPIC_MISSING = Gauge("dutyd_topic_missing", "1 while a source topic does not exist and is waited for", ["topic"])
STALLED = Counter(
    "dutyd_partitions_stalled_total",
    "Source partitions that stood still until their topic's by-key rules went on without them, by topic alias",
    ["topic"],
)
LATCHES = Gauge("dutyd_latches", "Entities that are pending or firing, by task", ["task"])
LAST_POLL = Gauge("dutyd_last_poll_timestamp_seconds", "When the evaluator last came back from a poll")
LAST_TURN = Gauge("dutyd_last_turn_timestamp_seconds", "When the evaluator last did a whole turn without trouble")
CHECKPOINT_SECONDS = Histogram("dutyd_checkpoint_seconds", "How long a checkpoint write took")

RULES_LOADED = Gauge("dutyd_rules_loaded_timestamp_seconds", "When the current rule set was taken")
RULES_REJECTED = Counter("dutyd_rules_rejected_total", "Reloads refused because a file was wrong")
RULES_GOOD = Gauge("dutyd_rules_last_reload_successful", "1 where the rule files as they are now are the rules in use")

INCIDENTS = Counter("dutyd_incidents_total", "Incidents accepted, by rule", ["rule"])
EFFECTS = Counter("dutyd_effects_total", "Effects by tool and the state they reached", ["tool", "state"])
EFFECTS_OPEN = Gauge("dutyd_effects_open", "Effects in a state that is no end, or PARKED (installation)", ["state"])
BREACHES = Counter(
    "dutyd_breaches_total",
    "Done effects that a later look found missing or double, by provider (family, family.route)",
    ["provider", "kind"],
)
LET_GO = Counter(
    "dutyd_let_go_total",
    "Done effects that could not be held against their system within a day, by provider (family, family.route)",
    ["provider"],
)
STUCK = Gauge("dutyd_incidents_stuck", "Incidents that something unexpected has stopped (installation)")
OLDEST_DUE = Gauge("dutyd_oldest_due_seconds", "Age of the oldest due incident that nobody has claimed (installation)")
LEDGER_READ = Gauge("dutyd_ledger_read_timestamp_seconds", "When the gauges of the installation were last read")
BUDGET_USED = Gauge("dutyd_budget_used_ratio", "Used share of a day's limit of the policy (installation)", ["budget"])

BREAKERS = Gauge(
    "dutyd_breaker_open",
    "Whether a provider (family, family.route) or the model is left alone for now: 1 or 0",
    ["system"],
)
RUNS = Counter("dutyd_agent_runs_total", "Agent runs by how they ended", ["end"])
TOKENS = Counter("dutyd_model_tokens_total", "Model tokens by direction (prompt, completion)", ["direction"])
MASKED = Counter("dutyd_model_masked_total", "Secrets taken out of what the model is asked, in each request anew")
COST = Counter("dutyd_model_cost_usd_total", "What the model cost, US dollars, where the price is known")

NOTICES = Counter("dutyd_notices_total", "dutyd's own notices by kind and what became of them", ["kind", "result"])
HEARTBEATS = Counter("dutyd_heartbeats_total", "Heartbeats by what became of them (sent, held, failed)", ["result"])
LAST_HEARTBEAT = Gauge("dutyd_last_heartbeat_timestamp_seconds", "When the heartbeat's receiver last took one")

POSTS = Counter("dutyd_posts_total", "Posts to the HTTP bridge, by the status they were answered with", ["status"])
