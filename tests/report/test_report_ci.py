"""The files for CI servers keep the schemas that their servers publish, are safe to use, and do what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole

yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml comes with check-jsonschema, which is not installed")

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BASH = "/bin/bash"
SCHEMAS = {
    "action.yml": "vendor.github-actions",
    "ci/github-nightly.yml": "vendor.github-workflows",
    "ci/github-pull-request.yml": "vendor.github-workflows",
    ".github/workflows/release.yml": "vendor.github-workflows",
    "compose.yaml": "vendor.compose-spec",
}
EXAMPLES = {"your-organization/refund-conformance@" + "0" * 40}
"""Names that a reader replaces; the files say so."""

SHELLCHECK = shutil.which("shellcheck", path=f"{BIN}:{os.environ['PATH']}")

needs_bash = pytest.mark.skipif(not Path(BASH).exists(), reason="bash is missing")


def _read(name: str) -> Any:
    return yaml.YAML(typ="safe").load(ROOT / name)


def _gitlab(**inputs: str) -> dict[str, Any]:
    """Return the jobs of the GitLab component, as GitLab has them once its inputs are put in."""
    header, text = (ROOT / "ci/gitlab.yml").read_text(encoding="utf-8").split("\n---\n")
    declared: dict[str, Any] = yaml.YAML(typ="safe").load(header)["spec"]["inputs"]
    values = {name: inputs.get(name, str((row or {}).get("default", ""))) for name, row in declared.items()}
    assert set(re.findall(r"\$\[\[ inputs\.([a-z-]+) \]\]", text)) == set(declared)
    filled = re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", lambda found: values[found[1]], text)
    jobs: dict[str, Any] = yaml.YAML(typ="safe").load(filled)
    return jobs


def _steps() -> list[dict[str, Any]]:
    workflows = [_read(name) for name, schema in SCHEMAS.items() if schema.endswith("workflows")]
    jobs = [job for workflow in workflows for job in workflow["jobs"].values()]
    return [*_read("action.yml")["runs"]["steps"], *(step for job in jobs for step in job["steps"])]


def _step(name: str) -> dict[str, Any]:
    return next(
        step for step in _read("action.yml")["runs"]["steps"] if name in (step.get("id"), step.get("name"))
    )


def _shell(script: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as GitHub does."""
    return subprocess.run(
        [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings()) as mock:
        yield mock


def _checkout(folder: Path, mock: RunningMock) -> Path:
    """Make a folder with settings for the mock, as a fresh check-out has them."""
    folder.mkdir()
    (folder / "target.toml").write_text(mock.target_toml(), encoding="utf-8")
    (folder / "target.toml").chmod(0o600)
    return folder


# ---- forms


@pytest.mark.parametrize("name", SCHEMAS)
def test_keeps_the_published_schema(name: str) -> None:
    _check_schema(SCHEMAS[name], ROOT / name)


def test_the_gitlab_component_keeps_the_published_schema(tmp_path: Path) -> None:
    path = tmp_path / "gitlab.json"
    path.write_text(json.dumps(_gitlab(package="wheel.whl")), encoding="utf-8")
    _check_schema("vendor.gitlab-ci", path, "--data-transform", "gitlab-ci")


def _check_schema(schema: str, path: Path, *options: str) -> None:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", *options, "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not (BIN / "zizmor").exists(), reason="zizmor is missing")
def test_zizmor_finds_nothing() -> None:
    words = [str(BIN / "zizmor"), "--offline", "-q", *(name for name in SCHEMAS if name != "compose.yaml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not shutil.which("actionlint"), reason="actionlint is missing")
def test_actionlint_finds_nothing() -> None:
    words = ["actionlint", *(name for name, schema in SCHEMAS.items() if schema.endswith("workflows"))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not SHELLCHECK, reason="shellcheck is missing")
def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    scripts = [str(path) for path in (ROOT / "ci").glob("*.sh")]
    for number, step in enumerate(step for step in _steps() if "run" in step):
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/bin/bash\n{step['run']}\n", encoding="utf-8")
        scripts.append(str(path))
    done = subprocess.run([str(SHELLCHECK), *scripts], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_actions_are_pinned_by_commit() -> None:
    used = {step["uses"] for step in _steps() if "uses" in step}
    assert {name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)} == set()
    assert {name for name in used if name.endswith("0" * 40)} == EXAMPLES


def test_no_input_becomes_part_of_a_script() -> None:
    for step in _steps():
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_described() -> None:
    action = _read("action.yml")
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    for name, row in action["inputs"].items():
        assert row["description"]
        assert f"inputs.{name} }}}}" in text or f"inputs.{name} " in text or f"inputs.{name})" in text


def test_nothing_is_installed_by_its_bare_name() -> None:
    """The name is not ours on any registry: only a wheel, a check-out or a pinned commit is safe."""
    names = ["README.md", "action.yml", "Dockerfile", *(f"ci/{path.name}" for path in (ROOT / "ci").iterdir())]
    names += [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")]
    installs = re.compile(
        r"""(?:(?:pip|pipx|uv|uv\ tool|uv\ pip)\ (?:install|add)\b[^\n]*?|\buvx\ |\bpipx\ run\ )
            (?<=[\s'"])refund-conformance(?:\[[\w,]+\])?(?=[\s'"`,]|$)""",
        re.VERBOSE | re.MULTILINE,
    )
    assert installs.search("pip install 'refund-conformance[redis]'")
    assert installs.search("$ uvx refund-conformance run")
    assert not installs.search("uvx --from ./refund_conformance-0.1.0-py3-none-any.whl refund-conformance run")
    found = {name: installs.findall((ROOT / name).read_text(encoding="utf-8")) for name in names}
    assert {name: lines for name, lines in found.items() if lines} == {}


# ---- the action


@needs_bash
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            {"TARGET": "my target.toml", "CLAUSES": "auth json.malformed", "STRICT": "true"},
            ["--target", "my target.toml", "--strict", "auth", "json.malformed"],
        ),
        (
            {"REQUIRE": "auth, order", "WAIVERS": "w.toml", "READ_ONLY": "true", "ALLOW_WRITES": "true"},
            ["--require", "auth", "--require", "order", "--waivers", "w.toml", "--read-only", "--allow-writes"],
        ),
        ({"STRICT": "$(touch made)", "CLAUSES": "`touch made`"}, ["`touch", "made`"]),
    ],
)
def test_the_action_passes_its_inputs_on(tmp_path: Path, inputs: Mapping[str, str], words: list[str]) -> None:
    done, _ = _run_step(tmp_path, 'printf "%s\\n" "$@"', **inputs)
    fixed = ["run", "--profile", "ci", "--report", "out dir", "--in-flight", "8", "--shard", "1/2"]
    assert done.stdout.splitlines() == [*fixed, *words]
    assert not (tmp_path / "made").exists()


def _run_step(folder: Path, body: str, **inputs: str) -> tuple["subprocess.CompletedProcess[str]", str]:
    """Run the step with a program of our own; return what it printed and what it put out."""
    program, output = folder / "program", folder / "output"
    program.write_text(f"#!/bin/bash\n{body}\n")
    program.chmod(0o755)
    output.write_text("")
    step = _step("run")
    given = {name: "" for name in step["env"] if name.startswith("INPUT_")}
    given |= {"INPUT_PROFILE": "ci", "INPUT_REPORT": "out dir", "INPUT_IN_FLIGHT": "8", "INPUT_SHARD": "1/2"}
    given |= {"INPUT_FAIL_ON": "incomplete", **{f"INPUT_{name}": value for name, value in inputs.items()}}
    done = _shell(step["run"], folder, COMMAND=str(program), GITHUB_OUTPUT=str(output), **given)
    return done, output.read_text()


@needs_bash
def test_a_database_url_of_the_ledger_goes_to_the_settings(tmp_path: Path) -> None:
    url = "postgresql+psycopg://u:p@db/l"
    assert _run_step(tmp_path, 'echo "$REFUND_LEDGER"', LEDGER=url)[0].stdout == f"{url}\n"
    assert _run_step(tmp_path, 'echo "${REFUND_LEDGER-unset}"', LEDGER="auto")[0].stdout == "unset\n"


@needs_bash
@pytest.mark.parametrize(
    ("fail_on", "statuses"),
    [
        ("incomplete", {0: 0, 1: 1, 2: 2, 3: 3, 130: 130}),
        ("violated", {0: 0, 1: 1, 2: 2, 3: 0, 143: 143}),
        ("never", {0: 0, 1: 0, 2: 2, 3: 0, 130: 130}),
        ("sometimes", {0: 2}),
    ],
)
def test_what_fails_the_step_is_chosen(tmp_path: Path, fail_on: str, statuses: Mapping[int, int]) -> None:
    for status, ended in statuses.items():
        done, output = _run_step(tmp_path, f"exit {status}", FAIL_ON=fail_on)
        assert done.returncode == ended, (status, done.stdout)
        assert output == (f"exit={status}\n" if fail_on != "sometimes" else "")
        assert ("::warning" in done.stdout) is (ended == 0 != status)


@needs_bash
@pytest.mark.parametrize(
    ("target", "ledger", "report", "paths", "history"),
    [
        (
            "conf/target.toml",
            "auto",
            "reports/latest",
            ["conf/target.ledger.sqlite", "reports/history"],
            "reports/history",
        ),
        ("target.toml", "", "out", ["out/history"], "out/history"),
        ("", "auto", "reports/latest", ["reports/history"], "reports/history"),
        ("target.toml", "my ledger", "r", ["my ledger", "r/history"], "r/history"),
        ("target.toml", "postgresql+psycopg://u:p@db/l", "r", ["r/history"], "r/history"),
    ],
)
def test_ledger_and_history_are_carried(
    tmp_path: Path, target: str, ledger: str, report: str, paths: list[str], history: str
) -> None:
    output = tmp_path / "output"
    given = {"TARGET": target, "LEDGER": ledger, "HISTORY": "true", "REPORT": report, "PROFILE": "ci"}
    variables = {f"INPUT_{name}": value for name, value in given.items()}
    done = _shell(_step("carried")["run"], tmp_path, GITHUB_OUTPUT=str(output), **variables)
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    assert text.partition("paths<<END_OF_PATHS\n")[2].partition("END_OF_PATHS")[0].splitlines() == paths
    assert f"history={history}\n" in text
    assert re.search(r"^key=refund-conformance-ci-[\w.-]*$", text, re.M)


@needs_bash
def test_the_action_installs_from_its_own_check_out_with_constraints(tmp_path: Path) -> None:
    """A Python that only writes down what it was asked for stands in the place of the real one."""
    stub = tmp_path / "bin" / "python"
    stub.parent.mkdir()
    stub.write_text(
        '#!/bin/bash\nprintf "%s\\n" "$*" >> "$LOG"\n'
        'if [[ "$2" == venv ]]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi\n'
    )
    stub.chmod(0o755)
    script = _step("install")["run"]
    given = {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_ACTION_PATH": "/action",
    }
    given |= {"LOG": str(tmp_path / "log"), "PATH": f"{stub.parent}:/usr/bin:/bin"}
    done = _shell(script, tmp_path, INPUT_EXTRAS="postgresql,redis", **given)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "log").read_text().splitlines()[-1]
    assert asked.endswith("-c /action/constraints.txt /action[postgresql,redis]")
    assert f"command={tmp_path}/refund-conformance/bin/refund-conformance" in (tmp_path / "output").read_text()
    assert _shell(script, tmp_path, INPUT_EXTRAS="x; touch made", **given).returncode == 2


@needs_bash
def test_the_action_runs_against_a_server_and_comments_what_is_new(tmp_path: Path) -> None:
    """Two runs, the second of a server that became wrong: the comment has the new violation alone."""
    variables: dict[str, str] = {}
    for fault, ended in ((), 0), (("ct-missing-is-json",), 1):
        with running(MockSettings(faults=fault)) as mock:
            if not variables:
                _checkout(tmp_path / "work", mock)
            text = re.sub(r"base_url = .*", f'base_url = "{mock.base_url}"', mock.target_toml())
            (tmp_path / "work/target.toml").write_text(text, encoding="utf-8")
            given = {name: "" for name in _step("run")["env"] if name.startswith("INPUT_")}
            given |= {"INPUT_TARGET": "target.toml", "INPUT_CLAUSES": "content-type.missing auth.missing"}
            given |= {"INPUT_PROFILE": "ci", "INPUT_REPORT": "reports/latest", "INPUT_IN_FLIGHT": "1"}
            given |= {"INPUT_SHARD": "1/1", "INPUT_FAIL_ON": "violated"}
            variables = {"COMMAND": str(BIN / "refund-conformance"), "GITHUB_OUTPUT": str(tmp_path / "output")}
            done = _shell(_step("run")["run"], tmp_path / "work", **variables, **given)
            assert done.returncode == ended, done.stdout + done.stderr
    assert "verdict=violated" in (tmp_path / "output").read_text()
    kept = sorted((tmp_path / "work/reports/history").glob("*.json"))
    assert len(kept) == 2
    first = json.loads(kept[0].read_text())
    told = _comment(tmp_path, variables)
    assert told.startswith("Refund conformance: **violated** ([run](https://example/run))")
    assert "New:\n  content-type.missing" in told
    assert "auth.missing" not in told
    assert "regression" not in told
    assert first["verdict"] != "violated"


def _comment(folder: Path, variables: Mapping[str, str]) -> str:
    """Run the step that comments, with a `gh` that keeps what it is given."""
    gh = folder / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/bash\nwhile [[ "$1" != --body-file ]]; do shift; done\ncp "$2" "$KEPT"\n')
    gh.chmod(0o755)
    given = {"RUNNER_TEMP": str(folder), "HISTORY": "reports/history", "VERDICT": "violated", "NUMBER": "5"}
    given |= {"LINK": "https://example/run", "INPUT_REPORT": "reports/latest", "KEPT": str(folder / "kept")}
    given |= {"PATH": f"{gh.parent}:{os.environ['PATH']}"}
    step = _step("Comment on the pull request")
    done = _shell(step["run"], folder / "work", **(dict(variables) | given))
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "kept").read_text(encoding="utf-8")


def test_the_nightly_example_tells_a_chat_only_if_there_is_an_address() -> None:
    step = next(step for step in _steps() if "webhook" in step.get("run", ""))
    assert step["env"]["REFUND_CONFORMANCE_WEBHOOK"] == "${{ secrets.REFUND_CONFORMANCE_WEBHOOK }}"
    assert _read("ci/github-nightly.yml")["permissions"] == {}


def test_the_release_starts_by_hand_alone_and_publishes_only_if_asked() -> None:
    workflow = _read(".github/workflows/release.yml")
    assert set(workflow["on" if "on" in workflow else True]) == {"workflow_dispatch"}
    assert workflow["jobs"]["publish"]["if"] == "${{ inputs.publish }}"
    assert workflow["jobs"]["publish"]["permissions"] == {"id-token": "write"}


@needs_bash
def test_only_what_a_registry_takes_is_published(tmp_path: Path) -> None:
    (step,) = (step for step in _steps() if step.get("name") == "Keep only what a registry takes")
    (tmp_path / "dist").mkdir()
    names = {"a-py3-none-any.whl", "a.tar.gz"}
    for name in (*names, "sbom.cdx.json", "constraints.txt", "SHA256SUMS"):
        (tmp_path / "dist" / name).write_text("")
    assert _shell(step["run"], tmp_path).returncode == 0
    assert {path.name for path in (tmp_path / "dist").iterdir()} == names


@needs_bash
def test_a_chat_without_an_address_is_no_failure(tmp_path: Path) -> None:
    step = next(step for step in _steps() if "webhook" in step.get("run", ""))
    done = _shell(step["run"], tmp_path, PYTHON=sys.executable, REFUND_CONFORMANCE_WEBHOOK="")
    assert done.returncode == 0, done.stderr


# ---- GitLab, cron and Jenkins


@needs_bash
@pytest.mark.parametrize(
    ("constraints", "words"), [("", []), ("my constraints.txt", ["-c", "my constraints.txt"])]
)
def test_the_gitlab_job_installs_what_it_is_given(tmp_path: Path, constraints: str, words: list[str]) -> None:
    stub = tmp_path / "bin" / "python"
    stub.parent.mkdir()
    stub.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    shared = _gitlab(package="a wheel.whl", constraints=constraints)[".refund-conformance"]
    variables = {**shared["variables"], "PATH": f"{stub.parent}:/usr/bin:/bin"}
    done = _shell("\n".join(shared["before_script"]), tmp_path, **variables)
    assert done.stdout.splitlines() == ["-m", "pip", "install", "--quiet", *words, "a wheel.whl"]


@needs_bash
@pytest.mark.parametrize(("fail_on", "allowed"), [("violated", 93), ("incomplete", 3)])
def test_the_gitlab_job_runs_and_an_incomplete_run_is_a_warning(
    tmp_path: Path, mock: RunningMock, fail_on: str, allowed: int
) -> None:
    jobs = _gitlab(**{"package": "wheel.whl", "fail-on": fail_on, "arguments": "auth.missing"})
    job, shared = jobs["refund-conformance"], jobs[".refund-conformance"]["variables"]
    folder = _checkout(tmp_path / "work", mock)
    script = "\n".join(job["script"])
    done = _shell(script, folder, **shared, REFUND_CONFORMANCE_PROFILE="ci")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "reports/latest/junit.xml").exists()
    (folder / "target.toml").write_text(mock.target_toml().replace(mock.base_url, "http://127.0.0.1:9"))
    done = _shell(script, folder, **shared, REFUND_CONFORMANCE_PROFILE="ci")
    assert done.returncode == allowed, done.stdout + done.stderr
    assert job["allow_failure"] == {"exit_codes": [93]}
    after = _shell("\n".join(job["after_script"]), folder, CI_JOB_URL="https://example/job")
    assert after.returncode == 0, after.stderr


def test_the_gitlab_job_does_not_run_for_every_branch() -> None:
    rules = _gitlab(package="wheel.whl")["refund-conformance"]["rules"]
    sources = [re.findall(r'CI_PIPELINE_SOURCE == "(\w+)"', rule["if"]) for rule in rules]
    assert sources == [["schedule"], ["web", "api"]]


@needs_bash
def test_the_cron_script_keeps_one_ledger_and_one_history_over_fresh_check_outs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/refund-conformance").symlink_to(BIN / "refund-conformance")
    (home / "installed").write_text("wheel.whl\n")
    variables = {"REFUND_CONFORMANCE_HOME": str(home), "REFUND_CONFORMANCE_PACKAGE": "wheel.whl"}
    variables |= {"REFUND_CONFORMANCE_PROFILE": "ci", "REFUND_CONFORMANCE_TARGET": "target.toml"}
    script = str(ROOT / "ci/nightly.sh")
    for night in ("first", "second"):
        with running(MockSettings()) as mock:
            folder = _checkout(tmp_path / night, mock)
            ledger = f'[orders]\nledger = "sqlite:///{home}/target.ledger.sqlite"'
            data = mock.target_toml().replace("[orders]", ledger)
            (folder / "target.toml").write_text(data, encoding="utf-8")
            done = _shell(f"{script} auth.missing order.refundable", folder, **variables)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout == ""
    assert len(list((home / "reports/history").glob("*.json"))) == 2
    assert (home / "target.ledger.sqlite").exists()
    assert all((night / "report.html").exists() for night in (home / "reports/nights").iterdir())
    assert not (home / "running").exists()


@needs_bash
def test_the_cron_script_reports_what_is_wrong_and_never_runs_twice_at_once(
    tmp_path: Path, mock: RunningMock
) -> None:
    script, home = str(ROOT / "ci/nightly.sh"), tmp_path / "home"
    missing = _shell(script, tmp_path)
    assert missing.returncode != 0
    assert "name a directory that stays" in missing.stderr
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/refund-conformance").symlink_to(BIN / "refund-conformance")
    (home / "installed").write_text("wheel.whl\n")
    folder = _checkout(tmp_path / "work", mock)
    (folder / "target.toml").write_text("[target]\nbase_url = 'http://127.0.0.1:9'\n")
    variables = {"REFUND_CONFORMANCE_HOME": str(home), "REFUND_CONFORMANCE_PACKAGE": "wheel.whl"}
    variables |= {"REFUND_CONFORMANCE_TARGET": "target.toml"}
    wrong = _shell(script, folder, **variables)
    assert (wrong.returncode, "auth.token" in wrong.stdout) == (2, True)
    (home / "running").mkdir()
    busy = _shell(script, folder, **variables)
    assert (busy.returncode, "A run is under way" in busy.stderr) == (3, True)
    assert (home / "running").exists()


@needs_bash
def test_the_jenkins_steps_run(tmp_path: Path) -> None:
    text = (ROOT / "ci/Jenkinsfile").read_text(encoding="utf-8")
    install, doctor, run = re.findall(r"'''\n(.*?)'''", text, re.DOTALL)
    assert '-c "$CONSTRAINTS" "$PACKAGE"' in install
    with running(MockSettings()) as mock:
        folder = _checkout(tmp_path / "work", mock)
        (folder / ".venv").symlink_to(BIN.parent)
        for script in (doctor, run.replace("--profile", "auth.missing --profile")):
            done = _shell(script, folder, PROFILE="ci")
            assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "reports/latest/junit.xml").exists()
    assert text.count("{") == text.count("}")


# ---- the image


def test_the_image_is_pinned_slim_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    base = re.search(r"^ARG PYTHON=(python:[\d.]+-slim-\w+@sha256:[0-9a-f]{64})$", text, re.M)
    assert base is not None
    assert base[1] == _gitlab()[".refund-conformance"]["image"]
    assert re.findall(r"^FROM (\S+)", text, re.M) == ["${PYTHON}", "${PYTHON}", "suite", "suite"]
    assert re.search(r"^USER (\d+)$", text, re.M)
    assert text.rindex("USER") < text.index("ENTRYPOINT")
    assert "HEALTHCHECK" in text.partition("AS mock")[2]
    assert "org.opencontainers.image.licenses" in text


def test_the_image_gets_all_that_the_wheel_is_built_of(tmp_path: Path) -> None:
    """The image's own step, run on the files that it copies, and on nothing else."""
    copied = re.findall(r"^COPY ((?:[\w.]+ )+)\S+$", (ROOT / "Dockerfile").read_text(), re.M)
    names = {name for line in copied for name in line.split()}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == kept
    for name in names:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    built = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr


@needs_bash
def test_the_demonstration_finds_its_fault(tmp_path: Path) -> None:
    """The commands of compose.yaml, one by one, with a port and folders of our own."""
    services = _read("compose.yaml")["services"]
    (command,) = services["mock"]["command"]
    command = command.replace("$$", "$").replace("/settings", str(tmp_path)).replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    command = command.replace("--port 8080", "--port 0").replace("//mock:", "//127.0.0.1:")
    process = subprocess.Popen(
        [BASH, "-c", command],
        cwd=tmp_path,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", "FAULT": "desc-counted-in-bytes", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        _wait_for(tmp_path / "target.toml", "login_check")
        words = " ".join(services["nightly"]["command"]).replace("/settings/", f"{tmp_path}/")
        words = words.replace("/reports/latest", f"{tmp_path}/reports/latest").replace("nightly", "ci")
        done = _shell(f"refund-conformance {words} description.unicode", tmp_path)
        assert done.returncode == 1, done.stdout + done.stderr
        assert (tmp_path / "reports/latest/report.html").exists()
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _wait_for(path: Path, text: str) -> None:
    """Wait until a file has a text."""
    for _ in range(600):
        if path.exists() and text in path.read_text(encoding="utf-8"):
            return
        time.sleep(0.05)
    pytest.fail(f"{path} does not have {text}")


@pytest.mark.skipif(not shutil.which("docker"), reason="docker is missing")
def test_docker_takes_the_file() -> None:
    done = subprocess.run(
        ["docker", "build", "--check", str(ROOT)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lacking = [line for line in done.stderr.splitlines() if "daemon" in line or "unknown flag" in line]
    if lacking:
        pytest.skip("docker cannot check here: " + lacking[0])
    assert done.returncode == 0, done.stdout + done.stderr
