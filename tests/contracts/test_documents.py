"""The committed documents are what the code says, and the golden samples fit the published schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic_settings import BaseSettings

from libs.cli.running import Refusal
from libs.cli.settings import OperatorSettings
from libs.contracts.services import SERVICES
from wangge import asyncapi, documents
from wangge.wiring import handled

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = asyncapi.schemas()
MODELS: list[type[BaseSettings]] = [*map(documents.service_settings, SERVICES), OperatorSettings]


def test_the_committed_documents_are_the_generated_ones() -> None:
    documents.check(ROOT / "docs")


def test_a_document_that_differs_and_one_that_is_left_over_are_named(tmp_path: Path) -> None:
    documents.write(tmp_path)
    documents.check(tmp_path)
    (tmp_path / "settings.md").write_text("old", encoding="utf-8")
    (tmp_path / "schemas" / "wangge.dispatch.gone.v1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Refusal) as refusal:
        documents.check(tmp_path)
    assert "settings.md is not what the code says" in str(refusal.value)
    assert "gone.v1.json is not what the code says" in str(refusal.value)
    documents.write(tmp_path)
    documents.check(tmp_path)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__module__)
def test_every_setting_has_a_description(model: type[BaseSettings]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__module__)
def test_every_setting_is_documented(model: type[BaseSettings]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in model.model_fields if f"`{documents.variable(model, name)}`" not in page] == []


@pytest.mark.parametrize("type_name", SCHEMAS)
def test_a_golden_sample_fits_its_schema(type_name: str) -> None:
    sample = json.loads((GOLDEN / f"{type_name}.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[type_name])
    jsonschema.validate(sample, SCHEMAS[type_name])


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi.document(handled())
    for reference in _references(document):
        at: Any = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


def test_every_consumer_of_a_fact_receives_it_in_the_asyncapi_document() -> None:
    operations = asyncapi.document(handled())["operations"]
    for service, facts in handled().items():
        for fact in facts:
            channel = fact.type_name().removeprefix("wangge.")
            assert operations[f"{service}.receive.{channel}"]["action"] == "receive"
            assert operations[f"{fact.service}.send.{channel}"]["action"] == "send"


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for each in value.values():
                yield from _references(each)
        case list():
            for each in value:
                yield from _references(each)


def test_the_page_of_proofs_names_tests_and_pages_that_exist() -> None:
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    tests = set(re.findall(r"tests/\w+/\w+\.py", page))
    pages = set(re.findall(r"\(([a-z]+\.md)\)", page))
    assert [name for name in tests if not (ROOT / name).is_file()] == []
    assert [name for name in pages if not (ROOT / "docs" / name).is_file()] == []
    assert {path.name for path in (ROOT / "tests" / "end_to_end").glob("test_*.py")} - {"test_run.py"} <= {
        Path(name).name for name in tests
    }
