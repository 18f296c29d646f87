"""The first requests of a run: is there a target, is it the API, and does it let us in?"""

from dataclasses import replace

from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.orders import second_case
from refund_conformance.contract.model import Contract
from refund_conformance.engine.api_check import require_api
from refund_conformance.engine.runner import Examination
from refund_conformance.engine.sending import Sent
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.settings import NOWHERE


def begin(examination: Examination) -> None:
    """Send the plain valid request: it shows whether there is a target that lets us in at all.

    One without authorization goes before it, while the target cannot have been told of us.
    Raises TargetError if it cannot be reached, answers nothing that makes sense, refuses our token, or is not the
    API; but not for one that answers the other request, and this one never.
    """
    order, lacking = _first_order(examination)
    stranger = _stranger(examination, order) if lacking is None else None
    met = stranger is not None and stranger.decided and stranger.reading is not None
    tried = order
    if stranger is not None and (not met or stranger.accepted):
        order, lacking = _first_order(examination)
    if stranger is not None and met and stranger.wrong:
        require_api(examination.dispatch)
    if stranger is not None and met:
        case = missing_case(examination.dispatch.contract)
        examination.keep_early(examination.confirmation.conclude(case, tried, stranger))
    _plain(examination, order, lacking, met=met)
    if stranger is not None and stranger.decided and stranger.reading is None:
        case = missing_case(examination.dispatch.contract)
        examination.keep_early(examination.confirmation.conclude(case, order, stranger))


def _first_order(examination: Examination) -> tuple[str, NoOrderError | None]:
    """Return a refundable order, or one that does not exist and why there is no refundable one."""
    try:
        return examination.orders.lease(), None
    except NoOrderError as lacking:
        return examination.dispatch.settings.orders.get("unknown", (NOWHERE,))[0], lacking


def _stranger(examination: Examination, order: str) -> Sent:
    """Send the request without authorization."""
    case = missing_case(examination.dispatch.contract)
    sent = examination.dispatch.send(case, order)
    if not sent.decided:
        examination.dispatch.require_target(sent, before=False)
    return sent


def _plain(examination: Examination, order: str, lacking: NoOrderError | None, *, met: bool) -> None:
    case = plain_case(examination.dispatch.contract)
    if lacking is None:
        result = examination.keep_result_of(case, lambda: _accepted(examination, case, order, met=met))
    else:
        unknown = replace(case, situation=case.situation.with_part("order", "unknown"))
        sent = examination.dispatch.send(unknown, order)
        examination.dispatch.require_target(sent, before=False)
        if sent.wrong:
            require_api(examination.dispatch)
        untested = Result(
            case.id, case.clause, case.title, Outcome.UNTESTED, str(lacking), because=lacking.because
        )
        result = examination.dispatch.keep(untested)
    examination.remember(result)
    if examination.orders.accepted:
        again = second_case(examination.dispatch.contract)
        second = examination.orders.accepted_order(again.id)
        examination.remember(
            examination.keep_result_of(again, lambda: examination.carry_out(again, second)),
        )


def _accepted(examination: Examination, case: Case, order: str, *, met: bool) -> Result:
    """Send the plain request until it tells something; ``met`` is whether the target answered anything before."""
    sent = _after_refusal(examination, case, order, examination.acceptance.send(case, order))
    if not met:
        examination.dispatch.require_target(sent, before=False)
    sent, order = examination.acceptance.retry_on_other_order(case, sent, order)
    if not (met and sent.decided and sent.reading is None):
        examination.dispatch.require_target(sent, before=False)
    concluded = examination.confirmation.conclude(case, order, sent)
    if sent.reading is None:
        examination.orders.stop("valid requests get no answer")
    elif examination.reports_order_state(sent):
        said = describe_reading(sent.reading)
        examination.orders.stop(f"orders of orders.refundable are refused ({said}), though none of them was used")
    return _named_by_code(examination.dispatch.contract, concluded, sent)


def _after_refusal(examination: Examination, case: Case, order: str, sent: Sent) -> Sent:
    """Send the plain request once more if our token was refused: the refusal before it may have lasted."""
    if not sent.decided or sent.reading is None or sent.reading.status != examination.dispatch.refused_status():
        return sent
    again = examination.acceptance.send(case, order)
    if again.decided and again.accepted:
        examination.dispatch.keep(examination.confirmation.between(case, sent, again))
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
