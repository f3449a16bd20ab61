"""Orders in the console: found by anything a caller may know, shown with all that is known, and followed up."""

import re

import httpx
import pytest

from tests.integration.console.conftest import form_token
from topup.kernel.ids import lane_of, new_id
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


async def facts_of(site, order_id: str) -> dict[str, str]:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT c.reference, r.year, r.lane, r.number FROM orders.orders o"
            " JOIN payments.captures c ON c.lane = o.lane AND c.payment_id = o.kept_payment_id"
            " JOIN orders.receipts r ON r.lane = o.lane AND r.order_id = o.id WHERE o.lane = %s AND o.id = %s",
            (lane_of(order_id), order_id),
        )
        return await cursor.fetchone()


async def test_an_order_is_found_by_anything_a_caller_may_know(site, enter, topped_up):
    order_id, payment_id, number = topped_up
    reference, year, lane, receipt = await facts_of(site, order_id)
    client, _ = await enter(Role.SUPPORT)
    named = [order_id, payment_id, reference, f"{year}-{lane}-{receipt}"]
    for text in named:
        found = await client.get("/console/orders", params={"q": text})
        assert (found.status_code, found.headers["location"]) == (303, f"/console/orders/{order_id}"), text
    for text in (number, f"+86{number}", f"{number[:3]} {number[3:7]} {number[7:]}"):
        assert order_id in (await client.get("/console/orders", params={"q": text})).text, text
    for fields in ({"q": "50.00", "method": "sandbox"}, {"state": "delivered"}, {"channel": "web"}, {}):
        assert order_id in (await client.get("/console/orders", params=fields)).text, fields
    for fields in (
        {"q": number, "state": "expired"},
        {"q": "13.37"},
        {"q": "nothing like it"},
        {"until": "2020-01-01"},
    ):
        assert order_id not in (await client.get("/console/orders", params=fields)).text, fields


async def another_order(site, number: str) -> str:
    """An order of a hundred, which nobody has paid."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        quoted = await guest.post("/quotes", data={"number": number, "choice": "credit:10000"})
        key = re.search(r'name="key" value="([^"]+)"', (await guest.get(quoted.headers["location"])).text)[1]
        begun = await guest.post(f"{quoted.headers['location']}/order", data={"key": key, "method": "sandbox"})
        return begun.headers["location"].split("/")[2]


MOST_LATER = 400
"""Orders of a site whose clock is ahead, by all the tests that move it."""


@pytest.mark.parametrize("rare", [{"q": "50.00"}, {"method": "sandbox", "state": "delivered"}])
async def test_what_may_be_rare_is_looked_for_in_portions_and_further_back_on_demand(
    site, enter, topped_up, monkeypatch, rare
):
    monkeypatch.setattr("topup.orders.finding.PORTION", 1)
    order_id, _, number = topped_up
    newer = await another_order(site, number)
    client, _ = await enter(Role.SUPPORT)
    page = (await client.get("/console/orders", params=rare)).text
    assert order_id not in page, "it is older than another, and the portion is one"
    assert f'href="/console/orders/{newer}"' not in page
    assert "orders were looked through, back to" in page
    # Other tests may have made orders at a later time of the site: they are looked through first.
    for _ in range(MOST_LATER):
        [further] = re.findall(r'href="(/console/orders\?[^"]*before=[^"]+)"', page)
        page = (await client.get(further.replace("&amp;", "&"))).text
        if f'href="/console/orders/{order_id}"' in page:
            return
    raise AssertionError("it was never come to")


async def test_the_list_goes_on_where_a_page_ends(site, enter, topped_up, monkeypatch):
    monkeypatch.setattr("topup.channels.console.ordering.PAGE", 1)
    order_id, _, number = topped_up
    newer = await another_order(site, number)
    client, _ = await enter(Role.SUPPORT)
    page = (await client.get("/console/orders", params={"q": number})).text
    assert newer in page
    assert order_id not in page
    [more] = re.findall(r'href="(/console/orders\?[^"]*before=[^"]+)"', page)
    page = (await client.get(more.replace("&amp;", "&"))).text
    assert order_id in page
    assert newer not in page
    assert (await client.get("/console/orders?before=nonsense~x&since=32.13.2020")).status_code == 200


async def test_one_order_says_its_price_why_its_dates_and_who_it_is_outside(site, enter, topped_up):
    order_id, payment_id, _ = topped_up
    reference, *_ = await facts_of(site, order_id)
    client, _ = await enter(Role.SUPPORT)
    page = (await client.get(f"/console/orders/{order_id}")).text
    for told in (payment_id, reference, "Why this price", "CN¥50.00", "Credited", "Events that came in"):
        assert told in page, told
    assert "word for word" not in page
    assert (await client.get(f"/console/orders/{new_id('order', 1)}")).status_code == 404
    assert (await client.get("/console/orders/anything")).status_code == 404


async def test_evidence_is_read_by_who_may_and_each_look_is_in_the_trail(site, enter, topped_up):
    order_id, payment_id, _ = topped_up
    clerk, _ = await enter(Role.CLERK)
    token = await form_token(clerk, "/console/me")
    address = f"/console/orders/{order_id}/evidence"
    assert (await clerk.post(address, data={"form_token": token})).status_code == 403
    client, person = await enter(Role.SUPPORT)
    page = await client.post(address, data={"form_token": await form_token(client)})
    assert payment_id in re.search(r'<pre class="raw"[^>]*>(.*?)</pre>', page.text, re.DOTALL)[1]
    assert await trail_of(site, order_id) == [("evidence.seen", person.id)]


async def test_asking_again_handing_over_and_replaying_move_no_money_twice(site, enter, topped_up):
    order_id, _, _ = topped_up
    client, person = await enter(Role.SUPPORT)
    token = {"form_token": await form_token(client)}
    page = (await client.get(f"/console/orders/{order_id}")).text
    [event] = set(re.findall(r'name="event" value="([^"]+)"', page))
    asked = await client.post(f"/console/orders/{order_id}/ask", data=token)
    assert asked.headers["location"].endswith("done=nothing_to_ask"), "everything has its answer"
    assert (await client.post(f"/console/orders/{order_id}/replay", data=token | {"event": event})).status_code == 303
    other = await client.post(f"/console/orders/{order_id}/replay", data=token | {"event": "evt-of-another"})
    assert other.status_code == 404
    bare = await client.post(f"/console/orders/{order_id}/hand-over", data=token | {"reason": " "})
    assert bare.status_code == 422
    handed = await client.post(f"/console/orders/{order_id}/hand-over", data=token | {"reason": "Call them back"})
    assert handed.headers["location"].endswith("done=handed_over")
    page = (await client.get(handed.headers["location"])).text
    assert "An order somebody handed over" in page
    assert "Call them back" in (await client.get("/console/work", params={"q": order_id})).text
    told = [action for action, actor in await trail_of(site, order_id) if actor == person.id]
    assert told == ["order.asked", "order.event_replayed", "order.handed_over"]
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT count(*) FROM orders.receipts WHERE lane = %s AND order_id = %s", (lane_of(order_id), order_id)
        )
        assert await cursor.fetchone() == (1,)


async def test_what_is_open_is_asked_about_at_once(site, enter, a_number):
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        quoted = await guest.post("/quotes", data={"number": a_number(), "choice": "credit:5000"})
        key = re.search(r'name="key" value="([^"]+)"', (await guest.get(quoted.headers["location"])).text)[1]
        begun = await guest.post(f"{quoted.headers['location']}/order", data={"key": key, "method": "sandbox"})
    _, _, order_id, _, payment_id = begun.headers["location"].split("/")
    client, _ = await enter(Role.SUPPORT)
    answer = await client.post(f"/console/orders/{order_id}/ask", data={"form_token": await form_token(client)})
    assert answer.headers["location"].endswith("done=asked")
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT asked > 0 OR ask_at <= %s FROM payments.payments WHERE lane = %s AND id = %s",
            (transaction.now, lane_of(payment_id), payment_id),
        )
        assert await cursor.fetchone() == (True,)


async def trail_of(site, subject: str) -> list[tuple[str, str]]:
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s ORDER BY sequence", [subject]
        )
        return await cursor.fetchall()


async def test_a_clerk_finds_nobody_here_whose_number_the_counter_masks(enter, topped_up):
    order_id, _, number = topped_up
    clerk, _ = await enter(Role.CLERK)
    for path in ("/console/orders", f"/console/orders/{order_id}", f"/console/lines?q={number}"):
        assert (await clerk.get(path)).status_code == 403, path
