"""Tickets and outages in the console: who waits longest comes first, answers reach who asked, outages reach help."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from tests.integration.console.conftest import form_token
from topup.care.desk import Written
from topup.care.states import Topic
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
async def asks(site):
    """Somebody writes to us; their ticket."""

    async def wrote(text: str, **more: str):
        written = Written(key=uuid4().hex, topic=Topic.OTHER, text=text, locale="zh_Hans", **more)
        return await site.within(site.house.care.write(written))

    return wrote


async def test_a_ticket_is_answered_once_and_read_by_who_asked(site, enter, asks):
    ticket = await asks("我的话费没到账")
    client, person = await enter(Role.SUPPORT)
    path = f"/console/tickets/{ticket.id}"
    found = await client.get("/console/tickets", params={"q": ticket.reference})
    assert found.headers["location"] == path
    page = (await client.get(path)).text
    assert "我的话费没到账" in page
    assert "They left no address" in page
    seen = re.search(r'name="seen" value="(\d+)"', page)[1]
    form = {"form_token": await form_token(client), "seen": seen, "act": "answer", "text": "已经在查了"}
    assert (await client.post(path, data=form | {"text": " "})).status_code == 422
    for _ in range(2):
        assert (await client.post(path, data=form)).status_code == 303, "and sent twice it is one answer"
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
        theirs = (await guest.get(f"/help/tickets/{ticket.id}")).text
    assert theirs.count("已经在查了") == 1
    await client.post(path, data=form | {"act": "solve"})
    assert "closed" in (await client.get(path)).text.casefold() or "solved" in (await client.get(path)).text.casefold()
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s ORDER BY sequence", [ticket.id]
        )
        # The answer that was sent twice is answered once; that a form came again is in the trail all the same.
        assert await cursor.fetchall() == [
            ("ticket.answered", person.id),
            ("staff.form", person.id),
            ("ticket.solved", person.id),
        ]


async def test_ready_answers_are_in_the_language_of_who_asked(enter, asks):
    ticket = await asks("什么时候退款？")
    client, _ = await enter(Role.SUPPORT)
    page = (await client.get(f"/console/tickets/{ticket.id}?macro=going_back")).text
    assert "这笔钱正在退回您付款的地方" in re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1]
    assert (await client.get(f"/console/tickets/{ticket.id}?macro=nonsense")).status_code == 200


async def test_who_waits_longer_than_a_day_is_marked(site, enter, asks):
    ticket = await asks("hello?")
    with site.later(timedelta(hours=25)):
        client, _ = await enter(Role.SUPPORT)
        page = (await client.get("/console/tickets")).text
        row = re.search(rf"<tr>(?:(?!</tr>).)*{ticket.id}.*?</tr>", page, re.DOTALL)[0]
        assert "late" in row


async def test_an_outage_is_told_by_help_until_it_is_over(site, enter):
    client, person = await enter(Role.SUPERVISOR)
    token = {"form_token": await form_token(client)}
    form = token | {"carrier": "qingfeng", "text_zh_Hans": "东城区基站故障", "text_en": "Masts down in the east"}
    for wrong in (form | {"text_zh_Hans": ""}, form | {"carrier": "nobody"}, form | {"until": "soon"}):
        assert (await client.post("/console/outages", data=wrong)).status_code == 422
    assert (await client.post("/console/outages", data=form)).status_code == 303

    async def told() -> bool:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as guest:
            page = await guest.get("/help", headers={"accept-language": "en"})
            return "Masts down in the east" in page.text

    assert await told()
    outage = re.search(r'name="over" value="([^"]+)"', (await client.get("/console/outages")).text)[1]
    assert (await client.post("/console/outages", data=token | {"over": outage})).status_code == 303
    assert not await told()
    async with site.transaction() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT action, actor FROM work.trail WHERE subject = %s ORDER BY sequence", [outage]
        )
        assert await cursor.fetchall() == [("outage.announced", person.id), ("outage.ended", person.id)]
