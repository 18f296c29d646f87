"""The first requests of a run: is there a target, and does it let us in?"""

from dataclasses import replace

from refund_conformance.cases.case import Case, missing_case, plain_case
from refund_conformance.cases.orders import second_case
from refund_conformance.contract.model import Contract
from refund_conformance.engine.executor import Sent
from refund_conformance.engine.runner import Examination
from refund_conformance.oracle.finding import Kind
from refund_conformance.oracle.judge import describe_reading
from refund_conformance.oracle.result import Outcome, Result
from refund_conformance.sut.order_pool import NoOrderError
from refund_conformance.sut.settings import NOWHERE
from refund_conformance.transport.exchange import Failure


def begin(examination: Examination) -> None:
    """Send the plain valid request: it shows whether there is a target that lets us in at all.

    One without authorization goes before it, while the target cannot have been told of us.
    Raises TargetError if it cannot be reached, answers nothing that makes sense, or refuses our token; but not
    for one that answers the other request, and this one never.
    """
    order, lacking = _first_order(examination)
    stranger = _stranger(examination, order) if lacking is None else None
    if stranger is not None and (stranger.accepted or stranger.reading is None):
        order, lacking = _first_order(examination)
    _plain(examination, order, lacking, met=stranger is not None and stranger.reading is not None)
    if stranger is not None and stranger.reading is None:
        case = missing_case(examination.dispatch.contract)
        examination.keep_early(examination.confirmation.conclude(case, order, stranger))


def _first_order(examination: Examination) -> tuple[str, NoOrderError | None]:
    """Return a refundable order, or one that does not exist and why there is no refundable one."""
    try:
        return examination.orders.lease(), None
    except NoOrderError as lacking:
        return examination.dispatch.settings.orders.get("unknown", (NOWHERE,))[0], lacking


def _stranger(examination: Examination, order: str) -> Sent:
    """Send the request without authorization; its result is kept unless it got no answer at all."""
    case = missing_case(examination.dispatch.contract)
    sent = examination.dispatch.send(case, order)
    if not sent.decided:
        examination.dispatch.require_target(sent, before=False)
    if sent.reading is not None:
        examination.keep_early(examination.confirmation.conclude(case, order, sent))
    return sent


def _plain(examination: Examination, order: str, lacking: NoOrderError | None, *, met: bool) -> None:
    case = plain_case(examination.dispatch.contract)
    if lacking is not None:
        unknown = replace(case, situation=case.situation.with_part("order", "unknown"))
        examination.dispatch.require_target(examination.dispatch.send(unknown, order), before=False)
        result = Result(case.id, case.clause, case.title, Outcome.UNTESTED, str(lacking), because=lacking.because)
    else:
        sent = _after_refusal(examination, case, order, examination.sent_to_accept(case, order))
        sent, order = examination.elsewhere(case, sent, order)
        if met and sent.decided and sent.reading is None:
            sent, order = _after_silence(examination, case, sent)
        if not (met and sent.decided and sent.reading is None):
            examination.dispatch.require_target(sent, before=False)
        concluded = examination.confirmation.conclude(case, order, sent)
        result = _named_by_code(examination.dispatch.contract, concluded, sent)
        if sent.reading and examination.speaks_of_state(sent):
            said = describe_reading(sent.reading)
            examination.orders.close(
                f"orders of orders.refundable are refused ({said}); list others if they are used"
            )
    examination.keep_early(result)
    if examination.orders.spent:
        again = second_case(examination.dispatch.contract)
        examination.keep_early(examination.carry_out(again, examination.orders.spent_order(again.id)))


def _after_refusal(examination: Examination, case: Case, order: str, sent: Sent) -> Sent:
    """Send the plain request once more if our token was refused: the refusal before it may have lasted."""
    if sent.reading is None or sent.reading.status != examination.dispatch.refused_status():
        return sent
    again = examination.sent_to_accept(case, order)
    if again.accepted:
        examination.dispatch.keep(examination.confirmation.between(case, sent, again))
    return again


def _after_silence(examination: Examination, case: Case, silent: Sent) -> tuple[Sent, str]:
    """Send the plain request for another order; if it is answered there, the silence came and went.

    A connection that was lost once is what a network does.
    """
    order = examination.orders.lease()
    sent = examination.sent_to_accept(case, order)
    if sent.reading is None:
        examination.orders.close("valid requests get no answer")
    elif silent.exchange.failure is not Failure.CLOSED:
        examination.dispatch.keep(examination.confirmation.between(case, silent, sent))
    return sent, order


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
