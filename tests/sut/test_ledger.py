"""Orders are leased once, by however many threads, processes and machines: in memory, SQLite and PostgreSQL."""

import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from refund_conformance.contract.errors import SettingsError, TargetError
from refund_conformance.sut.ledger import MEMORY, Ledger, open_ledger
from refund_conformance.sut.ledger_sql import Database

POSTGRES = os.environ.get("REFUND_CONFORMANCE_POSTGRES", "")
DEMANDED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"

TARGET = "https://staging.example"
MANY = 200
ORDERS = [str(730001 + number) for number in range(300)]

Url = Callable[[Path], str]


def in_file(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.sqlite"


@pytest.fixture
def in_postgres() -> Iterator[str]:
    """A database of its own for each test."""
    if not POSTGRES:
        if DEMANDED:
            pytest.fail("REFUND_CONFORMANCE_REQUIRE_SERVICES is 1, and REFUND_CONFORMANCE_POSTGRES has no URL")
        pytest.skip("no PostgreSQL: REFUND_CONFORMANCE_POSTGRES has no URL")
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    name = f"refund_ledger_{secrets.token_hex(6)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as problem:
        if DEMANDED:
            raise
        pytest.skip(f"PostgreSQL does not answer: {problem.orig}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.whole)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger in each kind of database."""
    if request.param == "sqlite":
        return in_file(tmp_path)
    found: str = request.getfixturevalue("in_postgres")
    return found


@pytest.fixture
def ledgers() -> Iterator[list[Ledger]]:
    """Ledgers that a test opens, closed afterwards."""
    opened: list[Ledger] = []
    yield opened
    for ledger in opened:
        ledger.close()


def opened(ledgers: list[Ledger], url: str, run: str = "run", target: str = TARGET) -> Ledger:
    ledgers.append(open_ledger(url, target, run))
    return ledgers[-1]


def leased_together(
    ledgers: list[Ledger], limit: int = MANY, candidates: list[str] = ORDERS, threads: int = MANY
) -> list[str | None]:
    """Lease from so many threads at the same time, each from one of the ledgers in turn."""
    together = Barrier(threads)

    def lease(number: int) -> str | None:
        together.wait(60)
        return ledgers[number % len(ledgers)].lease("refundable", candidates, limit)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lease, range(threads)))


# ---- one after the other


def test_orders_are_leased_in_their_order(url: str, ledgers: list[Ledger]) -> None:
    ledger = opened(ledgers, url)
    assert [ledger.lease("refundable", ["b", "a", "c"], 9) for _ in range(4)] == ["b", "a", "c", None]
    assert ledger.leased("refundable") == 3
    assert ledger.free(["a", "d", "c"]) == ["d"]


def test_a_run_leases_no_more_than_its_limit(url: str, ledgers: list[Ledger]) -> None:
    ledger = opened(ledgers, url)
    assert [ledger.lease("refundable", ORDERS, 2) for _ in range(3)] == ["730001", "730002", None]
    assert opened(ledgers, url, "another run").lease("refundable", ORDERS, 1) == "730003"


def test_groups_have_limits_of_their_own(url: str, ledgers: list[Ledger]) -> None:
    ledger = opened(ledgers, url)
    assert ledger.lease("refundable", ["1"], 1) == "1"
    assert ledger.lease("refund_finished", ["2"], 1) == "2"
    assert (ledger.leased("refundable"), ledger.leased("refund_finished")) == (1, 1)


def test_an_order_stays_leased_when_the_run_is_over(url: str, ledgers: list[Ledger]) -> None:
    first = open_ledger(url, TARGET, "first")
    assert first.lease("refundable", ORDERS, 1) == "730001"
    first.close()
    assert opened(ledgers, url, "second").lease("refundable", ORDERS, 1) == "730002"


def test_targets_have_orders_of_their_own(url: str, ledgers: list[Ledger]) -> None:
    assert opened(ledgers, url).lease("refundable", ["1"], 1) == "1"
    assert opened(ledgers, url, target="https://other.example").lease("refundable", ["1"], 1) == "1"


def test_an_order_that_stands_there_in_another_group_is_leased_all_the_same(
    url: str, ledgers: list[Ledger]
) -> None:
    ledger = opened(ledgers, url)
    assert ledger.lease("refundable", ["1"], 1) == "1"
    assert ledger.lease("refund_finished", ["1"], 1) is None


def test_a_ledger_in_memory_forgets(ledgers: list[Ledger]) -> None:
    assert opened(ledgers, MEMORY).lease("refundable", ["1"], 1) == "1"
    assert opened(ledgers, MEMORY).lease("refundable", ["1"], 1) == "1"


GROUPS = st.sampled_from(["refundable", "refund_finished"])
NUMBERS = st.integers(0, 6)
ASKED = st.one_of(
    st.tuples(st.just("lease"), st.tuples(GROUPS, st.lists(st.sampled_from("abcdef"), unique=True), NUMBERS)),
    st.tuples(st.just("leased"), st.tuples(GROUPS)),
    st.tuples(st.just("free"), st.tuples(st.lists(st.sampled_from("abcdef"), unique=True))),
)


@given(st.lists(ASKED, max_size=30))
def test_a_ledger_in_memory_answers_as_a_database_does(asked: list[tuple[str, tuple[object, ...]]]) -> None:
    with (
        closing(open_ledger(MEMORY, TARGET, "run")) as memory,
        closing(Database(MEMORY, TARGET, "run")) as database,
    ):
        for name, arguments in asked:
            assert getattr(memory, name)(*arguments) == getattr(database, name)(*arguments)


# ---- at the same time


@pytest.mark.whole
def test_of_threads_with_one_ledger_each_leases_another_order(url: str, ledgers: list[Ledger]) -> None:
    opened(ledgers, url)
    assert sorted(filter(None, leased_together(ledgers))) == ORDERS[:MANY]
    assert ledgers[0].leased("refundable") == MANY


def test_threads_that_share_a_ledger_in_memory_lease_different_orders(ledgers: list[Ledger]) -> None:
    opened(ledgers, MEMORY)
    assert sorted(filter(None, leased_together(ledgers))) == ORDERS[:MANY]
    assert ledgers[0].leased("refundable") == MANY


def test_workers_of_one_run_keep_to_its_limit_together(url: str, ledgers: list[Ledger]) -> None:
    for _ in range(8):
        opened(ledgers, url, "one run")
    leased = leased_together(ledgers, limit=30)
    assert sorted(filter(None, leased)) == ORDERS[:30]
    assert leased.count(None) == MANY - 30


@pytest.mark.whole
def test_runs_share_no_order_and_each_keeps_to_its_limit(url: str, ledgers: list[Ledger]) -> None:
    for number in range(8):
        opened(ledgers, url, f"run {number}")
    leased = [order for order in leased_together(ledgers, limit=20) if order]
    assert Counter(leased).most_common(1)[0][1] == 1
    assert sorted(leased) == ORDERS[:160]
    assert [ledger.leased("refundable") for ledger in ledgers] == [20] * 8


def test_when_there_are_fewer_orders_than_threads_each_is_leased_once(url: str, ledgers: list[Ledger]) -> None:
    opened(ledgers, url)
    leased = leased_together(ledgers, candidates=ORDERS[:50])
    assert sorted(filter(None, leased)) == ORDERS[:50]
    assert leased.count(None) == MANY - 50


PROGRAM = """\
import sys
from refund_conformance.sut.ledger import open_ledger
url, run = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
ledger = open_ledger(url, "https://staging.example", run)
orders = [str(730001 + number) for number in range(300)]
while order := ledger.lease("refundable", orders, 25):
    print(order, flush=True)
ledger.close()
"""


@pytest.mark.whole
def test_processes_share_no_order_and_may_open_a_new_ledger_together(url: str, ledgers: list[Ledger]) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url, f"run {number % 2}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120) for process in processes]
    leased = [order for out, _ in told for order in out.split()]
    assert [error for _, error in told if error] == []
    assert sorted(leased) == ORDERS[:50]
    assert [opened(ledgers, url, f"run {number}").leased("refundable") for number in range(2)] == [25] * 2


@pytest.mark.parametrize("attempt", range(3))
def test_a_new_ledger_may_be_opened_by_many_at_once(attempt: int, url: str, ledgers: list[Ledger]) -> None:
    together = Barrier(20)

    def open_(number: int) -> Ledger:
        together.wait(60)
        return open_ledger(url, TARGET, f"run {attempt}-{number}")

    with ThreadPoolExecutor(20) as pool:
        ledgers += pool.map(open_, range(20))
    assert len(ledgers) == 20
    assert ledgers[-1].lease("refundable", ORDERS, 1) == "730001"


# ---- what is no ledger


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense",
        "",
        "sqlite",
        "://",
        "mysql://localhost/x",
        "no-such-dialect://x",
        "postgresql+nodriver://localhost/x",
        "sqlite:////no/such/folder/ledger.sqlite",
        "postgresql+psycopg://nobody@127.0.0.1:1/x",
        "postgresql+psycopg://localhost:notaport/x",
        "sqlite:////proc/ledger.sqlite",
        "sqlite:///\0",
    ],
)
def test_a_wrong_url_is_a_settings_error_in_one_line(wrong: str) -> None:
    with pytest.raises(SettingsError) as problem:
        open_ledger(wrong, TARGET, "run")
    assert str(problem.value).startswith("orders.ledger: ")
    assert "\n" not in str(problem.value)
    assert problem.value.exit_status == 2


def test_a_file_that_is_no_database_is_a_settings_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("This is no database, though it is long enough to have been one." * 20, encoding="utf-8")
    with pytest.raises(SettingsError, match="not a database"):
        open_ledger(f"sqlite:///{path}", TARGET, "run")


def test_a_password_in_a_url_is_not_told() -> None:
    with pytest.raises(SettingsError) as problem:
        open_ledger("postgresql+psycopg://nobody:the-password@127.0.0.1:1/x", TARGET, "run")
    assert "the-password" not in str(problem.value)


def test_a_ledger_that_is_lost_midway_ends_the_run_with_one_line(tmp_path: Path, ledgers: list[Ledger]) -> None:
    ledger = opened(ledgers, in_file(tmp_path))
    assert ledger.lease("refundable", ORDERS, 9) == "730001"
    engine = create_engine(in_file(tmp_path))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE refund_conformance_lease"))
    engine.dispose()
    with pytest.raises(TargetError, match=r"orders\.ledger: cannot be used \(no such table") as problem:
        ledger.lease("refundable", ORDERS, 9)
    assert "\n" not in str(problem.value)
