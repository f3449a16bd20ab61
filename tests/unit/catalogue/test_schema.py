"""The JSON Schema for editors says what the reader takes."""

import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.schema import carrier_schema, carrier_schema_text

WRITTEN = Path(__file__).parents[3] / "docs" / "guides" / "carrier.schema.json"


def content(file: Path) -> dict:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def test_the_written_schema_is_the_one_of_the_code():
    """Else: .venv/bin/python -m topup.catalogue.schema > docs/guides/carrier.schema.json"""
    assert WRITTEN.read_text(encoding="utf-8") == carrier_schema_text()


@pytest.mark.parametrize("file", demonstration_files(), ids=lambda file: file.stem)
def test_a_good_file_satisfies_the_schema(file):
    jsonschema_rs.validator_for(carrier_schema()).validate(content(file))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "Acme"},
        {"colour": "blue"},
        {"network": "elsewhere"},
        {"credit": {"face_values": [10.5]}},
        {"credit": {"face_values": [10], "validity": {"rule": "never", "days": 3}}},
        {"packs": [{"id": "a"}]},
        {"numbering": {"ranges": []}},
    ],
    ids=str,
)
def test_what_the_reader_refuses_for_its_form_the_schema_refuses(wrong):
    assert not jsonschema_rs.validator_for(carrier_schema()).is_valid(content(demonstration_files()[0]) | wrong)
