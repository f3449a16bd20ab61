"""The OpenAPI document is what is served: every route, every member, every status."""

import asyncio
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from topup.kernel.ids import new_id

from .conftest import OPENED

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
]
EXAMPLES = 12
BOOKS = (
    "buckets",
    "holds",
    "transfers",
    "shares",
    "adjustments",
    "adjustment-requests",
    "tills",
    "pay-codes",
    "reconciliation",
)
GUARDED = (
    "/api/v1/lines/",
    "/api/v1/links",
    "/api/v1/usage",
    "/api/v1/agents/",
    *(f"/api/v1/{kind}/" for kind in BOOKS),
)


@pytest.fixture
async def document(still_api):
    return (await still_api.client.get("/api/openapi.json")).json()


def test_the_document_names_every_route_of_the_contract(document):
    assert document["openapi"].startswith("3.1")
    routes = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert routes == {
        "GET /api/v1/numbers/{number}",
        "GET /api/v1/products",
        "POST /api/v1/quotes",
        "GET /api/v1/quotes/{quote_id}/methods",
        "POST /api/v1/orders",
        "GET /api/v1/orders/{order_id}",
        "POST /api/v1/orders/{order_id}/payments",
        "POST /api/v1/orders/{order_id}/cancel",
        "POST /api/v1/orders/{order_id}/credit-slips",
        "GET /api/v1/orders/{order_id}/receipt",
        "GET /api/v1/orders/{order_id}/receipt.pdf",
        "GET /api/v1/reconciliation/{method}/{day}",
        "GET /api/v1/reconciliation/{method}/{day}/differences.csv",
        "GET /api/v1/reconciliation/{method}/{day}/report.html",
        "GET /api/v1/pay-codes/{code}",
        "POST /api/v1/links",
        "GET /api/v1/links",
        "POST /api/v1/links/{link_id}/revoke",
        "POST /api/v1/tills/{till}/sessions",
        "POST /api/v1/tills/{till}/takings",
        "POST /api/v1/tills/{till}/refunds",
        "POST /api/v1/tills/{till}/close",
        "GET /api/v1/lines/{number}",
        "GET /api/v1/lines/{number}/balance",
        "GET /api/v1/lines/{number}/keeping",
        "GET /api/v1/lines/{number}/points",
        "GET /api/v1/lines/{number}/buckets",
        "GET /api/v1/lines/{number}/transfers",
        "POST /api/v1/lines/{number}/shares",
        "GET /api/v1/lines/{number}/plan",
        "GET /api/v1/lines/{number}/plans",
        "GET /api/v1/lines/{number}/plans/compared",
        "POST /api/v1/lines/{number}/plan",
        "POST /api/v1/lines/{number}/plan/cancel",
        "GET /api/v1/lines/{number}/automatic",
        "POST /api/v1/lines/{number}/automatic/{schedule_id}/stop",
        "GET /api/v1/lines/{number}/shares",
        "GET /api/v1/shares/{share_id}",
        "GET /api/v1/buckets/{bucket_id}",
        "GET /api/v1/holds/{hold_id}",
        "GET /api/v1/transfers/{transfer_id}",
        "POST /api/v1/lines/{number}/adjustments",
        "GET /api/v1/adjustments/{adjustment_id}",
        "GET /api/v1/adjustment-requests/{approval_id}",
        "POST /api/v1/usage",
        "POST /api/v1/usage/sessions",
        "GET /api/v1/usage/sessions/{session_id}",
        "POST /api/v1/usage/sessions/{session_id}/update",
        "POST /api/v1/usage/sessions/{session_id}/release",
        "GET /api/v1/lines/{number}/usage",
        "GET /api/v1/lines/{number}/events",
        "POST /api/v1/agents/topups",
        "GET /api/v1/agents/topups",
        "GET /api/v1/agents/me",
        "GET /api/v1/agents/statement",
        "GET /api/v1/agents/statement.csv",
        "POST /webhooks/{method}",
        "POST /webhooks/carriers/{carrier}",
        "POST /sandbox/payments/{payment_id}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }


def test_every_operation_tells_its_failures_with_examples(document):
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    continue
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert content["examples"], (path, status)
                assert all(example["value"]["status"] == int(status) for example in content["examples"].values())
            assert {"429", "500", "503"} <= set(operation["responses"])


def test_what_creates_needs_a_key_and_what_shows_a_line_needs_another(document):
    keyed = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if any(p["name"] == "Idempotency-Key" and p["required"] for p in operation["parameters"])
    }
    assert keyed == {
        "createOrder",
        "createPayment",
        "createShare",
        "createAdjustment",
        "createUsage",
        "sellTopUp",
        "createLink",
        "takeLinePlan",
        "stopAutomaticTopUp",
    }
    for path, item in document["paths"].items():
        for operation in item.values():
            assert (operation.get("security") == [{"ApiKey": []}]) is path.startswith(GUARDED), path


async def test_examples_in_the_document_are_taken(still_api, document):
    body = document["paths"]["/api/v1/quotes"]["post"]["requestBody"]["content"]["application/json"]["example"]
    answered = await still_api.client.post("/api/v1/quotes", json=body)
    assert answered.status_code == 201


async def test_whatever_follows_the_document_gets_what_the_document_says(still_api, document):
    """Schemathesis: right and wrong requests of every operation; every answer as described, none a 500."""
    quote = await still_api.quote()
    known = {"quote_id": quote["id"], "order_id": new_id("order", 1), "number": OPENED, "payment_id": "pay_x"}
    tried: Counter[str] = Counter()
    await asyncio.to_thread(_try_everything, document, still_api.url, known, tried)
    print(f"schemathesis requests={sum(tried.values())} operations={len(tried)} server errors=0")
    assert len(tried) == sum(len(item) for item in document["paths"].values())


def _try_everything(document, url: str, known: dict[str, str], tried: Counter[str]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        _try(operation, schemathesis.GenerationMode.POSITIVE, url, known, tried)
        # Only a body has a form that can be got wrong: any text is a number or an id, if perhaps one of nothing.
        if any(body.media_type == "application/json" for body in operation.body):
            _try(operation, schemathesis.GenerationMode.NEGATIVE, url, known, tried)


def _try(operation, mode, url: str, known: dict[str, str], tried: Counter[str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case) -> None:
        tried[operation.label] += 1
        if mode is schemathesis.GenerationMode.POSITIVE and tried[operation.label] % 2:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        case.call_and_validate(base_url=url, checks=CHECKS)

    each()
