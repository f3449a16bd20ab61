"""Logs: what identifies a person or opens a door never gets there, whoever writes the line."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.ids import new_id
from topup.platform.logging import configure_logging, masked

CANARIES = [
    "13800138000",
    "+86 138 0013 8000",
    "+86-138-0013-8000",
    "(010) 6552-9988",
    "１３８００１３８０００",
    "89860012345678901234",
    "460001234567890",
    "4242 4242 4242 4242",
    "li.lei@example.cn",
    "bearer eyJhbGciOiJIUzI1NiJ9.abc.def",
    "secret=8s9d7f",
    "token: k9",
    "password = correct",
    "sk_live_51H8xYzAbCdEfGhIjKlMnOpQrStUv",
    "postgresql://topup:hunter2@db/topup",
]
PRIVATE = [
    "138",
    "8000",
    "9988",
    "１３８",
    "8986",
    "46000",
    "4242",
    "li.lei",
    "eyJ",
    "8s9d",
    "k9",
    "correct",
    "51H8",
    "hunter2",
]


@pytest.fixture
def lines():
    """What reaches the stream, parsed; the configuration of other tests is put back."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logging(level="info", console=False, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()


def leaked(text):
    return [part for part in PRIVATE if part in text]


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_is_masked_wherever_it_stands(canary):
    assert leaked(masked(canary)) == []
    assert leaked(masked(f"before {canary}, after")) == []


@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_reaches_the_log_by_any_way(lines, canary):
    log = structlog.get_logger("test")
    log.info(canary)
    log.info("said", note=canary, deep={"list": [canary, {"more": canary}]}, msisdn=canary, card_pin=canary)
    logging.getLogger("library").warning("from a library: %s", canary)
    try:
        int(f"x{canary}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    written = lines()
    assert len(written) == 5
    assert leaked(json.dumps([{**line, "timestamp": ""} for line in written], ensure_ascii=False)) == []


def test_keys_that_name_the_personal_are_dropped_and_others_kept(lines):
    structlog.get_logger().info("x", contact_address="y", access_token="y", pin="y", shipping="kept", pings=3, lane=7)
    (line,) = lines()
    assert {"shipping": "kept", "pings": 3, "lane": 7}.items() <= line.items()
    assert "y" not in line.values()


def test_an_integer_that_may_be_somebodys_number_is_masked(lines):
    structlog.get_logger().info("x", subscriber=13800138000, abroad=81234567, amount_minor=5000, seconds=0.1234567891)
    (line,) = lines()
    assert (line["subscriber"], line["abroad"], line["amount_minor"]) == ("[number]", "[number]", 5000)
    assert line["seconds"] == 0.1234567891


def test_an_id_keeps_what_finds_it_and_loses_what_opens_it():
    order = new_id("order", 3)
    kept = masked(f"advanced {order}.")
    assert order[:16] in kept
    assert order[16:] not in kept


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 started",
        "at 2026-11-21T00:08:05.123456+00:00",
        "took 12 ms for 256 items",
        "GET /api/v1/orders/{id} 200",
        "test_a_long_name_of_a_function_that_says_what_it_does",
        "127.0.0.1",
    ],
)
def test_what_is_not_personal_stays_readable(text):
    assert masked(text) == text


def test_what_a_database_says_of_a_row_is_dropped():
    said = 'violates "contacts_pkey"\nDETAIL:  Failing row contains (7, 王芳, fang).\nmore of it\nHINT:  none'
    assert masked(said) == 'violates "contacts_pkey"\nDETAIL: [dropped]\nHINT:  none'


@given(
    prefix=st.sampled_from(["", "tel:", "n=", "<", "号码", "x", "id_"]),
    digits=st.text("0123456789", min_size=7, max_size=20),
)
def test_no_run_of_seven_digits_survives(prefix, digits):
    assert digits not in masked(f"{prefix}{digits} and on")


def test_access_logs_of_the_server_with_their_paths_are_not_written(lines):
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /orders/ord_x HTTP/1.1" 200')
    logging.getLogger("httpx").info("HTTP Request: GET http://gateway/pay?x=1")
    assert lines() == []
