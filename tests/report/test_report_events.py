"""The record as it is read back."""

import json
from pathlib import Path

from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.report import events


def test_an_earlier_name_of_an_outcome_is_read_as_todays(tmp_path: Path) -> None:
    event = Result("email.null/null", "email.null", "Title.", Outcome.SKIPPED, "a reason").as_event()
    lines = [json.dumps({**event, "outcome": outcome}) + "\n" for outcome in ("spared", "skipped")]
    (tmp_path / events.FILE).write_text("".join(lines), encoding="utf-8")
    assert [read["outcome"] for read in events.read(tmp_path)] == ["skipped", "skipped"]
