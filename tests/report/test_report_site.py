"""The history site: every run once, clauses by run and by target, and cells that lead to the evidence."""

import re
from pathlib import Path

import pytest
from report_story import Story, faulty_story

from refund_conformance.contract.errors import RunError
from refund_conformance.contract.model import load
from refund_conformance.report.render import render
from refund_conformance.report.site import build

pytestmark = pytest.mark.whole

EVIL = "<script>x</script>"


def _nights(root: Path) -> Path:
    for day, story in ((1, Story().everything_held()), (2, faulty_story()), (3, Story().everything_held())):
        story.started = f"2026-03-0{day}T05:00:00+00:00"
        render(story.write(root / "latest"))
    return root


def _rows(page: str) -> dict[str, str]:
    return dict(re.findall(r'<tr id="clause-([^"]+)">(.*?)</tr>', page))


def test_a_clause_has_a_cell_for_each_night_and_its_days(tmp_path: Path) -> None:
    pages = build(load(), [_nights(tmp_path)], tmp_path / "site")
    assert {path.name for path in pages} == {"index.html", "https-staging.example-ci.html"}
    row = _rows((tmp_path / "site" / "https-staging.example-ci.html").read_text())["auth.missing"]
    assert re.findall(r'<td class="(\w+)">', row) == ["held", "violated", "held"]
    assert "<td>2026-03-02</td><td>2026-03-03</td><td>100 %</td>" in row


def test_the_last_run_leads_to_its_evidence(tmp_path: Path) -> None:
    build(load(), [_nights(tmp_path)], tmp_path / "site")
    text = (tmp_path / "site" / "https-staging.example-ci.html").read_text()
    links = set(re.findall(r'href="(runs/[^"#]+)', text))
    assert len(links) == 1
    assert (tmp_path / "site" / links.pop()).is_file()


def test_several_targets_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("staging", "production-like"):
        render(Story(target=f"https://{name}.example").everything_held().write(tmp_path / name))
    build(load(), [tmp_path / "staging", tmp_path / "production-like"], tmp_path / "site")
    head = re.search(
        r'class="heat matrix">\s*<thead>(.*?)</thead>', (tmp_path / "site" / "index.html").read_text(), re.S
    )
    assert head is not None
    assert "https://staging.example" in head[1]
    assert "https://production-like.example" in head[1]


def test_nothing_of_a_target_is_markup(tmp_path: Path) -> None:
    render(Story(target=EVIL).everything_held().write(tmp_path / "latest"))
    for page in build(load(), [tmp_path], tmp_path / "site"):
        assert EVIL not in page.read_text()


def test_no_report_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no report"):
        build(load(), [tmp_path], tmp_path / "site")
