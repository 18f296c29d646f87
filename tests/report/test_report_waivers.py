"""A waiver covers what it names until its day, and says when it is about to end, has ended, or is of no use."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from refund_conformance.app.cli import main
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import SettingsError
from refund_conformance.report import waivers
from refund_conformance.report.waivers import Waiver, fingerprint

CONTRACT = contracts.load()
DAY = date(2026, 3, 1)
FAILURE = fingerprint("auth.missing", {"kind": "accepted", "actual": "200 without errors"})
WHOLE = """
[[waivers]]
clause = "auth"
case = "auth.missing/no-header"
fingerprint = "0123456789ab"
reason = "known"
owner = "Team Refunds"
link = "https://tracker.example/1"
expires = 2026-04-01
remind_days = 3
"""


def waiver(clause: str = "auth.missing", expires: date = date(2026, 4, 1), **more: Any) -> Waiver:
    return Waiver(clause, "known", expires, **more)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "waivers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_taken_and_comes_back_from_the_record(tmp_path: Path) -> None:
    (read,) = waivers.load(written(tmp_path, WHOLE), CONTRACT)
    assert (read.clause, read.owner, read.fingerprint, read.remind_days) == (
        "auth",
        "Team Refunds",
        "0123456789ab",
        3,
    )
    assert waivers.of({"waivers": [json.loads(json.dumps(read.as_event()))]}) == (read,)


def test_a_record_of_version_0_1_is_read() -> None:
    row = {"clause": "auth.missing", "reason": "known", "expires": "2026-04-01", "case": "", "link": ""}
    assert waivers.of({"waivers": [row]}) == (waiver(),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (WHOLE.replace('"auth"', '"aut"'), "unknown clause or area"),
        (WHOLE.replace('"auth"', '"auth.miss"'), "unknown clause or area"),
        (WHOLE.replace("0123456789ab", "0123"), "does not match"),
        (WHOLE.replace("= 3", "= -1"), "minimum"),
        (WHOLE.replace("2026-04-01", '"2026-02-30"'), "is no day"),
        (WHOLE.replace("owner", "ownr"), "ownr"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        waivers.load(written(tmp_path, text), CONTRACT)


@pytest.mark.parametrize(
    ("given", "covered"),
    [
        (waiver(), True),
        (waiver("auth"), True),
        (waiver("aut"), False),
        (waiver("errors"), False),
        (waiver(case="auth.missing/no-header"), True),
        (waiver("auth", case="auth.missing/other"), False),
        (waiver(fingerprint=FAILURE), True),
        (
            waiver(
                "auth",
                fingerprint=fingerprint("auth.missing", {"kind": "accepted", "actual": "201 without errors"}),
            ),
            False,
        ),
        (waiver(expires=DAY), False),
    ],
)
def test_it_covers_what_it_names_and_nothing_else(given: Waiver, covered: bool) -> None:
    assert given.covers("auth.missing", "auth.missing/no-header", DAY, FAILURE) is covered


@pytest.mark.parametrize(
    ("given", "matched", "tested", "note"),
    [
        (waiver(), True, True, ""),
        (waiver(expires=date(2026, 3, 15)), True, True, " expires on 2026-03-15, in 14 days: known."),
        (waiver(expires=date(2026, 3, 2)), True, True, " expires on 2026-03-02, in 1 day: known."),
        (waiver(expires=date(2026, 3, 15), remind_days=13), True, True, ""),
        (waiver(expires=DAY), True, True, " expired on 2026-03-01, and still matches a failure: correct"),
        (waiver(expires=DAY, owner="Kim"), True, True, " (owner: Kim) expired on 2026-03-01, and still"),
        (waiver(expires=DAY), False, True, " expired on 2026-03-01, and matched no failure: remove it."),
        (waiver(), False, True, " matched no failure: remove or correct it."),
        (waiver(), False, False, " matched no failure: its clauses were not tested."),
    ],
)
def test_it_says_what_there_is_to_do(given: Waiver, matched: bool, tested: bool, note: str) -> None:
    said = given.note(DAY, is_matched=matched, is_tested=tested)
    assert said.startswith(f"Waiver of auth.missing{note}" if note else "")
    assert bool(said) is bool(note)


@pytest.mark.whole
def test_a_failure_is_waived_by_the_fingerprint_that_its_report_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiver bound to a failure covers it in the next run, and no failure of another kind."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> dict[str, Any]:
        done = CliRunner().invoke(main, ["run", "content-type.missing", *words])
        found: dict[str, Any] = json.loads(Path("reports/latest/conformance.json").read_text())
        assert "Traceback" not in done.output
        return found | {"status": done.exit_code, "output": done.output}

    def row(report: dict[str, Any]) -> dict[str, Any]:
        return next(row for row in report["clauses"] if row["id"] == "content-type.missing")

    before = run("--fault", "ct-missing-is-json")
    assert (before["status"], row(before)["result"]) == (1, "violated")
    (bound,) = row(before)["fingerprints"]
    text = f"[[waivers]]\nclause = 'content-type'\nreason = 'known'\nexpires = 2999-01-01\nfingerprint = '{bound}'"
    words = ("--waivers", str(written(tmp_path, text)))
    assert row(run("--fault", "ct-missing-is-json", *words))["result"] == "waived"
    written(tmp_path, text.replace(bound, "0" * 12))
    other = run("--fault", "ct-missing-is-json", *words)
    assert (other["status"], row(other)["result"]) == (1, "violated")
    assert "Waiver of content-type matched no failure: remove or correct it." in other["waiver_notes"]
