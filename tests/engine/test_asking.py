"""Once a clause is broken, further requests find out which feature of a value it is; they use up no order."""

import pytest

from engine_stage import CASES, mock_run
from refund_conformance.cases.probes import PROBE, probes
from refund_conformance.engine.asking import ask_why
from refund_conformance.oracle.result import Outcome


def test_nothing_is_asked_where_nothing_is_violated() -> None:
    with mock_run() as made:
        before = len(made.events)
        ask_why(made.runner)
        assert len(made.events) == before


@pytest.mark.parametrize(
    ("fault", "case", "refused"),
    [
        ("desc-no-angle-brackets", "description.unicode/signs", ["angle-brackets"]),
        ("desc-no-emoji", "description.unicode/emoji", ["emoji"]),
        ("email-plus-refused", "email.accepts/plus-and-dots", ["a-plus-sign"]),
    ],
)
def test_the_feature_that_is_refused_is_found_without_an_order(fault: str, case: str, refused: list[str]) -> None:
    with mock_run(fault) as made:
        assert made.runner.examine(CASES[case]).outcome is Outcome.VIOLATED
        leased = len(made.leased())
        ask_why(made.runner)
        probed = [event for event in made.kept("case") if f"/{PROBE}" in event["case"]]
        assert len(made.leased()) == leased
    found = [event["case"].partition(PROBE)[2] for event in probed if event["outcome"] == "violated"]
    assert found == refused
    assert len(probed) == len(probes(made.run.context.contract)[CASES[case].clause])
    assert {event["answer"] for event in probed} == {"success", "error"}
