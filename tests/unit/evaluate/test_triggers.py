from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.incident import Evidence, Position, TriggerKind, incident_id
from dutyd.evaluate.engine import Change
from dutyd.evaluate.engine.latches.evidence import EVIDENCE_BYTES, cut_evidence
from dutyd.evaluate.triggers import trigger_of


def evidence(**fields: Any) -> Evidence:
    return Evidence(id="e1", source="metrics", time=1.0, fields=fields)


def change(seen: Evidence, kind: TriggerKind = TriggerKind.OPENED, opening: Evidence | None = None) -> Change:
    return Change(
        rule="errors",
        entity=("checkout", "eu"),
        kind=kind,
        occurrence="metrics|e1|1.0",
        opened=1.0,
        decided=2.0,
        evidence=seen,
        opening=opening,
        because="clear" if opening else "",
        offset=41,
        topic="metrics",
        per=("service", "region"),
    )


def size(value: object) -> int:
    return len(msgspec.json.encode(value))


def test_a_trigger_stands_for_itself() -> None:
    trigger = trigger_of(change(evidence(error_count=12)), "digest", 3)
    assert trigger.incident == incident_id("errors", ("checkout", "eu"), "metrics|e1|1.0")
    assert trigger.entity == {"service": "checkout", "region": "eu"}
    assert trigger.position == Position("metrics", 3, 41)
    assert trigger.key == b"errors/checkout/eu"


def test_a_cleared_incident_brings_its_opening_cut_as_well() -> None:
    large = evidence(text="x" * 400_000)
    trigger = trigger_of(change(large, TriggerKind.CLEARED, large), "digest", 0)
    assert trigger.opening is not None
    assert trigger.opening.cut
    assert trigger.evidence.cut
    assert size(trigger) < 2 * EVIDENCE_BYTES + 1_000


def test_evidence_that_fits_is_left_alone() -> None:
    seen = evidence(text="x" * 200_000)
    assert cut_evidence(seen) is seen


def test_the_biggest_text_is_cut_first_and_says_so() -> None:
    cut = cut_evidence(evidence(small="kept", big="x" * 300_000, medium="y" * 50_000))
    assert cut.cut
    assert cut.fields["small"] == "kept"
    assert cut.fields["medium"] == "y" * 50_000
    assert cut.fields["big"].endswith("… (cut, 300000 characters)")
    assert len(cut.fields["big"]) == 1_000


def test_a_list_that_is_too_big_is_left_out() -> None:
    assert cut_evidence(evidence(small=1, many=list(range(100_000)))).fields == {"small": 1}


def test_ids_are_cut_too() -> None:
    seen = Evidence(id="i" * 300_000, source="s" * 300_000, time=1.0, fields={"a": 1})
    cut = cut_evidence(seen)
    assert size(cut) < 3_000
    assert cut.fields == {"a": 1}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4),
)
some = st.dictionaries(st.text(), values, max_size=8)


@given(some, some, some, st.integers(1_000, 2_000))
def test_evidence_never_exceeds_its_limit(
    fields: dict[str, Any], let: dict[str, Any], windows: dict[str, Any], limit: int
) -> None:
    whole = Evidence("id", "source", 1.0, {**fields, "text": "ü" * 3_000}, let, windows)
    cut = cut_evidence(whole, limit)
    assert size(cut) <= limit
    assert cut.cut
    assert whole.fields["text"] == "ü" * 3_000
