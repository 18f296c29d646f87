"""Orders are handed out once each, within bounds, and the reason names the setting where there is none."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from refund_conformance.cases.orders import PICKS
from refund_conformance.sut.ledger import MEMORY, Ledger, open_ledger
from refund_conformance.sut.order_pool import NoOrderError, OrderPool

TARGET = "https://staging.example"
THREE = {"refundable": ("1", "2", "3")}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = open_ledger(MEMORY, TARGET, "run")
    yield ledger
    ledger.close()


def book(
    ledger: Ledger, groups: Mapping[str, Sequence[str]] = THREE, limit: int = 30, *, fresh: bool = True
) -> OrderPool:
    return OrderPool(groups, limit, ledger, fresh=fresh)


# ---- refundable orders


def test_each_order_is_leased_once_and_told(ledger: Ledger) -> None:
    told: list[tuple[str, str]] = []
    orders = OrderPool(THREE, 30, ledger, lambda group, order: told.append((group, order)))
    assert [orders.lease(), orders.lease(), orders.lease()] == ["1", "2", "3"]
    assert told == [("refundable", "1"), ("refundable", "2"), ("refundable", "3")]


def test_without_orders_the_setting_is_named(ledger: Ledger) -> None:
    for groups in ({}, {"refundable": ()}):
        with pytest.raises(NoOrderError, match=r"^orders\.refundable is not set$"):
            book(ledger, groups).lease()


def test_orders_that_are_used_up_ask_for_more(ledger: Ledger) -> None:
    orders = book(ledger, {"refundable": ("1",)})
    orders.lease()
    with pytest.raises(NoOrderError, match=r"^no order of orders\.refundable is left; list more of them$"):
        orders.lease()


def test_the_runs_bound_is_told_apart_from_the_end_of_the_list(ledger: Ledger) -> None:
    orders = book(ledger, limit=2)
    orders.lease()
    orders.lease()
    with pytest.raises(NoOrderError, match=r"^the run's 2 refundable orders are used up$"):
        orders.lease()


def test_a_bound_of_none_leases_nothing(ledger: Ledger) -> None:
    with pytest.raises(NoOrderError, match="the run's 0 refundable orders are used up"):
        book(ledger, limit=0).lease()


def test_the_bound_is_that_of_all_processes_of_the_run(ledger: Ledger) -> None:
    book(ledger, limit=2).lease()
    another = book(ledger, limit=2)
    assert another.lease() == "2"
    with pytest.raises(NoOrderError, match="used up"):
        another.lease()


@pytest.mark.parametrize("first_unused", range(8))
def test_where_earlier_runs_used_the_beginning_few_orders_are_tried(ledger: Ledger, first_unused: int) -> None:
    listed = tuple("abcdefgh")
    orders = book(ledger, {"refundable": listed}, limit=8)
    tried = []
    while (order := orders.lease()) in listed[:first_unused]:
        tried.append(order)
        orders.mark_used(order)
    orders.mark_accepted(order)
    assert len(tried) <= 4
    rest = [orders.lease() for _ in listed[len(tried) + 1 :]]
    assert sorted([*tried, order, *rest]) == list(listed)


def test_orders_that_were_used_before_do_not_count_as_used_by_the_run(ledger: Ledger) -> None:
    orders = book(ledger, limit=1, fresh=False)
    orders.mark_used(orders.lease())
    orders.lease()
    with pytest.raises(NoOrderError, match="1 of 3 listed orders are used, 2 were left"):
        orders.lease()


def test_where_every_listed_order_was_used_that_is_the_reason(ledger: Ledger) -> None:
    orders = book(ledger)
    for _ in range(3):
        orders.mark_used(orders.lease())
    with pytest.raises(NoOrderError, match=r"^3 of 3 listed orders are used, 0 were left; list further orders"):
        orders.lease()


def test_a_pool_that_is_stopped_gives_the_reason(ledger: Ledger) -> None:
    orders = book(ledger)
    orders.stop("they are refused")
    with pytest.raises(NoOrderError, match=r"^they are refused$"):
        orders.lease()
    assert ledger.leased("refundable") == 0


def test_another_part_of_the_run_goes_on_from_what_is_known(ledger: Ledger) -> None:
    orders, other = book(ledger), book(ledger)
    orders.mark_accepted("1")
    orders.mark_used("2")
    orders.stop("they are refused")
    other.take(orders.state)
    assert other.state == orders.state


def test_an_order_is_untouched_until_something_is_accepted_for_it(ledger: Ledger) -> None:
    orders = book(ledger)
    orders.mark_accepted("1")
    orders.mark_unknown("2")
    assert [orders.is_untouched(order) for order in "123"] == [False, False, True]


# ---- shared orders


def test_an_area_keeps_its_shared_order(ledger: Ledger) -> None:
    orders = book(ledger)
    first = orders.share("json")
    assert orders.share("json") is first
    assert orders.share("fields").order == "2"
    assert (first.order, list(first.sent)) == ("1", [])


def test_a_shared_order_that_is_dropped_gives_way_to_another(ledger: Ledger) -> None:
    orders = book(ledger)
    orders.share("json")
    orders.unshare("json")
    assert orders.share("json").order == "2"


def test_a_shared_order_that_is_not_there_may_be_dropped(ledger: Ledger) -> None:
    orders = book(ledger)
    orders.unshare("json")
    assert orders.shared == {}


def test_without_orders_there_is_no_shared_one(ledger: Ledger) -> None:
    orders = book(ledger, {})
    with pytest.raises(NoOrderError, match=r"orders\.refundable is not set"):
        orders.share("json")
    assert orders.shared == {}


# ---- other groups


@pytest.mark.parametrize(
    ("ids", "picked"),
    [
        ("1", ["1", None, None]),
        ("12", ["1", None, "2"]),
        ("123", ["1", "2", "3"]),
        ("1234", ["1", "3", "4"]),
        ("12345678", ["1", "5", "8"]),
    ],
)
@pytest.mark.parametrize("group", ["not_paid", "refund_finished"])
def test_the_first_the_middle_and_the_last_of_a_group_are_different(
    group: str, ids: str, picked: list[str | None], ledger: Ledger
) -> None:
    orders = book(ledger, {group: tuple(ids)})
    assert [orders.pick(group, which) for which in PICKS] == picked


@pytest.mark.parametrize("which", PICKS)
def test_an_empty_group_is_named_by_its_setting(which: str, ledger: Ledger) -> None:
    with pytest.raises(NoOrderError, match=r"^orders\.zero_price is not set$"):
        book(ledger, {"zero_price": ()}).pick("zero_price", which)


def test_an_order_that_is_refused_anyway_may_be_picked_again_and_again(ledger: Ledger) -> None:
    orders = book(ledger, {"not_paid": ("1",)})
    assert [orders.pick("not_paid", "first") for _ in range(3)] == ["1"] * 3
    assert ledger.leased("not_paid") == 0


def test_an_order_that_is_used_up_by_its_pick_is_picked_once_and_told(ledger: Ledger) -> None:
    told: list[tuple[str, str]] = []
    orders = OrderPool({"refund_finished": ("1", "2")}, 30, ledger, lambda *pair: told.append(pair))
    assert [orders.pick("refund_finished", "last") for _ in range(2)] == ["2", None]
    assert told == [("refund_finished", "2")]


def test_orders_that_others_used_up_are_not_picked(ledger: Ledger) -> None:
    ledger.lease("refund_finished", ["1"], 1)
    orders = book(ledger, {"refund_finished": ("1", "2", "3")})
    assert [orders.pick("refund_finished", which) for which in PICKS] == ["2", None, "3"]


def test_a_group_that_others_used_up_altogether_says_so(ledger: Ledger) -> None:
    ledger.lease("refund_finished", ["1"], 1)
    with pytest.raises(NoOrderError, match=r"every order of orders\.refund_finished was used before"):
        book(ledger, {"refund_finished": ("1",)}).pick("refund_finished", "first")


def test_the_picks_of_one_run_stay_where_they_were(ledger: Ledger) -> None:
    orders = book(ledger, {"refund_finished": ("1", "2", "3")})
    assert orders.pick("refund_finished", "first") == "1"
    assert orders.pick("refund_finished", "last") == "3"
    assert orders.pick("refund_finished", "middle") == "2"


def test_picks_are_not_counted_among_the_refundable_orders(ledger: Ledger) -> None:
    orders = book(ledger, {"refund_finished": ("8", "9"), "refundable": ("1",)}, limit=1)
    orders.pick("refund_finished", "first")
    assert orders.lease() == "1"


# ---- orders with a refund request of ours


def test_spent_orders_are_sent_more_for_in_turn_and_for_a_case_the_same_again(ledger: Ledger) -> None:
    orders = book(ledger)
    for order in ("2", "1"):
        orders.mark_accepted(order)
    assert [orders.accepted_order(case) for case in ("a", "b", "a", "c")] == ["2", "1", "2", "2"]


def test_without_a_spent_order_the_clause_to_look_at_is_named(ledger: Ledger) -> None:
    with pytest.raises(NoOrderError, match=r"no request was accepted yet.*see order\.refundable"):
        book(ledger).accepted_order("a")
