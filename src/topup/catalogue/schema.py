"""The JSON Schema of a carrier's file, for editors that check and complete TOML while one types."""

import json
import sys

from topup.catalogue.form import CARRIER
from topup.catalogue.shapes import Schema


def carrier_schema() -> Schema:
    """The schema (JSON Schema, draft 2020-12). It knows the form; what must agree with what, only the check knows."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A carrier of topup",
        **CARRIER.schema(),
    }


def carrier_schema_text() -> str:
    """The schema as it lies in docs/guides/carrier.schema.json."""
    return json.dumps(carrier_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(carrier_schema_text())
