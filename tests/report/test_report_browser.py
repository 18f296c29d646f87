"""The page in a real browser: it works, nothing of the target runs, and nothing leaves it."""

import importlib
import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from report_story import Story, faulty_story, finding, request, response

from refund_conformance.report.render import render

REQUIRED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"
"""Where the services are required, their lack is a failure."""

if REQUIRED:
    playwright = importlib.import_module("playwright.sync_api")
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SCREENS = {"laptop": (1366, 768), "phone": (390, 844)}
EVIL = (
    "</script><script>stolen()</script><img src='https://evil.example/x' onerror='stolen()'>\x1b[31m\u202e\ud800"
)


@dataclass
class Opened:
    """A page that is open, with what went wrong in it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        if REQUIRED:
            pytest.fail("there is no Chromium, and REFUND_CONFORMANCE_REQUIRE_SERVICES=1 asks for one")
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each kind, rendered."""
    root = tmp_path_factory.mktemp("reports")
    stories = {
        "conformant": Story().everything_held(),
        "faulty": faulty_story(),
        "incomplete": Story(started="2026-03-02T05:00:00+00:00"),
        "hostile": _hostile(),
    }
    stories["incomplete"].case("auth.missing/no-header")
    made: dict[str, Path] = {}
    for name, story in stories.items():
        reason = {"incomplete": "target https://staging.example: stopped answering", "hostile": EVIL * 9}.get(
            name, ""
        )
        target = EVIL * 5000 if name == "hostile" else story.target
        render(story.write(root / name, reason=reason, target=target, versions={EVIL: EVIL}))
        made[name] = root / name / "report.html"
    return made


@pytest.fixture
def opened(browser: Any, reports: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The page that a test's parameters name: kind, screen, colour scheme."""
    kind, screen, scheme = getattr(request, "param", ("faulty", "laptop", "light"))
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    told = Opened(page)
    page.on("request", lambda sent: told.requests.append(sent.url))
    page.on("pageerror", lambda problem: told.errors.append(str(problem)))
    page.on("console", lambda message: told.errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: told.errors.append(dialog.message))
    page.expose_function("stolen", lambda: told.errors.append("a script of the target ran"))
    page.goto(reports[kind].as_uri())
    yield told
    context.close()


def _hostile() -> Story:
    """A run whose target answers with markup and with a megabyte in every field."""
    story = Story()
    large = EVIL * 8000
    came = response(200, large, large, headers=[[large, large]] * 100)
    sent = request(large, headers=[[large, large]] * 50, target="/" + large, method=EVIL)
    shown = story.exchange(sent, came)
    lost = story.exchange(failure=large, detail=large)
    for clause in itertools.islice(story.contract.clauses, 12):
        bad = finding(clause, large, expected=large, kind=EVIL, also=[EVIL])
        story.case(f"{clause}/{large[:5000]}", "violated", bad, exchanges=[shown, lost], title=large, reason=large)
    story.case("order.unknown/x", "untested", reason=large, title=large)
    story.case("order.once/x", "undecided", reason=large, title=large)
    story.events.append({"event": "observation", "question": "byte-order-mark", "answer": large})
    story.events.append({"event": "leased", "group": large, "order": large})
    return story


ALL_KINDS = ("conformant", "faulty", "incomplete", "hostile")
EVERYWHERE = [
    *((kind, "laptop", "light") for kind in ALL_KINDS),
    ("faulty", "laptop", "dark"),
    ("faulty", "phone", "light"),
]


@pytest.mark.parametrize("opened", [(kind, "laptop", "light") for kind in ALL_KINDS], indirect=True, ids=ALL_KINDS)
def test_nothing_runs_and_nothing_leaves(opened: Opened) -> None:
    page = opened.page
    for fold in page.locator("summary").all():
        if fold.is_visible():
            fold.click()
    page.keyboard.press("End")
    page.wait_for_timeout(100)
    assert opened.errors == []
    assert [url for url in opened.requests if not url.startswith("file:")] == []
    assert len(opened.requests) == 1
    assert page.locator("img, iframe, object, embed, link, base, script[src]").count() == 0


@pytest.mark.parametrize("opened", EVERYWHERE, indirect=True, ids="-".join)
def test_axe_finds_nothing(opened: Opened) -> None:
    if not REQUIRED:
        pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    page = opened.page
    page.locator("#unfold").click()
    page.locator("#cases-fold > summary").click()
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(item["id"], item["impact"], item["nodes"][0]["html"][:200]) for item in found] == []


@pytest.mark.parametrize("opened", [(kind, "phone", "light") for kind in ALL_KINDS], indirect=True, ids=ALL_KINDS)
def test_a_phone_needs_no_scrolling_sideways(opened: Opened) -> None:
    opened.page.locator("#unfold").click()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= SCREENS["phone"][0]


@pytest.mark.parametrize("opened", [("faulty", "phone", "light")], indirect=True, ids=["phone"])
def test_a_figure_stays_in_one_line_on_a_phone(opened: Opened) -> None:
    cells = opened.page.locator(".latency .number")
    assert cells.count() > 20
    lines = "cells => cells.map(cell => cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight))"
    assert [height for height in cells.evaluate_all(lines) if height >= 2] == []


def test_the_first_screen_tells_verdict_causes_and_what_next(opened: Opened) -> None:
    page = opened.page
    for text in ("Violated: 3 clauses do not hold", "https://staging.example", "2026-03-01 05:00:00 UTC"):
        assert _on_first_screen(page.get_by_text(text).first)
    assert page.locator(".cause").count() == 2
    for part in (".cause h3", ".cause mark", ".cause del", ".cause .command code"):
        assert _on_first_screen(page.locator(part).first)
    assert _on_first_screen(page.locator(".cause h3").last)


@pytest.mark.parametrize("opened", [("faulty", "phone", "light")], indirect=True, ids=["phone"])
def test_a_phone_shows_verdict_and_first_cause_at_once(opened: Opened) -> None:
    assert _on_first_screen(opened.page.locator("h1").first)
    assert _on_first_screen(opened.page.locator(".cause del").first)


def test_titles_name_verdict_and_target_and_ids_have_names(opened: Opened) -> None:
    assert opened.page.title() == "Violated: https://staging.example"
    assert opened.page.locator('[id="undefined"]').count() == 0


def test_the_address_keeps_search_and_filter(opened: Opened) -> None:
    page = opened.page
    page.locator("#find").fill("auth.missing")
    page.locator('#clause-filter [value="held"]').uncheck()
    page.reload()
    assert page.locator("#find").input_value() == "auth.missing"
    assert not page.locator('#clause-filter [value="held"]').is_checked()
    assert page.locator("tr.clause:visible").count() == 1


def test_search_finds_causes_questions_and_cases_too(opened: Opened) -> None:
    page = opened.page
    page.locator("#cases-fold > summary").click()
    page.locator("#find").fill("byte-order-mark")
    assert page.locator("#question-byte-order-mark").is_visible()
    assert page.locator(".cause:visible").count() == 0
    page.locator("#find").fill("no-header")
    assert page.locator(".cause:visible").count() == 1
    assert page.locator("#results-table tbody tr.collapsible:visible").count() == 1


def test_a_case_leads_to_its_evidence(opened: Opened) -> None:
    page = opened.page
    page.locator("#cases-fold > summary").click()
    page.locator('#results-table a[href="#failure-auth.missing"]').click()
    page.wait_for_timeout(600)
    assert page.locator('[id="failure-auth.missing"] pre').first.is_visible()


def test_areas_fold_by_mouse_and_by_key(opened: Opened) -> None:
    area = opened.page.locator('details[data-area="route"]')
    row = area.locator("tr.clause").first
    assert not row.is_visible()
    area.locator("summary").first.click()
    assert row.is_visible()
    area.locator("summary").first.focus()
    opened.page.keyboard.press("Enter")
    assert not row.is_visible()
    opened.page.locator("#unfold").click()
    assert row.is_visible()
    opened.page.locator("#fold").click()
    assert not row.is_visible()


def test_the_filter_finds_words_and_results(opened: Opened) -> None:
    page = opened.page
    page.locator("#find").fill("utf-8 invalid")
    told = page.locator("#found")
    page.locator("#find").fill("auth.missing")
    assert page.locator("tr.clause:visible").count() == 1
    assert told.inner_text().endswith(" found")
    page.locator("#find").fill("")
    for result in ("warned", "untested", "waived", "held"):
        page.locator(f'#clause-filter [value="{result}"]').uncheck()
    assert page.locator("tr.clause:visible").count() == page.locator("tr.clause.violated").count() == 3


def test_the_copy_button_copies_the_command(opened: Opened) -> None:
    page = opened.page
    page.locator('[id="failure-auth.missing"] > details > summary').click()
    command = page.locator("#failures .command").first
    command.get_by_role("button").click()
    command.get_by_role("button", name="Copy").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == command.locator("code").inner_text()
    assert copied.startswith("curl --include")
    assert page.locator("#told").inner_text() == "Copied"


def test_a_link_to_a_failure_reveals_it(opened: Opened) -> None:
    page = opened.page
    page.locator('a[href="#failure-auth.missing"]').first.click()
    page.wait_for_timeout(600)
    assert _on_first_screen(page.locator('[id="failure-auth.missing"] h3'))


def test_the_table_of_cases_filters_and_sorts(opened: Opened) -> None:
    page = opened.page
    page.locator("#cases-fold > summary").click()
    rows = page.locator("#results-table tbody tr.collapsible")
    total = rows.count()
    assert rows.first.inner_text().startswith("Failed")
    page.locator('input[data-test-result="passed"]').uncheck()
    assert (rows.count(), rows.count() < total) == (3, True)
    page.locator('input[data-test-result="passed"]').check()
    page.locator('button[data-column-type="clause"]').focus()
    page.keyboard.press("Enter")
    assert "auth." in rows.first.inner_text()


def test_everything_is_there_without_script(browser: Any, reports: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(reports["faulty"].as_uri())
    assert page.locator("tr.clause").count() == len(Story().contract.clauses)
    assert page.locator(".cause .difference").first.is_visible()
    page.locator('[id="failure-auth.missing"] > details > summary').click()
    assert page.get_by_text("curl --include").first.is_visible()
    assert not page.locator("#clause-filter").is_visible()
    context.close()


def test_a_printed_page_is_unfolded(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.page.locator('details[data-area="route"] tr.clause').first.is_visible()
    assert not opened.page.locator("nav").is_visible()


@pytest.mark.parametrize("opened", [("incomplete", "laptop", "light")], indirect=True)
def test_an_incomplete_run_says_why_on_top(opened: Opened) -> None:
    assert opened.page.locator("h1").first.inner_text().startswith("Incomplete: ")
    assert _on_first_screen(opened.page.get_by_text("stopped answering").first)


def test_a_long_night_opens_with_its_failures_and_few_rows(browser: Any, tmp_path: Path) -> None:
    story = Story(profile="nightly")
    clauses = list(story.contract.clauses)
    for number in range(3000):
        bad = [finding(clauses[number % 50], f"answer {number}")] if number < 50 else []
        story.case(f"{clauses[number % 50]}/drawn-{number}", "violated" if bad else "held", *bad)
    render(story.write(tmp_path))
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("h1").first.is_visible()
    assert page.locator("*").count() < 20_000
    page.close()


def _on_first_screen(thing: Any) -> bool:
    box = thing.bounding_box()
    return bool(thing.is_visible() and box and box["y"] >= 0 and box["y"] + box["height"] <= 768)
