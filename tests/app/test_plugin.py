"""The plugin in nested pytest runs: what is collected, chosen and refused, and what others never see of it."""

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from engine_stage import CASES, CONTRACT
from refund_conformance.app.pytest_plugin.collection import PHASES
from refund_conformance.cases import explorations
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.model import Clause, Level
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SUITES = folder("suites")
OURS = (
    "-c",
    os.devnull,
    "-p",
    "refund_conformance.app.pytest_plugin.plugin",
    "-p",
    "no:cacheprovider",
    "--import-mode=importlib",
)
SLUG = re.compile(r"[A-Za-z0-9]+([-.][A-Za-z0-9]+)*")

PASSING = """
def test_of_somebody_else():
    assert True
"""


def nested(pytester: pytest.Pytester, *words: object, suites: bool = True) -> pytest.RunResult:
    """Run pytest in this process, in an empty folder, on the suites unless told otherwise."""
    where = (str(SUITES), "--rootdir", str(SUITES)) if suites else ()
    return pytester.runpytest_inprocess(*OURS, "--report", "report", "--no-pages", *where, *map(str, words))


def collected(pytester: pytest.Pytester, *words: object) -> list[str]:
    """Return the ids of the tests that are chosen, in the order in which they would run."""
    return [line for line in nested(pytester, "--collect-only", "-q", *words).outlines if "::" in line]


def clauses_of(pytester: pytest.Pytester) -> dict[str, str]:
    content = json.loads((pytester.path / "report/conformance.json").read_text(encoding="utf-8"))
    return {row["id"]: row["result"] for row in content["clauses"]}


# ---- collection


@pytest.fixture
def everything(pytester: pytest.Pytester) -> list[str]:
    return collected(pytester)


def test_every_test_has_a_plain_id_of_its_own(everything: list[str]) -> None:
    assert len(set(everything)) == len(everything) > 250
    for id_ in everything:
        match = re.fullmatch(r".*test_[a-z_]+\.py::test_[a-z_]+(\[(.+)\])?", id_)
        assert match, id_
        assert match[2] is None or SLUG.fullmatch(match[2]), id_


def test_every_case_is_the_parameter_of_one_test(everything: list[str]) -> None:
    slugs = Counter(id_.rpartition("[")[2] for id_ in everything if id_.endswith("]"))
    for case in CASES.values():
        named = slugs[f"{case.slug}]"] + slugs[f"{case.id.replace('/', '-')}]"]
        assert named >= 1, case.id
    explored = len(explorations(CONTRACT))
    assert sum(slugs.values()) - len(CASES) < explored


def test_what_shares_orders_comes_before_what_uses_them_up(everything: list[str]) -> None:
    telling = [
        "test_missing[no-header]",
        "test_method[get]",
        "test_first_drawn",
        "test_every_request",
        "test_race",
        "test_refundable[plain]",
        "test_no_effect",
        "test_every_kind",
    ]
    places = [next(place for place, id_ in enumerate(everything) if id_.endswith(name)) for name in telling]
    assert places == sorted(places)
    assert len(PHASES) == 8


@pytest.mark.parametrize(
    ("selectors", "files"),
    [
        (("auth.missing",), {"test_auth"}),
        (("auth",), {"test_auth"}),
        (("email.max", "content-type.exact"), {"test_fields", "test_content_type"}),
        (("errors.shape",), {"test_errors"}),
    ],
)
def test_clauses_are_chosen_by_id_and_by_the_beginning_of_ids(
    selectors: tuple[str, ...], files: set[str], pytester: pytest.Pytester
) -> None:
    words = [word for selector in selectors for word in ("--clause", selector)]
    ids = collected(pytester, *words)
    assert {Path(id_.partition("::")[0]).stem for id_ in ids} == files
    assert len(ids) < 60


def test_an_id_chooses_its_clause_alone(pytester: pytest.Pytester) -> None:
    ids = [id_.partition("::")[2] for id_ in collected(pytester, "--clause", "order.once")]
    assert ids == ["test_once[second-request]", "test_once[other-body]", "test_once_at_last"]


def lonely(id_: str) -> Clause:
    return Clause(id_, Level.MUST, "Promise.", "Source")


def test_a_clause_without_a_case_fails_collection_in_one_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = replace(CONTRACT, clauses={**CONTRACT.clauses, "extra.lonely": lonely("extra.lonely")})
    monkeypatch.setattr("refund_conformance.contract.model.load", lambda: more)
    result = nested(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line.strip()] == [
        "ERROR: clause extra.lonely has no case in suites/",
    ]
    assert not (pytester.path / "report").exists()


def test_a_case_without_a_clause_fails_collection_in_one_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = replace(CASES["auth.missing/no-header"], id="auth.stray/no-header")
    monkeypatch.setattr(
        "refund_conformance.app.pytest_plugin.collection.all_cases", lambda contract: {**CASES, stray.id: stray}
    )
    result = nested(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line.strip()] == [
        "ERROR: case auth.stray/no-header has no clause in the contract",
    ]


def test_a_test_of_no_clause_fails_collection_in_one_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.clause("auth.nonsense")
        def test_nonsense(target):
            pass
        """
    )
    result = nested(pytester, suites=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines if line.strip())
    assert line.endswith("::test_nonsense checks no clause of the contract")


def test_a_part_of_the_suites_need_not_cover_every_clause(pytester: pytest.Pytester) -> None:
    result = nested(pytester, SUITES / "test_success.py", suites=False)
    assert result.ret == 0
    result.assert_outcomes(passed=1)


# ---- runs


def test_pytest_works_on_the_suites_from_a_checkout(tmp_path: Path) -> None:
    with running(MockSettings(refundable=20)) as mock:
        (tmp_path / "t.toml").write_text(mock.target_toml(), encoding="utf-8")
        words = ("--target", str(tmp_path / "t.toml"), "--report", str(tmp_path / "report"))
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "suites",
                *words,
                "--clause",
                "auth.missing",
                "-p",
                "no:cacheprovider",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"\b[2-9] passed", ended.stdout)
    left = {path.name for path in (tmp_path / "report").iterdir()}
    assert left >= {"conformance.json", "events.jsonl", "junit.xml", "report.html"}


def test_a_violation_fails_its_test_and_says_what_was_expected(pytester: pytest.Pytester) -> None:
    result = nested(pytester, "--fault", "email-null-accepted", "--clause", "email.null")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["email.null: expected 400 with one 15010 for email; got 200 without errors"])
    assert clauses_of(pytester)["email.null"] == "violated"


def test_the_verdict_is_the_exit_status(pytester: pytest.Pytester) -> None:
    assert nested(pytester, "--fault", "auth-all-1007", "--clause", "auth.codes").ret == 0
    assert clauses_of(pytester)["auth.codes"] == "warned"
    assert nested(pytester, "--fault", "auth-all-1007", "--clause", "auth.codes", "--strict-clauses").ret == 1


def test_what_the_settings_do_not_provide_is_skipped_with_its_reason(pytester: pytest.Pytester) -> None:
    with running(MockSettings(refundable=20)) as mock:
        lines = [line for line in mock.target_toml().splitlines() if not line.startswith("unconfigured_token")]
        (pytester.path / "t.toml").write_text("\n".join(lines), encoding="utf-8")
        result = nested(pytester, "--target", "t.toml", "--clause", "caller", "-rs")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*SKIPPED*auth.unconfigured_token is not set*"])


def test_tests_of_others_run_beside_ours(pytester: pytest.Pytester) -> None:
    result = nested(pytester, pytester.makepyfile(PASSING), "--clause", "auth.missing")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] >= 3


def test_an_unknown_clause_ends_the_session_before_anything_is_collected(pytester: pytest.Pytester) -> None:
    result = nested(pytester, "--clause", "nonsense")
    assert result.ret != 0
    assert "CLAUSE 'nonsense': matches no clause" in "\n".join(result.outlines + result.errlines)
    assert not (pytester.path / "report").exists()


def test_the_seed_of_a_nightly_run_is_fresh_and_that_of_ci_is_not(pytester: pytest.Pytester) -> None:
    seeds = []
    for name in ("nightly", "nightly", "ci", "ci"):
        assert nested(pytester, "--profile", name, "--clause", "route.unknown-url").ret == 0
        seeds.append(json.loads((pytester.path / "report/conformance.json").read_text(encoding="utf-8"))["seed"])
    assert seeds[0] != seeds[1]
    assert seeds[2] == seeds[3] == 0


# ---- without our tests


def is_mock_running() -> bool:
    return any(thread.name == "mock" for thread in threading.enumerate())


@pytest.mark.parametrize("seen", ["passing", "nothing"])
def test_a_session_without_our_tests_has_no_report_and_no_mock(seen: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import threading

        def test_of_somebody_else():
            assert not [thread for thread in threading.enumerate() if thread.name == "mock"]
        """
        if seen == "passing"
        else ""
    )
    result = nested(pytester, suites=False)
    assert result.ret == (0 if seen == "passing" else pytest.ExitCode.NO_TESTS_COLLECTED)
    assert not (pytester.path / "report").exists()
    assert not is_mock_running()


def test_a_collection_alone_sends_nothing(pytester: pytest.Pytester) -> None:
    nested(pytester, "--collect-only", "-q")
    assert not (pytester.path / "report").exists()
