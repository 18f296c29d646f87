"""Runs are kept, and what changed between them is told."""

import json
from pathlib import Path

import pytest
from report_story import TARGET, Story, finding

from refund_conformance.contract.errors import RunError
from refund_conformance.report import history
from refund_conformance.report.compare import compare
from refund_conformance.report.render import render

pytestmark = pytest.mark.whole


def _run(root: Path, day: int, bad: tuple[str, ...] = (), target: str = TARGET, profile: str = "ci") -> Path:
    """Render the run of a day in March at which some clauses were violated."""
    started = f"2026-03-{day:02d}T05:00:00+00:00"
    story = Story(started=started, target=target, profile=profile).everything_held(but=bad)
    for clause in bad:
        story.case(f"{clause}/x", "violated", finding(clause))
    directory = story.write(root / "latest")
    render(directory)
    return directory


def test_each_run_is_kept_beside_latest(tmp_path: Path) -> None:
    for day in (1, 2, 2):
        _run(tmp_path, day)
    kept = sorted(path.name[:15] for path in (tmp_path / "history").iterdir())
    assert kept == ["20260301T050000", "20260302T050000"]


def test_a_directory_of_another_name_keeps_its_own(tmp_path: Path) -> None:
    assert history.place(Path("reports/latest")) == Path("reports/history")
    assert history.place(Path("out")) == Path("out/history")


def test_what_changed_is_told_on_top(tmp_path: Path) -> None:
    _run(tmp_path, 1, ("auth.missing", "route.method"))
    page = (
        (_run(tmp_path, 2, ("auth.missing", "json.malformed")) / "report.html")
        .read_text()
        .partition("</header>")[0]
    )
    changes = page.partition('<dl class="changes">')[2]
    assert changes.index("New") < changes.index("json.malformed") < changes.index("Fixed")
    assert changes.index("Fixed") < changes.index("route.method") < changes.index("Still failing")
    assert "Compared with the run of" in page
    assert "2026-03-01 05:00:00 UTC" in page


def test_runs_of_other_targets_and_profiles_do_not_count(tmp_path: Path) -> None:
    _run(tmp_path, 1, ("auth.missing",), target="https://other.example")
    _run(tmp_path, 2, ("auth.missing",), profile="nightly")
    page = (_run(tmp_path, 3) / "report.html").read_text()
    assert "No earlier run of this target and profile" in page


def test_a_run_told_again_is_compared_with_those_before_it(tmp_path: Path) -> None:
    first = _run(tmp_path, 2)
    events = (first / "events.jsonl").read_bytes()
    _run(tmp_path, 3, ("auth.missing",))
    (first / "events.jsonl").write_bytes(events)
    render(first)
    assert "No earlier run" in (first / "report.html").read_text()
    assert len(list((tmp_path / "history").iterdir())) == 2


def test_files_that_are_no_runs_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    for name, text in {"a.json": "{", "0.json": "[]", "00.json": '{"clauses": 1}'}.items():
        (tmp_path / "history" / name).write_text(text)
    assert "No earlier run" in (_run(tmp_path, 1) / "report.html").read_text()


def test_the_strip_shows_thirty_runs(tmp_path: Path) -> None:
    for day in range(1, 8):
        _run(tmp_path, day, ("auth.missing",) if day == 3 else ())
    data = json.loads((tmp_path / "latest" / "conformance.json").read_text())
    for name in range(40):
        old = {**data, "started": f"2026-02-01T05:{name:02d}:00+00:00"}
        (tmp_path / "history" / f"20260201T05{name:02d}00-0.json").write_text(json.dumps(old))
    render(tmp_path / "latest")
    page = (tmp_path / "latest" / "report.html").read_text()
    assert "Held in 29 of the last 30 runs" in page
    assert "Last 30 runs" in page


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ((), (), 0),
        (("auth.missing",), ("auth.missing",), 0),
        (("auth.missing",), (), 0),
        ((), ("auth.missing",), 1),
        (("route.method",), ("auth.missing",), 1),
    ],
)
def test_compare_exits_by_regressions(
    tmp_path: Path, old: tuple[str, ...], new: tuple[str, ...], status: int
) -> None:
    told, exit_status = compare(_run(tmp_path / "a", 1, old), _run(tmp_path / "b", 2, new) / "conformance.json")
    assert exit_status == status
    for clause in (*old, *new):
        assert clause in told
    assert told.endswith("1 regression.\n" if status else "No regressions.\n")


def test_compare_counts_a_new_warning_only_where_it_is_strict(tmp_path: Path) -> None:
    old = _run(tmp_path / "a", 1)
    for strict in (False, True):
        story = Story(strict=strict).everything_held(but=("auth.codes",))
        story.case("auth.codes/x", "warned", finding("auth.codes", kind="advice"))
        render(story.write(tmp_path / "b"))
        assert compare(old, tmp_path / "b")[1] == int(strict)


def test_compare_with_an_incomplete_run_is_not_a_success(tmp_path: Path) -> None:
    old = _run(tmp_path / "a", 1)
    story = Story()
    story.case("auth.missing/x")
    render(story.write(tmp_path / "b", ended=False))
    told, status = compare(old, tmp_path / "b")
    assert status == 3
    assert "No longer tested:" in told
    assert "NEW is incomplete: the run did not come to its end" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), ("{", "is not JSON"), ("{}", "'format' is a required property")],
)
def test_compare_names_a_file_that_is_no_report(tmp_path: Path, content: str | None, told: str) -> None:
    other = tmp_path / "conformance.json"
    if content is not None:
        other.write_text(content)
    with pytest.raises(RunError, match=told):
        compare(other, other)
