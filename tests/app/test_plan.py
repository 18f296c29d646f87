"""A plan says what a run then does: requests, orders, time, and the clauses that stay untested."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from command_runs import Call, call
from refund_conformance.app.cli import main
from refund_conformance.app.plan import Plan, Supply, plan, settings_of
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import SettingsError
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut.ledger import open_ledger
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import GROUPS, HOOK, SEARCH, Settings

CONTRACT = contracts.load()
ALL = frozenset(CONTRACT.clauses)
WHOLE = settings_of(None, CONTRACT)


@pytest.fixture(autouse=True, scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings()) as mock:
        yield mock


def planned(settings: Settings = WHOLE, *clauses: str, profile: str = "ci", **options: Any) -> Plan:
    return plan(settings, CONTRACT, PROFILES[profile], CONTRACT.select(clauses), **options)


def without(*names: str) -> Settings:
    """Return whole settings without some tokens and groups of orders."""
    return replace(
        WHOLE,
        tokens={name: token for name, token in WHOLE.tokens.items() if name not in names},
        orders={group: ids for group, ids in WHOLE.orders.items() if group not in names},
    )


def untested(made: Plan) -> dict[str, tuple[str, ...]]:
    return {gap.clause: gap.settings for gap in made.untested}


def partly(made: Plan) -> dict[str, tuple[str, ...]]:
    return {gap.clause: gap.settings for gap in made.gaps if gap.sent}


# ---- what a run then does

RUNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "everything": ((), ()),
    "least": (("expired_token", "unconfigured_token", "other_merchant_token", *GROUPS[1:]), ()),
    "no-refundable": (("refundable",), ()),
    "a-few-clauses": ((), ("auth", "json.no-effect", "order.race")),
}


@pytest.mark.whole
@pytest.mark.parametrize("name", RUNS)
def test_a_run_does_what_was_planned(mock: RunningMock, tmp_path: Path, name: str) -> None:
    left_out, clauses = RUNS[name]
    lines = [line for line in _statements(mock.target_toml()) if line.partition(" ")[0] not in left_out]
    target = tmp_path / "target.toml"
    target.write_text("\n".join(lines))
    mock.mock.upkeep.reset()
    ended = call(tmp_path / "run", Call(("run", "--target", str(target), *clauses)))
    done = json.loads((ended.report / "conformance.json").read_text())
    made = planned(settings_of(target, CONTRACT), *clauses)
    assert done["requests"] == made.requests <= made.most
    if name != "no-refundable":
        refundable = made.supply("refundable")
        assert refundable.least <= done["orders"]["refundable"] <= refundable.most
    chosen = CONTRACT.select(clauses)
    stayed = {row["id"] for row in done["clauses"] if row["result"] == "untested" and row["id"] in chosen}
    assert stayed == untested(made).keys()


def _statements(toml: str) -> list[str]:
    """Return a TOML text with each statement in one line."""
    return toml.replace("[\n", "[").replace(",\n]", "]").replace(",\n", ",").splitlines()


# ---- before anything is sent


@pytest.mark.parametrize("source", ["list", HOOK, SEARCH])
def test_nothing_is_sent(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: object) -> None:
        raise AssertionError("a plan connects to nobody")

    hook = "http://hook.example/states" if source == HOOK else None
    settings = replace(WHOLE, base_url="http://staging.example", orders={}, source=source, hook=hook)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    assert list(planned(settings).lines())


def test_no_token_has_to_be_there_if_we_can_log_in() -> None:
    settings = replace(without("token"), username="merchant", password="secret-password")
    made = planned(settings)
    assert not made.gaps
    assert "secret-password" not in "\n".join(made.lines())


# ---- clauses and settings


def test_with_everything_set_every_clause_is_tested() -> None:
    made = planned()
    assert (made.gaps, made.warnings) == ((), ())
    assert f"Clauses   {len(ALL)} of {len(ALL)} tested" in made.lines()


@pytest.mark.parametrize(
    ("name", "clause", "also_partly"),
    [
        ("expired_token", "auth.expired", {"auth.codes"}),
        ("unconfigured_token", "caller.configuration", set()),
        ("not_paid", "order.not-paid", {"order.foreign"}),
        ("zero_price", "order.zero-price", set()),
        ("refund_finished", "order.refund-ended", set()),
        ("unknown", "order.unknown", set()),
    ],
)
def test_each_optional_setting_enables_its_clauses(name: str, clause: str, also_partly: set[str]) -> None:
    made = planned(without(name))
    setting = f"auth.{name}" if name.endswith("token") else f"orders.{name}"
    assert untested(made) == {clause: (setting,)}
    assert also_partly <= partly(made).keys()
    assert set(partly(made).values()) <= {(setting,)}
    text = "\n".join(made.lines())
    assert f"{clause:<28} {setting}" in text
    assert f"{len(ALL) - 1} of {len(ALL)} tested" in text


def test_a_clause_that_needs_several_settings_names_them_all() -> None:
    made = planned(without("refund_new", "refund_processing"))
    assert untested(made) == {"order.refund-open": ("orders.refund_new", "orders.refund_processing")}
    assert partly(planned(without("refund_new")))["order.refund-open"] == ("orders.refund_new",)
    assert "2 of 3 cases: orders.refund_new" in "\n".join(planned(without("refund_new")).lines())


def test_without_refundable_orders_hardly_anything_is_tested_and_that_is_said() -> None:
    made = planned(without("refundable"))
    assert {"auth.missing", "email.required", "order.race", "json.no-effect"} <= untested(made).keys()
    assert "errors.shape" not in untested(made)
    assert made.warnings[0].startswith("the orders of orders.refundable are not there")


def test_only_the_chosen_clauses_count() -> None:
    made = planned(WHOLE, "auth.expired")
    assert (made.clauses, made.requests) == (1, 4)
    assert [supply.group for supply in made.orders if supply.most] == ["refundable"]
    assert untested(planned(without("expired_token"), "auth.expired")) == {"auth.expired": ("auth.expired_token",)}


def test_nightly_explores_on_top() -> None:
    ci, nightly = planned(), planned(profile="nightly")
    assert nightly.requests > 5 * ci.requests
    assert nightly.supply("refundable").least > ci.supply("refundable").least
    assert nightly.seconds == PROFILES["nightly"].seconds


def test_orders_of_a_hook_are_counted_as_if_they_were_there() -> None:
    made = planned(replace(WHOLE, orders={}, source=HOOK, hook="http://127.0.0.1/states?key=hidden"))
    assert not made.gaps
    text = "\n".join(made.lines())
    supply = made.supply("refundable")
    assert f"{supply.least} to {supply.most} needed, from the hook" in text
    assert "the hook at http://127.0.0.1 is asked for orders first" in text
    assert "hidden" not in text


def test_a_search_cannot_find_foreign_and_unknown_orders() -> None:
    made = planned(replace(WHOLE, orders={}, source=SEARCH))
    assert untested(made) == {"order.unknown": ("orders.unknown",)}
    assert partly(made)["order.foreign"] == ("orders.foreign",)
    assert "used up, whoever made them" in "\n".join(made.lines())


def test_a_read_only_run_is_planned_as_one() -> None:
    made = planned(read_only=True)
    assert set(untested(made)["email.required"]) == {"a run without --read-only"}
    assert [supply.group for supply in made.orders] == ["unknown"]
    assert made.warnings == ()


# ---- orders, bounds and time


def listed(number: int, **more: Any) -> Settings:
    orders = {**WHOLE.orders, "refundable": tuple(str(730001 + place) for place in range(number))}
    return replace(WHOLE, orders=orders, **more)


def test_too_few_orders_are_warned_of() -> None:
    least, most = planned().supply("refundable").least, planned().supply("refundable").most
    assert planned(listed(most)).warnings == ()
    (short,) = planned(listed(least - 1)).warnings
    assert short.startswith(f"orders.refundable has {least - 1} unused orders where {least} are needed")
    (tight,) = planned(listed(least)).warnings
    assert f"{most} are needed" in tight


def test_orders_that_the_ledger_has_do_not_count(tmp_path: Path) -> None:
    settings = listed(40, ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert planned(settings).warnings == ()
    assert not (tmp_path / "ledger.sqlite").exists()
    ledger = open_ledger(str(settings.ledger), settings.base_url, "a run before")
    for order in settings.orders["refundable"][:35]:
        ledger.lease("refundable", [order], 100)
    made = planned(settings)
    assert (made.supply("refundable").listed, made.supply("refundable").free) == (40, 5)
    assert made.warnings[0].startswith("orders.refundable has 5 unused orders")
    assert "40 listed, 5 of them not used yet, enough for 0 runs" in "\n".join(made.lines())
    for order in settings.orders["refundable"][35:]:
        ledger.lease("refundable", [order], 100)
    ledger.close()
    assert planned(settings).warnings[0].startswith("the orders of orders.refundable are all used already")


def test_a_missing_ledger_is_noted_but_not_for_a_hook() -> None:
    assert "orders.ledger is not set" in " ".join(planned(replace(WHOLE, ledger=None)).notes)
    hooked = replace(WHOLE, ledger=None, source=HOOK, hook="http://127.0.0.1/states")
    assert "orders.ledger" not in " ".join(planned(hooked).notes)
    assert planned().notes == ()


def test_bounds_that_are_too_narrow_are_warned_of() -> None:
    made = planned(replace(WHOLE, max_requests=100))
    assert made.most == 100
    assert made.warnings == (f"about {made.requests} requests are needed and 100 allowed (target.max_requests).",)
    made = planned(replace(WHOLE, max_orders=5))
    assert (made.supply("refundable").least, made.supply("refundable").most) == (5, 5)
    assert made.supply("not_paid").most == 3
    assert "5 allowed (target.max_orders)" in made.warnings[0]
    assert untested(planned(replace(WHOLE, max_orders=0)))["email.required"] == ("target.max_orders",)


def test_the_time_is_told_at_the_given_rate() -> None:
    made = planned(replace(WHOLE, max_requests_per_second=10))
    assert f"{-(-made.requests // 10)} s or more at 10 requests a second" in "\n".join(made.lines())
    assert "as fast as the target answers" in "\n".join(planned().lines())
    (late,) = planned(replace(WHOLE, max_requests_per_second=10, max_seconds=20)).warnings
    assert late.startswith("the time ends before the requests do")


def test_another_machine_that_may_not_be_written_to_is_warned_of() -> None:
    (warning,) = planned(replace(WHOLE, base_url="https://staging.example")).warnings
    assert "target.allow_writes" in warning
    assert planned(replace(WHOLE, base_url="https://staging.example", allow_writes=True)).warnings == ()


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://api.ecommerce.noventiq.com"},
        {"source": HOOK, "hook": "https://api.ecommerce.noventiq.com/states"},
        {"ledger": "no database"},
    ],
)
def test_settings_that_no_run_would_take_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        planned(replace(WHOLE, **change))


# ---- the command


def test_the_command_plans_for_the_embedded_mock() -> None:
    done = CliRunner().invoke(main, ["plan"])
    assert done.exit_code == 0
    assert "Plan of a ci run against http://embedded-mock.localhost; nothing has been sent." in done.output
    assert done.output.count("needed") == len(GROUPS)


def test_the_command_takes_a_target_a_profile_and_clauses(tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    target.write_text('[target]\nbase_url = "http://127.0.0.1:9"\n[auth]\ntoken = "abc"\n')
    done = CliRunner().invoke(main, ["plan", "--target", str(target), "--profile", "nightly", "order.unknown"])
    assert done.exit_code == 0
    assert "Plan of a nightly run against http://127.0.0.1:9" in done.output
    assert "Clauses   0 of 1 tested" in done.output


@pytest.mark.parametrize(
    "words", [["--target", "nowhere.toml"], ["--profile", "weekly"], ["nonsense"], ["--target", "{wrong}"]]
)
def test_the_command_ends_with_2_for_what_is_wrong(words: list[str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(
        '[target]\nbase_url = "http://127.0.0.1:9"\n[auth]\ntoken = "abc"\n[orders]\nsource = "hook"\n'
    )
    done = CliRunner().invoke(main, ["plan", *(word.format(wrong=wrong) for word in words)])
    assert done.exit_code == 2
    assert done.output.startswith("refund-conformance: ")


@pytest.mark.parametrize(
    ("group", "free", "told"),
    [("refundable", 17, ", enough for 2 runs"), ("refund_finished", 8, ", enough for 1 run"), ("unknown", 8, "")],
)
def test_a_plan_forecasts_for_how_many_runs_the_orders_are_enough(group: str, free: int, told: str) -> None:
    assert Supply(group, 8, 20, 40, free, "").forecast == told
