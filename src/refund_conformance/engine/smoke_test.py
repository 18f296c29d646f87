"""The first requests of a run: is there a target, is it the API, and does it let us in?"""

from dataclasses import replace

from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.orders import second_case
from refund_conformance.contract.model import Contract
from refund_conformance.engine.api_check import require_api
from refund_conformance.engine.runner import Runner
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.settings import NONEXISTENT_ORDER_ID


def begin(runner: Runner) -> None:
    """Send the plain valid request: it shows whether there is a target that lets us in at all.

    One without authorization goes before it, while the target cannot have been told of us.
    Raises TargetError if it cannot be reached, answers nothing that makes sense, refuses our token, or is not the
    API; but not for one that answers the other request, and this one never.
    """
    order, lacking = _first_order(runner)
    stranger = _stranger(runner, order) if lacking is None else None
    met = stranger is not None and stranger.decided and stranger.reading is not None
    tried = order
    if stranger is not None and (not met or stranger.accepted):
        order, lacking = _first_order(runner)
    if stranger is not None and met and stranger.wrong:
        require_api(runner.executor)
    if stranger is not None and met:
        case = missing_case(runner.executor.contract)
        runner.keep_early(runner.confirmation.conclude(case, tried, stranger))
    _plain(runner, order, lacking, met=met)
    if stranger is not None and stranger.decided and stranger.reading is None:
        case = missing_case(runner.executor.contract)
        runner.keep_early(runner.confirmation.conclude(case, order, stranger))


def _first_order(runner: Runner) -> tuple[str, NoOrderError | None]:
    """Return a refundable order, or one that does not exist and why there is no refundable one."""
    try:
        return runner.orders.lease(), None
    except NoOrderError as lacking:
        return runner.executor.settings.orders.get("unknown", (NONEXISTENT_ORDER_ID,))[0], lacking


def _stranger(runner: Runner, order: str) -> Sent:
    """Send the request without authorization."""
    case = missing_case(runner.executor.contract)
    sent = runner.executor.send(case, order)
    if not sent.decided:
        runner.executor.require_target(sent, before=False)
    return sent


def _plain(runner: Runner, order: str, lacking: NoOrderError | None, *, met: bool) -> None:
    case = plain_case(runner.executor.contract)
    if lacking is None:
        result = runner.keep_result_of(case, lambda: _accepted(runner, case, order, met=met))
    else:
        unknown = replace(case, situation=case.situation.with_part("order", "unknown"))
        sent = runner.executor.send(unknown, order)
        runner.executor.require_target(sent, before=False)
        if sent.wrong:
            require_api(runner.executor)
        untested = Result(
            case.id, case.clause, case.title, Outcome.UNTESTED, str(lacking), because=lacking.because
        )
        result = runner.executor.keep(untested)
    runner.remember(result)
    if runner.orders.accepted:
        again = second_case(runner.executor.contract)
        second = runner.orders.accepted_order(again.id)
        runner.remember(
            runner.keep_result_of(again, lambda: runner.carry_out(again, second)),
        )


def _accepted(runner: Runner, case: Case, order: str, *, met: bool) -> Result:
    """Send the plain request until it tells something; ``met`` is whether the target answered anything before."""
    sent = _after_refusal(runner, case, order, runner.acceptance.send(case, order))
    if not met:
        runner.executor.require_target(sent, before=False)
    sent, order = runner.acceptance.retry_on_other_order(case, sent, order)
    if not (met and sent.decided and sent.reading is None):
        runner.executor.require_target(sent, before=False)
    concluded = runner.confirmation.conclude(case, order, sent)
    if sent.reading is None:
        runner.orders.stop("valid requests get no answer")
    elif runner.reports_order_state(sent):
        said = describe_reading(sent.reading)
        runner.orders.stop(f"orders of orders.refundable are refused ({said}), though none of them was used")
    return _named_by_code(runner.executor.contract, concluded, sent)


def _after_refusal(runner: Runner, case: Case, order: str, sent: Sent) -> Sent:
    """Send the plain request once more if our token was refused: the refusal before it may have lasted."""
    if not sent.decided or sent.reading is None or sent.reading.status != runner.executor.refused_status():
        return sent
    again = runner.acceptance.send(case, order)
    if again.decided and again.accepted:
        runner.executor.keep(runner.confirmation.between(case, sent, again))
    return again


def _of_field(contract: Contract, sent: Sent) -> str | None:
    """Return the clause about valid values of the one field that is called invalid, if that is so."""
    errors = sent.reading.errors if sent.reading else ()
    named = [name for name in contract.fields if any(error.names(name) for error in errors)]
    clauses = (f"{name}.{aspect}" for name in named for aspect in ("accepts", "unicode"))
    return next((clause for clause in clauses if clause in contract.clauses), None) if len(named) == 1 else None


def _named_by_code(contract: Contract, result: Result, sent: Sent) -> Result:
    """Say what the plain request was refused for, since everything about it is as it should be."""
    clause = {111: "content-type.exact", 110: "json.valid-forms"}.get(sent.codes[0] if sent.codes else 0)
    clause = clause or _of_field(contract, sent)
    if clause is None or sent.reading is None or sent.reading.status < 300:
        return result
    findings = tuple(
        replace(finding, clause=clause) if finding.kind is Kind.REFUSED else finding for finding in result.findings
    )
    return replace(result, findings=findings)
