"""Files are read and checked with one clear error, of the kind that their reader asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError, RunError, SettingsError, SuiteError

SCHEMAS = sorted(folder("schemas").glob("*.json"))
READERS: dict[str, Callable[[Path, documents.ErrorClass], Any]] = {
    "toml": documents.read_toml,
    "json": documents.read_json,
}


@pytest.fixture(params=READERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[target]\nname = "ü"\n', encoding="utf-8")
    assert documents.read_toml(path, SettingsError) == {"target": {"name": "ü"}}


def test_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": ["ü", 1]}', encoding="utf-8")
    assert documents.read_json(path, SettingsError) == {"name": ["ü", 1]}


@pytest.mark.parametrize("error", [ContractError, SettingsError, RunError])
def test_a_missing_file_is_an_error_of_the_readers_kind(
    kind: str, error: type[SuiteError], tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        READERS[kind](tmp_path / "absent", error)
    assert str(caught.value) == f"{tmp_path / 'absent'}: No such file or directory. Name a file that can be read."


def test_a_folder_cannot_be_read(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Is a directory\. Name a file that can be read\.$"):
        READERS[kind](tmp_path, SettingsError)


@pytest.mark.parametrize("raw", [b"= [", b"{", b"\xff\xfe", b"a = 'b", b"[" * 100_000], ids=len)
def test_a_file_of_another_format_is_named_with_the_reason(kind: str, raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_bytes(raw)
    with pytest.raises(SettingsError) as caught:
        READERS[kind](path, SettingsError)
    assert str(caught.value).startswith(f"{path}: is not {kind.upper()} (")
    assert str(caught.value).endswith("Correct the file.")


@given(raw=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_with_the_typed_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(raw)
    for name, read in READERS.items():
        try:
            read(path, RunError)
        except RunError as problem:
            told = str(problem)
        else:
            told = "is read"
        assert "is read" in told or f"is not {name.upper()}" in told


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_each_schema_of_the_project_is_a_schema(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert documents.validator_of(path).schema == schema


def test_a_validator_is_made_once() -> None:
    assert documents.validator("contract") is documents.validator("contract")


def test_a_file_that_is_no_schema_is_named(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text('{"type": "thing"}', encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        documents.validator_of(path)
    assert str(caught.value).startswith(f"{path}: is no JSON Schema: 'thing'")


def test_what_a_schema_allows_passes() -> None:
    value = {"errors": [{"error": 110, "message": "text"}]}
    documents.check(value, "error-response", "body", RunError)  # raises nothing
    with pytest.raises(RunError):
        documents.check({**value, "errors": []}, "error-response", "body", RunError)


def test_what_breaks_a_schema_is_named_with_its_place_and_the_schema() -> None:
    value = {"errors": [{"error": 110, "message": "text"}, {"error": "111", "message": "text"}]}
    with pytest.raises(RunError) as caught:
        documents.check(value, "error-response", "the body", RunError)
    assert caught.value.what == "the body: errors.1.error"
    assert caught.value.why == "'111' is not of type 'integer'"
    assert caught.value.remedy == "See schemas/error-response.json for the form."


def test_a_value_that_is_wrong_as_a_whole_is_wrong_at_the_top_level() -> None:
    with pytest.raises(RunError, match="the body: the top level: 3 is not of type 'object'"):
        documents.check(3, "error-response", "the body", RunError)


def test_a_long_value_is_not_told_whole() -> None:
    with pytest.raises(RunError) as caught:
        documents.check({"errors": "x" * 5000}, "error-response", "the body", RunError)
    assert len(str(caught.value)) < 400
    assert "…" in str(caught.value)
