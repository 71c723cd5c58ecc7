"""Every metric of the daemon: name, type, unit and meaning in one place.

Modules import the objects and count; ``ops.http`` serves them. Rule ids are bounded by the rule files, so they may be
labels; entities and incident ids never are.
"""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("dutyd_events_total", "Events judged, by topic alias", ["topic"])
DEAD_LETTERS = Counter("dutyd_dead_letters_total", "Records sent to the dead-letter topic, by topic alias", ["topic"])
DROPPED = Counter("dutyd_events_dropped_total", "Events not judged, by reason (duplicate, own, no_entity)", ["reason"])
LATE = Counter("dutyd_events_late_total", "Events older than the newest of their entity")
UNKNOWN = Counter("dutyd_rule_unknown_total", "Conditions that were unknown, by rule and field", ["rule", "field"])
OVERFLOW = Counter("dutyd_rule_overflow_total", "Entities that were one too many, by rule", ["rule"])
RULE_FAILURES = Counter("dutyd_rule_failures_total", "Evaluations that raised, by rule", ["rule"])
MISSED = Counter("dutyd_schedule_missed_total", "Due times that went by without a run, by rule", ["rule"])
TRIGGERS = Counter("dutyd_triggers_total", "Triggers decided, by rule and kind", ["rule", "kind"])
LAG = Gauge("dutyd_consumer_lag_seconds", "Age of the newest judged record when it was judged", ["topic", "partition"])
LATCHES = Gauge("dutyd_latches", "Entities that are pending or firing, by task", ["task"])
EFFECTS = Counter("dutyd_effects_total", "Effects by tool and the state they reached", ["tool", "state"])
INCIDENTS = Counter("dutyd_incidents_total", "Incidents accepted, by rule", ["rule"])
RUNS = Counter("dutyd_agent_runs_total", "Agent runs by how they ended", ["end"])
TOKENS = Counter("dutyd_model_tokens_total", "Model tokens by direction", ["direction"])
COST = Counter("dutyd_model_cost_usd_total", "What the model cost, US dollars, where the price is known")
OLDEST_DUE = Gauge("dutyd_oldest_due_seconds", "Age of the oldest due incident that nobody has claimed")
RULES_LOADED = Gauge("dutyd_rules_loaded_timestamp_seconds", "When the current rule set was taken")
RULES_REJECTED = Counter("dutyd_rules_rejected_total", "Reloads refused because a file was wrong")
LAST_POLL = Gauge("dutyd_last_poll_timestamp_seconds", "When the evaluator last came back from a poll")
EVALUATE_SECONDS = Histogram("dutyd_checkpoint_seconds", "How long a checkpoint write took")
