"""The command that lists the open questions."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from refund_conformance.app import cli, questions
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError

CONTRACT = contracts.load()


def written(folder: Path, *rows: dict[str, str | None]) -> Path:
    (folder / "conformance.json").write_text(json.dumps({"questions": rows}), encoding="utf-8")
    return folder


def block(text: str, question: str) -> str:
    """Return the lines about one question."""
    return text.partition(f"{question}\n")[2].partition("\n  observed")[0]


def test_every_question_is_listed_with_its_answers_and_its_default(tmp_path: Path) -> None:
    text = "\n".join(questions.lines(CONTRACT, tmp_path))
    for question in CONTRACT.questions.values():
        assert question.asks in block(text, question.id)
        assert all(answer in block(text, question.id) for answer in question.answers)
    assert "default   15060" in block(text, "order-not-found-code")
    assert "default   any" in block(text, "bearer-case")
    assert "an order of route, authorization" in block(text, "precedence")
    assert text.count("observed  nothing") == len(CONTRACT.questions)
    assert "No run's report" in text


def test_what_the_last_run_observed_and_what_is_pinned_is_told(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {"id": "bearer-case", "pinned": "401", "observed": "401"},
        {"id": "utf16-json", "pinned": None, "observed": "110\x1b[31m"},
    )
    text = "\n".join(questions.lines(CONTRACT, folder))
    assert "pinned    401" in block(text, "bearer-case")
    assert "\x1b" not in text
    assert text.count("observed  nothing") == len(CONTRACT.questions) - 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"questions": [1]}', '{"questions": 5}', "[" * 100_000])
def test_a_report_that_is_none_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "conformance.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match="is not the summary of a run"):
        list(questions.lines(CONTRACT, tmp_path))


def test_the_command_prints_them(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.main, ["questions", "--report", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output.startswith("content-type-parameters\n")
