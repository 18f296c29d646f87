"""A choice becomes arguments for pytest, and what comes of it an exit status."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from refund_conformance.app.run_command import Choice, arguments, execute
from refund_conformance.contract import model
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError, SettingsError, SuiteError, UsageError
from refund_conformance.mock.settings import MockSettings
from refund_conformance.report.session import ReportSession
from whole_runs import Plan, Whole, under_way

PLAIN = Choice()


def pairs(words: list[str], option: str) -> list[str]:
    """Return the values of an option."""
    return [value for name, value in pairwise(words) if name == option]


# ---- arguments


def test_the_suites_are_run_with_nothing_of_the_folder_around() -> None:
    words = arguments(PLAIN)
    assert words[0] == str(folder("suites"))
    assert pairs(words, "-c") == [os.devnull]
    assert pairs(words, "--rootdir") == [str(folder("suites"))]
    assert "refund_conformance.app.pytest_plugin.plugin" in pairs(words, "-p")
    assert "no:cacheprovider" in pairs(words, "-p")
    assert "--no-pages" in words


def test_no_other_plugin_can_reorder_or_repeat_the_tests() -> None:
    words = arguments(PLAIN)
    assert "--disable-plugin-autoload" in words
    assert [name for name in pairs(words, "-p") if not name.startswith("no:")] == [
        "refund_conformance.app.pytest_plugin.plugin",
    ]


def test_a_plain_choice_asks_for_little() -> None:
    words = arguments(PLAIN)
    assert pairs(words, "--profile") == ["ci"]
    assert pairs(words, "--report") == ["reports/latest"]
    for option in ("--target", "--seed", "--fault", "--clause", "--strict-clauses", "--read-only"):
        assert option not in words


def test_everything_that_was_chosen_is_handed_on() -> None:
    words = arguments(
        Choice(
            target=Path("t.toml"),
            profile="nightly",
            report=Path("r"),
            strict=True,
            in_flight=8,
            seed=0,
            clauses=("auth", "json.malformed"),
            allow_writes=True,
            read_only=True,
        )
    )
    assert pairs(words, "--target") == ["t.toml"]
    assert pairs(words, "--profile") == ["nightly"]
    assert pairs(words, "--report") == ["r"]
    assert pairs(words, "--seed") == ["0"]
    assert pairs(words, "--in-flight") == ["8"]
    assert pairs(words, "--clause") == ["auth", "json.malformed"]
    assert {"--strict-clauses", "--allow-writes", "--read-only"} <= set(words)


def test_the_mocks_faults_variants_and_answers_are_handed_on() -> None:
    words = arguments(Choice(faults=("a", "b"), variants=("c",), answers=("d=e",)))
    assert pairs(words, "--fault") == ["a", "b"]
    assert pairs(words, "--variant") == ["c"]
    assert pairs(words, "--answer") == ["d=e"]


def test_what_is_meant_for_pytest_comes_last() -> None:
    assert arguments(Choice(clauses=("auth",), pytest_args=("-x", "-k", "forged")))[-3:] == ["-x", "-k", "forged"]


# ---- choices that cannot be carried out


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        (Choice(clauses=("nonsense",)), ContractError),
        (Choice(profile="weekly"), UsageError),
        (Choice(faults=("nonsense",)), UsageError),
        (Choice(variants=("nonsense",)), UsageError),
        (Choice(answers=("nonsense",)), UsageError),
        (Choice(shard="0/2"), UsageError),
        (Choice(target=Path("nowhere.toml")), SettingsError),
    ],
)
def test_a_choice_that_cannot_be_carried_out_starts_nothing(
    choice: Choice, error: type[SuiteError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.fail("pytest was started"))
    with pytest.raises(error) as problem:
        execute(choice)
    assert problem.value.exit_status == 2


# ---- exit statuses


def ending(
    status: int, folder: Path, monkeypatch: pytest.MonkeyPatch, *, begun: bool = False, interrupted: bool = False
) -> int:
    """Carry out a choice where pytest ends at once with a status, and may leave the record of an empty run."""

    genuine = pytest.main
    started: list[list[str]] = []

    def main(words: list[str], **options: Any) -> int:
        if started:
            return int(genuine(words, **options))  # which makes the pages
        started.append(words)
        if begun:
            more = {"profile": "ci", "seed": 0, "target": "embedded mock", "strict": False, "pins": {}}
            session = ReportSession(folder, model.load(), pages=True, **more)
            session.close(interrupted=interrupted)
        return status

    monkeypatch.setattr(pytest, "main", main)
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(folder / "hypothesis"))
    return execute(replace(PLAIN, report=folder))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (pytest.ExitCode.OK, 3),
        (pytest.ExitCode.TESTS_FAILED, 2),
        (pytest.ExitCode.USAGE_ERROR, 2),
        (pytest.ExitCode.NO_TESTS_COLLECTED, 2),
        (pytest.ExitCode.INTERNAL_ERROR, 2),
    ],
)
def test_a_run_that_never_began_is_no_success(
    status: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ending(status, tmp_path, monkeypatch) == expected


def test_a_run_that_tested_nothing_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending(0, tmp_path, monkeypatch, begun=True) == 3
    assert (tmp_path / "report.html").exists()


def test_a_run_in_which_the_suite_broke_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending(pytest.ExitCode.INTERNAL_ERROR, tmp_path, monkeypatch, begun=True) == 3


def test_a_run_that_was_interrupted_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending(pytest.ExitCode.INTERRUPTED, tmp_path, monkeypatch, begun=True, interrupted=True) == 130


def test_an_older_report_is_not_taken_for_this_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending(0, tmp_path, monkeypatch, begun=True) == 3
    before = (tmp_path / "conformance.json").read_bytes()
    assert ending(pytest.ExitCode.USAGE_ERROR, tmp_path, monkeypatch) == 2
    assert (tmp_path / "conformance.json").read_bytes() == before


# ---- warnings

WARNED = Plan(mock=MockSettings(faults=("auth-all-1007",)), clauses=("auth.codes",))
PLANS = {"lax": WARNED, "strict": replace(WARNED, strict=True)}


@pytest.fixture(scope="module")
def wholes() -> Iterator[Mapping[str, Future[list[Whole]]]]:
    with under_way(PLANS) as started:
        yield started


@pytest.mark.parametrize(("name", "status", "verdict"), [("lax", 0, "partial"), ("strict", 1, "violated")])
def test_a_warning_counts_only_where_that_is_strict(
    name: str, status: int, verdict: str, wholes: Mapping[str, Future[list[Whole]]]
) -> None:
    whole = wholes[name].result()[0]
    assert whole.with_result("warned") == {"auth.codes"}
    assert (whole.status, whole.conformance["verdict"]) == (status, verdict)
    assert whole.conformance["strict"] is (name == "strict")


def test_what_was_not_chosen_is_untested_and_says_so(wholes: Mapping[str, Future[list[Whole]]]) -> None:
    whole = wholes["lax"].result()[0]
    assert whole.result("email.null")["reason"] == "it was not chosen for this run"
    assert whole.with_result("held") == set()
