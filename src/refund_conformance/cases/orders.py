"""Cases about the order and the caller: states, unknown and foreign orders, an unknown configuration."""

from collections.abc import Iterator
from dataclasses import replace

from refund_conformance.cases.case import SPENT, Case, Draft, made, plain_draft
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.situation import Situation

AGAIN_REFUNDABLE = "refund_finished"
"""The group of orders whose earlier refund request has ended."""

REFUNDABLE_GROUPS = ("refundable", AGAIN_REFUNDABLE)
"""Groups whose orders an accepted request uses up."""

PICKS = ("first", "middle", "last")

ENDS = ("first", "last")
"""The orders of a group that are asked for where all of them are in the very same state."""

UNCONFIGURED_ORDER = (("unconfigured-order", ""),)
"""The open question that a caller without a configuration touches with an order that exists."""

FIRST = ("first",)
"""The order of a group that is asked for where others are asked for in combinations."""

_REFUSED = (
    ("order.not-paid", "not_paid", "not-paid", PICKS, "An order that is not paid is refused."),
    ("order.zero-price", "zero_price", "zero-price", FIRST, "An order with a price of zero is refused."),
    ("order.refund-open", "refund_new", "refund-open", FIRST, "An order whose refund request is New is refused."),
    ("order.refund-open", "refund_processing", "refund-open", FIRST, "An order being refunded is refused."),
    ("order.unknown", "unknown", "unknown", FIRST, "An order that does not exist is not found."),
    ("order.foreign", "foreign", "foreign", ENDS, "Another merchant's order is not found."),
)

_ASKED_AGAIN = ("not_paid", "zero_price", "refund_processing", "unknown")
"""Groups one order of which is asked for twice: a request that is refused for a state must not change it."""

_UNUSUAL = frozenset(
    ("absent", "emoji", "at-limit-ascii", "at-limit-mixed", "plus-and-dots", "capitals-and-digits", "escaped")
)
"""Slugs of accepted requests that a server may fail to record, or to read back."""


def sends_again(case: Case) -> bool:
    """Whether a second request follows for the order of a case that was accepted."""
    if case.situation.wrong or case.situation.questions:
        return False
    return case.group == AGAIN_REFUNDABLE or (case.group == "refundable" and case.slug in _UNUSUAL)


def order_cases(contract: Contract) -> Iterator[Case]:
    """Yield cases for each group of orders that must be refused, and for those refundable again."""
    draft = plain_draft(contract)
    for clause, group, state, picks, title in _REFUSED:
        for pick in picks:
            case = made(f"{clause}/{group.replace('_', '-')}-{pick}", title, Situation(order=state), draft, group)
            yield replace(case, pick=pick)
            if pick == "first" and group in _ASKED_AGAIN:
                again = f"{title.removesuffix('.')}, also when it is asked for once more."
                yield replace(case, id=f"{case.id}-again", title=again, pick=pick)
    for pick in ENDS:  # of several ways to end: completed, refused
        title = "An order whose earlier refund request has ended is accepted."
        yield replace(made(f"order.refund-ended/{pick}", title, Situation(), draft, AGAIN_REFUNDABLE), pick=pick)
    yield made(
        "order.foreign/other-merchant-token",
        "With another merchant's token, our order is not found.",
        Situation(order="foreign"),
        replace(draft, credential="other_merchant_token"),
    )
    for group in ("not_paid", "refund_new"):
        yield made(
            f"order.foreign/other-merchant-token-{group.replace('_', '-')}",
            "With another merchant's token, our order is not found, whatever its state.",
            Situation(order="foreign"),
            replace(draft, credential="other_merchant_token"),
            group,
        )
    yield second_case(contract)
    yield made(
        "order.once/other-body",
        "A second request for an order is refused, also if its body differs.",
        Situation(order="refund-open"),
        other_draft(contract),
        SPENT,
    )


def other_draft(contract: Contract) -> Draft:
    """Return the plain valid request with other words and another address."""
    draft = plain_draft(contract)
    return replace(draft, body=draft.body.replace(b"Damaged", b"Defective").replace(b"refunds@", b"returns@"))


def second_case(contract: Contract) -> Case:
    """Return the plain valid request for an order that has had it before."""
    return made(
        "order.once/second-request",
        "A second request for an order is refused.",
        Situation(order="refund-open"),
        plain_draft(contract),
        SPENT,
    )


def caller_cases(contract: Contract) -> Iterator[Case]:
    """Yield the case of a caller whose configuration cannot be identified."""
    yield made(
        "caller.configuration/unconfigured-token",
        "A caller without a configuration is refused.",
        Situation(caller="unconfigured", questions=UNCONFIGURED_ORDER),
        replace(plain_draft(contract), credential="unconfigured_token"),
    )
