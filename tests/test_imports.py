"""Who may know whom: imports go from left to right, the mock shares no logic, the suites hold no answers."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import refund_conformance
from refund_conformance.contract import model as contracts

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


def imported_anywhere(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, ours or not."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


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
    known = ("oracle.judge", "mock.app", "cases.payloads.headers")
    assert {f"{PACKAGE}.{name}" for name in known} <= MODULES.keys()
    assert f"{PACKAGE}.contract.model" in needs(f"{PACKAGE}.oracle.permitted")
    assert f"{PACKAGE}.cases.payloads.fields" in needs(f"{PACKAGE}.cases.bodies")


@pytest.mark.whole
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


RULES: dict[str, set[str]] = {
    "contract": set(),
    "transport": {"contract"},
    "oracle": {"contract", "transport.exchange"},
    "cases": {"contract", "transport.exchange", "oracle"},
    "sut": {"contract", "transport", "oracle.error_body", "cases"},
    "engine": {"contract", "transport", "oracle", "cases", "sut"},
    "report": {"contract", "transport.redaction", "oracle", "cases"},
    "mock": {"contract"},
    "app": {"contract", "transport", "oracle", "cases", "sut", "engine", "report", "mock"},
}
"""What each package may import of the others: whole packages, or the one module of them that it needs."""


def package_of(module: str) -> str:
    return module.split(".")[1]


def test_there_are_nine_packages() -> None:
    assert {package_of(module) for module in MODULES if module != PACKAGE} == RULES.keys()


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {PACKAGE}))
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    package = package_of(module)
    allowed = within(set(MODULES), package, *RULES[package])
    assert needs(module) - allowed <= {PACKAGE}


@pytest.mark.parametrize("package", sorted(RULES.keys() - {"app", "report"}))
def test_no_package_below_the_reports_knows_pytest(package: str) -> None:
    for module in within(set(MODULES), package):
        names = {name.split(".")[0] for name in imported_anywhere(MODULES[module])}
        assert "pytest" not in names, module


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_fits_a_head(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.whole
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
    assert within(loaded, *(RULES.keys() - {"mock", "contract"})) == set()


@pytest.mark.whole
def test_a_run_loads_late_what_it_may_not_need() -> None:
    plugin = f"{PACKAGE}.app.pytest_plugin.plugin"
    program = f"import sys, {plugin}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"pytest", "requests"} <= set(done.stdout.split())
    assert {"sqlalchemy", "uvicorn", "jinja2"}.isdisjoint(done.stdout.split())


@pytest.mark.whole
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
    allowed = ("cases.case", "engine.registry", "app.pytest_plugin.fixture")
    assert set(imported(path)) <= {f"{PACKAGE}.{name}" for name in allowed}
    tree = parsed(path)
    assert not any(
        isinstance(node, ast.Assert | ast.If | ast.For | ast.While | ast.Try) for node in ast.walk(tree)
    )


def test_the_suites_cover_every_area_of_the_contract_with_a_file() -> None:
    fields = set(contracts.load().fields)
    areas = {"fields" if area in fields else area for area in contracts.load().areas}
    assert {path.stem.removeprefix("test_").replace("_", "-") for path in SUITES} == areas
