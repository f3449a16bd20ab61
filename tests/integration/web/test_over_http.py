"""What the pages promise below the surface: one order however often one presses, our forms only, nothing told."""

import asyncio
import re
from collections import Counter

import httpx
import pytest

from topup.kernel.ids import lane_of
from topup.platform.i18n import translate
from topup.platform.web.edge import LOCALE_COOKIE

pytestmark = pytest.mark.xdist_group("browser")

FORM = {"content-type": "application/x-www-form-urlencoded"}
PRESSES = 24


@pytest.fixture
async def visitor(site):
    """A browser's bare requests; nothing is followed."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def quote(visitor, a_number) -> str:
    answer = await visitor.post("/quotes", data={"number": a_number(), "choice": "credit:5000"})
    assert answer.status_code == 303
    return answer.headers["location"]


async def test_many_presses_make_one_order_and_one_payment(visitor, quote, site):
    """Pressed at once with one form's key, as a double click or an impatient reload does."""
    page = await visitor.get(quote)
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    pressed = await asyncio.gather(
        *(visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"}) for _ in range(PRESSES))
    )
    led_to = Counter(answer.headers.get("location", answer.status_code) for answer in pressed)
    async with site.house.store.database.read() as transaction:
        quote_id = quote.rpartition("/")[2]
        rows = await transaction.connection.execute(
            "SELECT o.id, p.id FROM orders.orders o JOIN payments.payments p ON (p.lane, p.order_id) = (o.lane, o.id)"
            " WHERE o.lane = %s AND o.quote_id = %s",
            (lane_of(quote_id), quote_id),
        )
        found = await rows.fetchall()
    print(f"{PRESSES} presses at once: {len(found)} order with payment, outcomes {sorted(led_to.values())}")
    assert len(found) == 1
    assert set(led_to) == {f"/orders/{found[0][0]}/payments/{found[0][1]}"}


async def test_what_was_begun_and_not_paid_is_asked_about_as_that(visitor, a_number):
    visitor.headers["accept-language"] = "en"
    number, answers = a_number(), []
    for _ in range(2):
        quote = (await visitor.post("/quotes", data={"number": number, "choice": "credit:5000"})).headers["location"]
        key = re.search(r'name="key" value="([^"]+)"', (await visitor.get(quote)).text)[1]
        answers.append(await visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"}))
    asked = (await visitor.get(answers[-1].headers["location"])).text
    assert "You began the same top-up 1 min ago, and it is not paid." in asked
    assert "You topped up" not in asked


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_form_of_another_site_is_refused(visitor, quote, headers):
    paths = ("/quotes", "/number", "/change", f"{quote}/order", f"{quote}/again", "/language", "/size")
    answers = [await visitor.post(path, headers=headers | {"accept": "text/html"}) for path in paths]
    print(f"{len(answers)} foreign forms, accepted: {sum(answer.status_code < 400 for answer in answers)}")
    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}])
async def test_a_form_of_ours_is_taken(visitor, headers):
    assert (await visitor.post("/size", data={"size": "large"}, headers=headers)).status_code == 303


async def test_a_form_of_ours_is_known_by_its_origin_where_the_browser_is_old(visitor, site):
    answer = await visitor.post("/size", data={"size": "large"}, headers={"origin": site.url})
    assert answer.status_code == 303


async def test_pages_are_framed_by_nobody_and_kept_by_nobody(visitor, quote):
    for path in ("/", quote, "/verify/forged", "/nowhere"):
        answer = await visitor.get(path, headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_assets_are_compressed_and_kept_for_ever(visitor):
    page = await visitor.get("/")
    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text):
        answer = await visitor.get(path, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert path.endswith(".png") or answer.headers["content-encoding"] == "gzip"
    assert (await visitor.get("/assets/topup.000000000000.css")).status_code == 404


async def test_a_number_is_refused_in_an_address(visitor, a_number):
    """Only a form's body may carry it: addresses end up in logs, histories and referrers."""
    answer = await visitor.get("/", params={"number": a_number()})
    assert "readback" not in answer.text
    assert (await visitor.get("/quotes", params={"number": a_number()})).status_code == 405


async def test_no_form_is_answered_by_a_page_that_could_not_be_come_back_to(visitor, quote, a_number):
    """The browser keeps no page of ours, so going back to one that answered a form would be an error to it."""
    number = a_number()
    key = re.search(r'name="key" value="([^"]+)"', (await visitor.get(quote)).text)[1]
    contact = {"key": key, "method": "sandbox", "contact": "x@y.z@"}
    forms = {
        "amounts": ("/quotes", {"number": number}),
        "no amount": ("/quotes", {"number": number, "shown": f"+86{number}"}),
        "too much": ("/quotes", {"number": number, "choice": "free", "amount": "99999"}),
        "wrong number": ("/quotes", {"number": "139"}),
        "change": ("/change", {"quote": quote.rpartition("/")[2]}),
        "wrong contact": (f"{quote}/order", contact),
    }
    said = {}
    for name, (path, data) in forms.items():
        answer = await visitor.post(path, data=data)
        address = answer.headers["location"]
        assert (answer.status_code, number in address, "139" in address) == (303, False, False)
        said[name] = await visitor.get(address)
        assert said[name].status_code == 200
        other = await visitor.get(address[:-9] + ("A" if address[-9] != "A" else "B") + address[-8:])
        assert other.status_code == 404, "what is not as we sealed it is no address of ours"
    assert "choice-wrong" not in said["amounts"].text
    assert 'value="credit:5000"' in said["amounts"].text
    for name in ("no amount", "too much"):
        assert 'id="choice-wrong"' in said[name].text
    assert 'value="99999"' in said["too much"].text
    assert 'id="number-wrong"' in said["wrong number"].text
    assert re.search(r'value="credit:5000"[^>]* checked', said["change"].text)
    assert 'id="contact-wrong"' in said["wrong contact"].text
    assert 'value="x@y.z@"' in said["wrong contact"].text
    assert f'value="{key}"' in said["wrong contact"].text


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_choosing_a_language_leads_nowhere_else(visitor, back):
    answer = await visitor.post("/language", data={"language": "en", "back": back})
    assert answer.headers["location"] == "/"
    assert f"{LOCALE_COOKIE}=en" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"number=%FF%FE", 400),
        (b"number=\x00", 400),
        (b"number=%00", 400),
        ("number=电话".encode(), 400),
        (b"&".join(b"a%d=1" % n for n in range(200)), 400),
        (b"number=" + b"1" * 2000, 400),
        (b"number=1" * 20_000, 413),
        (b"", 303),
        (b"number=" + b"%F0%9F%92%A5", 303),
        (b"number=<script>alert(1)</script>", 303),
    ],
)
async def test_strange_forms_are_answered_kindly(visitor, content, status):
    answer = await visitor.post("/quotes", content=content, headers=FORM | {"accept": "text/html"})
    assert answer.status_code == status
    if status == 303:
        answer = await visitor.get(answer.headers["location"])
        assert 'id="number-wrong"' in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("key", ["", "x" * 300, "schlüssel"])
async def test_a_payment_without_a_good_key_is_not_begun(visitor, quote, key):
    answer = await visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
    assert answer.status_code == 400


async def test_an_address_cannot_make_an_order_say_anything(visitor, quote):
    page = await visitor.get(quote)
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    ordered = await visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
    order = ordered.headers["location"].partition("/payments")[0]
    assert "note wait" in (await visitor.get(order, params={"trouble": "too_late_to_cancel"})).text
    for made_up in ("number_invalid", "unexpected", "<b>call 0900</b>"):
        shown = (await visitor.get(order, params={"trouble": made_up})).text
        assert "note wait" not in shown
        assert made_up not in shown


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
async def test_pages_never_talk_to_people_as_to_callers_of_the_api(visitor, quote, locale):
    visitor.cookies.set(LOCALE_COOKIE, locale)
    browser = {"accept": "text/html"}
    sent = [
        await visitor.post(f"{quote}/order", data={"method": "sandbox"}, headers=browser),
        await visitor.post(f"{quote}/order", data={"method": "sandbox", "key": "x" * 300}, headers=browser),
        await visitor.post("/quotes", content=b"number=%FF", headers=FORM | browser),
        await visitor.post("/quotes", json={"number": "1"}, headers=browser),
        await visitor.post("/quotes", content=b"number=1" * 20_000, headers=FORM | browser),
        await visitor.post("/language", data={"language": "xx"}, headers=browser),
    ]
    for answer in sent:
        assert answer.status_code in {400, 413, 415}
        assert translate(locale, "web", "form_incomplete") in answer.text
        assert 'class="button second" href="/"' in answer.text
    for answer in [*sent, await visitor.get("/quotes", headers=browser)]:
        assert answer.status_code >= 400
        assert not re.search(r"Idempotency|openapi|Content-Type|JSON|POST", answer.text.partition("<main")[2])


async def test_without_scripts_no_page_asks_again_by_itself_with_a_form_to_pay_by(site, visitor, quote):
    page = await visitor.get(quote)
    key = re.search(r'name="key" value="([^"]+)"', page.text)[1]
    ordered = await visitor.post(f"{quote}/order", data={"key": key, "method": "sandbox"})
    order_id = re.search(r"ord_[0-9a-z]{26}", ordered.headers["location"])[0]
    code = await site.within(site.house.desk.elsewhere.code(order_id=order_id))
    shown = (await visitor.get(f"/pay/{code.token}", headers={"accept-language": "en"})).text
    assert "hx-get" in shown, "a payment was begun, and is waited for"
    assert f'action="/pay/{code.token}/payments"' in shown
    assert 'http-equiv="refresh"' not in shown
    assert re.search(rf'<noscript><p><a href="/pay/{code.token}">', shown)
