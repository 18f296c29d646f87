"""Let Hypothesis draw further cases of a clause, within bounds, and carry them out."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from refund_conformance.cases.case import Case
from refund_conformance.examination import Examination
from refund_conformance.profile import Profile
from refund_conformance.result import Outcome, Result

SHRINKS = 10
"""Requests spent at most on making a failing payload smaller."""


class _FailingError(AssertionError):
    """A drawn case failed; Hypothesis looks for a smaller one that fails likewise."""


def explore(
    examination: Examination,
    strategy: SearchStrategy[Case],
    profile: Profile,
    seed: int,
    database: ExampleDatabase | None = None,
) -> Result | None:
    """Carry out cases drawn by a strategy and return the result that tells most: the last failing one.

    Payloads that were accepted use up orders, so those are not made smaller. None if nothing was drawn.
    """
    seen: list[Result] = []
    spent = 0

    def carry_out(case: Case) -> None:
        nonlocal spent
        failing = [result for result in seen if result.outcome is Outcome.VIOLATED]
        if failing:
            spent += 1
            accepted = any(finding.kind == "accepted" for finding in failing[-1].findings)
            if accepted or spent > SHRINKS:
                return
        numbered = replace(case, id=f"{case.id}-{len(seen) + 1}")
        result = examination.examine(numbered)
        seen.append(result)
        if result.outcome is Outcome.VIOLATED:
            raise _FailingError(result.findings[0].kind)

    bounded = settings(
        max_examples=profile.examples,
        database=database,
        deadline=None,
        derandomize=False,
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    # The results speak for themselves; Hypothesis calls a failure flaky if it is not sent again to see.
    with suppress(_FailingError, HypothesisException, ExceptionGroup):
        seeded(seed)(bounded(given(strategy)(carry_out)))()
    failing = [result for result in seen if result.outcome is Outcome.VIOLATED]
    return failing[-1] if failing else seen[-1] if seen else None
