"""Ask, once a clause is found broken that several causes would explain, which of them it is."""

from dataclasses import replace

from refund_conformance.cases.probes import probes
from refund_conformance.engine.runner import Runner
from refund_conformance.sut.order_pool import NoOrderError


def ask_why(runner: Runner) -> None:
    """Send the probes of the clauses that are violated, for an order that has an open refund request.

    So they use up no order. What the target refuses for the order's state it has not refused for the field; that
    says something where another probe is refused for the field.
    """
    executor = runner.executor
    for clause, candidates in probes(executor.contract).items():
        if clause not in executor.violated or not executor.orders.accepted:
            continue
        for probe in candidates:
            asked = replace(probe.case, situation=probe.case.situation.with_part("order", "refund-open"))
            asked = replace(
                asked, blame=(("order", "order.once"),), promises=((clause.partition(".")[0], clause),)
            )
            try:
                order = executor.orders.accepted_order(asked.id)
                sent = executor.send(asked, order)
                result = runner.confirmation.conclude(asked, order, sent)
                is_taken = sent.matched is not None and sent.matched.part == "order"
                executor.keep(replace(result, answer="success") if is_taken else result)
            except NoOrderError:
                return
