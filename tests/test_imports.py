"""Who may know whom: imports go from left to right, the mock shares no logic, the suites hold no answers."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import refund_conformance
from refund_conformance import contract as contracts

PACKAGE = "refund_conformance"
ROOT = Path(refund_conformance.__file__).parent
SUITES = sorted((Path(__file__).parents[1] / "suites").glob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py")) if "suites" not in path.parts}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Yield every module of the package that a file imports, wherever in it the import stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            assert node.module is not None
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in submodules if name in MODULES]
            yield from found
            if len(found) < len(submodules):
                yield node.module


@cache
def needs(module: str) -> frozenset[str]:
    return frozenset(imported(MODULES[module])) - {module}


def closure(module: str) -> set[str]:
    """Return all that a module needs, directly or not."""
    found: set[str] = set()
    left = [module]
    while left:
        for name in needs(left.pop()) - found:
            found.add(name)
            left.append(name)
    return found


def within(modules: set[str], *areas: str) -> set[str]:
    prefixes = [f"{PACKAGE}.{area}" for area in areas]
    return {name for name in modules if any(name == each or name.startswith(f"{each}.") for each in prefixes)}


def test_all_modules_are_looked_at() -> None:
    assert {f"{PACKAGE}.oracle", f"{PACKAGE}.mock.app", f"{PACKAGE}.payloads.headers"} <= MODULES.keys()
    assert f"{PACKAGE}.contract" in needs(f"{PACKAGE}.oracle")
    assert f"{PACKAGE}.payloads.fields" in needs(f"{PACKAGE}.cases.bodies")


def test_imports_name_modules_that_there_are() -> None:
    for module in MODULES:
        assert needs(module) <= MODULES.keys(), module


def test_no_imports_are_relative() -> None:
    for path in MODULES.values():
        for node in ast.walk(parsed(path)):
            assert not isinstance(node, ast.ImportFrom) or node.level == 0, path


def test_there_are_no_circles() -> None:
    for module in MODULES:
        assert module not in closure(module), f"{module} imports itself through others"


JUDGING = ("oracle", "judge", "reading", "situation", "contract", "finding", "payloads", "cases")
SENDING = ("target", "plugin", "report", "mock", "suite", "run", "examination", "cli")


@pytest.mark.parametrize("module", sorted(within(set(MODULES), *JUDGING)))
def test_what_is_expected_and_sent_knows_nothing_of_targets_reports_and_the_mock(module: str) -> None:
    assert within(closure(module), *SENDING) == set()


@pytest.mark.parametrize("module", sorted(within(set(MODULES), "oracle", "judge", "reading", "situation")))
def test_the_judgement_knows_nothing_of_what_is_sent(module: str) -> None:
    assert within(closure(module), "cases", "payloads") == set()


SHARED_WITH_THE_MOCK = ("contract", "document", "errors", "openapi", "resources", "mock")
"""What the mock may import: the constants of the contract and how they are read, and itself."""


@pytest.mark.parametrize("module", sorted(within(set(MODULES), "mock")))
def test_the_mock_shares_no_logic_with_the_suite(module: str) -> None:
    logic = ("oracle", "judge", "payloads", "cases", "examination", "reading", "situation", "finding", "flows")
    assert within(closure(module), *logic) == set()
    assert closure(module) - within(closure(module), *SHARED_WITH_THE_MOCK) <= {PACKAGE}


def test_a_running_mock_has_loaded_nothing_of_the_suites_logic() -> None:
    program = f"""
import sys
from {PACKAGE}.mock.server import running
with running():
    print(*sorted(name for name in sys.modules if name.startswith("{PACKAGE}.")), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert f"{PACKAGE}.mock.app" in loaded
    assert (
        within(loaded, "oracle", "judge", "payloads", "cases", "examination", "target", "report", "plugin")
        == set()
    )


def test_a_run_loads_late_what_it_may_not_need() -> None:
    program = f"import sys, {PACKAGE}.plugin; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"pytest", "requests"} <= set(done.stdout.split())
    assert {"sqlalchemy", "uvicorn", "jinja2"}.isdisjoint(done.stdout.split())


def test_the_engine_does_not_import_the_suites() -> None:
    for path in MODULES.values():
        for node in ast.walk(parsed(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            assert not any(name.split(".")[0] == "suites" for name in (*names, module)), path


# ---- the suites

NUMBERS = {
    *contracts.load().errors,
    *(status for outcome in contracts.load().outcomes.values() for status in outcome.statuses),
    *range(200, 600),
    15020,
}
"""Numbers that are a status or an error code."""


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_holds_no_status_and_no_error_code(path: Path) -> None:
    tree = parsed(path)
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert not NUMBERS & {value for value in constants if isinstance(value, int)}
    texts = " ".join(value for value in constants if isinstance(value, str))
    assert not any(str(number) in texts.replace(",", " ").split() for number in NUMBERS)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_only_chooses_cases_and_has_them_checked(path: Path) -> None:
    assert set(imported(path)) <= {f"{PACKAGE}.cases.case", f"{PACKAGE}.suite"}
    tree = parsed(path)
    assert not any(
        isinstance(node, ast.Assert | ast.If | ast.For | ast.While | ast.Try) for node in ast.walk(tree)
    )


def test_the_suites_cover_every_area_of_the_contract_with_a_file() -> None:
    fields = set(contracts.load().fields)
    areas = {"fields" if area in fields else area for area in contracts.load().areas}
    assert {path.stem.removeprefix("test_").replace("_", "-") for path in SUITES} == areas
