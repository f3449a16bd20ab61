"""Failures as problem documents: status, words in the caller's language, nothing that only the operator should know."""

import json

import pytest
from litestar.exceptions import (
    ClientException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    PermissionDeniedException,
    ValidationException,
)

from topup.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from topup.platform.i18n import LOCALES
from topup.platform.web.problems import STATUS_OF_CATEGORY, document_of, problem_of, status_of


def told(problem: Problem, locale: str = "en"):
    return document_of(problem, locale=locale, request_id="0123")


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Invalid("number_impossible"), 422),
        (Invalid("key_missing"), 400),
        (Invalid("key_reused"), 422),
        (Invalid("body_unreadable"), 400),
        (Invalid("body_too_large", limit=1), 413),
        (Invalid("body_type_unsupported", expected="x"), 415),
        (Invalid("body_too_slow"), 408),
        (NotFound("order_unknown"), 404),
        (Conflict("request_running"), 409),
        (Forbidden("not_permitted", permission="x"), 403),
        (Unauthenticated("credentials_missing"), 401),
        (Throttled("too_many_requests", retry_after_s=7), 429),
        (Unavailable("database_lost"), 503),
        (Unavailable("unexpected"), 500),
    ],
)
def test_each_problem_has_its_status(problem, status):
    document = told(problem)
    assert document.status == status == json.loads(document.to_json())["status"]


def test_every_category_of_the_kernel_has_a_status():
    categories = {kind.category for kind in Problem.__subclasses__() if kind.__module__ == Problem.__module__}
    assert categories == set(STATUS_OF_CATEGORY)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_words_are_the_callers(locale):
    titles = {told(Conflict("quote_expired"), other).title for other in LOCALES}
    document = told(Conflict("quote_expired"), locale)
    assert len(titles) == 3
    assert document.headers["content-language"] == locale.replace("_", "-")


def test_parameters_stand_beside_and_never_hide_a_standard_member():
    problem = Conflict("confirmation_needed", confirmations=["duplicate"], minutes=2, status="mine", title="mine")
    body = json.loads(told(problem).to_json())
    assert body["confirmations"] == ["duplicate"]
    assert body["minutes"] == 2
    assert body["status"] == 409
    assert body["title"] != "mine"
    assert body["type"] == "/problems/confirmation_needed"
    assert body["who_must_act"] == "you"
    assert body["instance"] == "/requests/0123"


def test_a_list_with_nothing_in_it_has_words_of_its_own():
    assert "packs only" in told(Invalid("amount_not_offered", nearest=[], currency="CNY")).detail
    assert "30.00" in told(Invalid("amount_not_offered", nearest=["30.00"], currency="CNY")).detail


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_to_be_confirmed_is_named_and_nothing_else(locale):
    def asked(*confirmations: str, minutes: int) -> str:
        return told(Conflict("confirmation_needed", confirmations=[*confirmations], minutes=minutes), locale).detail

    large = asked("large_amount", minutes=0)
    duplicate = asked("duplicate", minutes=7)
    both = asked("duplicate", "large_amount", minutes=7)
    assert "0" not in large
    assert "7" in duplicate
    assert "7" in both
    of_large = {"en": "amount is large", "zh_Hans": "金额比较大", "zh_Hant": "金額比較大"}[locale]
    assert [of_large in text for text in (large, duplicate, both)] == [True, False, True]


def test_one_second_is_not_told_as_several():
    assert told(Throttled("too_many_requests", retry_after_s=1)).detail == "Try again in 1 s."


def test_who_may_try_again_is_told_when():
    assert told(Throttled("too_many_requests", retry_after_s=7)).headers["retry-after"] == "7"
    assert told(Unavailable("database_lost")).headers["retry-after"] == "3"
    assert told(Conflict("request_running")).headers["retry-after"] == "1"
    assert "retry-after" not in told(Conflict("quote_used")).headers


def test_a_key_is_asked_for_as_http_asks():
    assert told(Unauthenticated("credentials_missing")).headers["www-authenticate"].startswith("Bearer")


def test_what_only_the_operator_should_know_is_not_told():
    document = told(Unavailable("database_disk_full", path="/srv/secret"))
    assert document.code == "unavailable"
    assert b"secret" not in document.to_json()


def test_a_code_without_words_still_gets_an_answer():
    assert told(Invalid("no_such_words_at_all")).status == 500
    assert told(Invalid("currency_wrong")).detail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundException(), "route_unknown"),
        (MethodNotAllowedException(headers={"allow": "GET, OPTIONS"}), "method_not_allowed"),
        (ClientException(status_code=413), "body_too_large"),
        (ClientException(status_code=415), "body_type_unsupported"),
        (ValidationException(), "request_malformed"),
        (PermissionDeniedException(), "request_refused"),
        (ClientException(status_code=418), "request_malformed"),
        (InternalServerException(), "unexpected"),
        (ZeroDivisionError("+8613800138000"), "unexpected"),
        (Conflict("quote_used"), "quote_used"),
    ],
)
def test_whatever_is_raised_becomes_a_problem_with_words(error, code):
    problem = problem_of(error, body_limit=65_536)
    assert problem.code == code
    assert told(problem).status == status_of(problem)
    assert b"13800138000" not in told(problem).to_json()


def test_a_refused_method_names_the_others():
    document = told(problem_of(MethodNotAllowedException(headers={"allow": "GET"}), body_limit=1))
    assert document.headers["allow"] == "GET"
