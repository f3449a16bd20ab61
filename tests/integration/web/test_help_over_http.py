"""Help below the surface: every page answers, only our own forms count, junk leads nowhere, addresses tell nothing."""

from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.xdist_group("browser")

SECRET = "13912345678"
PAGES = (
    "/help", "/help/not-arrived", "/help/no-network", "/help/write", "/help/write?topic=official", "/help/tickets",
    "/help/official", "/help/shops", "/help/shops?q=x&open=now&service=esim", "/help/shops/tianhe-hall", "/help/times",
)  # fmt: skip
FORMS = ("/help/search", "/help/check", "/help/write", "/help/official", "/help/shops/near")


@pytest.fixture
async def visitor(site):
    """A browser's bare requests; nothing is followed."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def order(visitor, a_number) -> str:
    quote = (await visitor.post("/quotes", data={"number": a_number(), "choice": "credit:5000"})).headers["location"]
    made = await visitor.post(f"{quote}/order", data={"key": str(uuid4()), "method": "sandbox"})
    return made.headers["location"].rpartition("/payments/")[0]


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW", "en"])
async def test_every_page_answers(visitor, order, language):
    ticket = await visitor.post("/help/write", data={"key": str(uuid4()), "text": "hello"})
    check = await visitor.post("/help/check", data={"matter": "no_network", "number": SECRET})
    own = (check.headers["location"], ticket.headers["location"], f"{order}/help", f"{order}/help/wrong-number")
    more = (f"{order}/help/refund", check.headers["location"].replace("/check/", "/write/"))
    for path in (*PAGES, *own, *more):
        answer = await visitor.get(path, headers={"accept-language": language, "accept": "text/html"})
        assert (path, answer.status_code) == (path, 200)
        assert answer.headers["cache-control"] == "private, no-store"
        may_ask_where = "geolocation=(self)" in answer.headers["permissions-policy"]
        assert may_ask_where == (path.partition("?")[0] == "/help/shops")


async def test_a_form_of_another_site_is_refused(visitor, order):
    ticket = (await visitor.post("/help/write", data={"key": str(uuid4()), "text": "hello"})).headers["location"]
    paths = [*FORMS, ticket, f"{ticket}/solved", f"{order}/help/call-off", f"{order}/help/wrong-number"]
    answers = [await visitor.post(path, headers={"sec-fetch-site": "cross-site"}) for path in paths]
    print(f"{len(answers)} foreign forms of help, accepted: {sum(answer.status_code < 400 for answer in answers)}")
    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize(
    "path",
    [
        "/help/check/junk", "/help/write/junk", "/help/official/junk", "/help/found/junk", "/help/shops?at=junk",
        "/help/shops/nowhere", "/help/tickets/junk", "/help/tickets/tic_00000000000000000000000000",
        "/orders/ord_00000000000000000000000000/help", "/help/nothing", "/help/write?again=junk",
    ],
)  # fmt: skip
async def test_junk_leads_nowhere(visitor, path):
    assert (await visitor.get(path, headers={"accept": "text/html"})).status_code == 404


async def test_a_token_opens_only_the_page_it_was_made_for(visitor):
    check = (await visitor.post("/help/check", data={"matter": "no_network"})).headers["location"].rpartition("/")[2]
    official = (await visitor.post("/help/official", data={"text": "x"})).headers["location"].rpartition("/")[2]
    for path in (
        f"/help/official/{check}",
        f"/help/check/{official}",
        f"/help/found/{check}",
        f"/help/shops?at={check}",
    ):
        assert (await visitor.get(path)).status_code == 404


async def test_nothing_that_was_typed_stands_in_an_address(visitor, order):
    """G28, as far as addresses go."""
    forms = [
        ("/help/search", {"q": f"refund {SECRET}"}),
        ("/help/check", {"matter": "no_network", "number": SECRET}),
        ("/help/check", {"matter": "no_network", "number": f"{SECRET}9999"}),
        ("/help/check", {"matter": "not_arrived", "order": SECRET}),
        ("/help/official", {"text": SECRET}),
        ("/help/write", {"key": str(uuid4()), "text": "", "contact": f"{SECRET}@x"}),
        ("/help/shops/near", {"latitude": "23.139", "longitude": SECRET[:3] + ".25"}),
        (f"{order}/help/wrong-number", {"key": str(uuid4()), "text": "", "contact": SECRET}),
    ]
    places = [(await visitor.post(path, data=data)).headers["location"] for path, data in forms]
    told = [place for place in places if SECRET in place or "139.25" in place or "23.139" in place]
    print(f"G28 typed_in_addresses={len(told)} of={len(places)}")
    assert told == []


async def test_a_message_is_taken_as_it_was_typed_and_shown_as_text(visitor):
    text = "<script>alert(1)</script>\n{{ 7 * 7 }} & \u4f60\u597d"
    ticket = (await visitor.post("/help/write", data={"key": str(uuid4()), "text": text})).headers["location"]
    shown = (await visitor.get(ticket)).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "{{ 7 * 7 }} &amp; \u4f60\u597d" in shown
    assert "<script>alert" not in shown
