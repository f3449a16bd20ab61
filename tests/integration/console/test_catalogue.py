"""Carriers' files at the console: what is in force, drafts with every mistake, what changes, two people, and back."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.integration.console.conftest import form_token
from topup.catalogue.checking import check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.operations import AlreadyPublished, publish
from topup.catalogue.publishing.publications import Publications
from topup.people.permissions import Role

pytestmark = pytest.mark.xdist_group("browser")
[FILE] = [file for file in demonstration_files() if file.stem == "yunfan"]
SOURCE = FILE.read_text(encoding="utf-8")
HOME = "/console/catalogue"


@dataclass(frozen=True)
class Ours:
    """The travel card as it was before: its text, and the version that has it."""

    version: int
    text: str = SOURCE


@pytest.fixture
async def ours(site):
    """The travel card, which says after each test what it said before, and of which nothing is planned."""
    yield Ours(await loaded(site, SOURCE))
    found = Publications(site.house.store.database)
    for one in await site.within(found.planned()):
        await site.within(found.cancel(one.id, by="stf_test"))
    await loaded(site, SOURCE)


async def loaded(site, text: str) -> int:
    """Publish a text by command; the version that has it."""
    async with site.transaction() as transaction:
        try:
            return await publish(transaction.connection, check_bytes(text.encode(), name="x"), transaction.now)
        except AlreadyPublished as problem:
            return problem.parameters["version"]


async def kept(client, text: str, note: str = "Prices of the summer") -> str:
    """The address of a draft of this text."""
    data = {"form_token": await form_token(client, "/console/me"), "text": text, "note": note}
    answer = await client.post(f"{HOME}/new", data=data)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def ask(client, draft: str, *, starts: str = "", against: int | None = None) -> str:
    """The address of the request to publish it."""
    page = (await client.get(draft)).text
    seen = re.search(r'name="against" value="(\d+)"', page)[1] if against is None else against
    token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    data = {"form_token": token, "against": str(seen), "starts": starts, "reason": "As was announced"}
    answer = await client.post(draft, data=data)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def approve(client, approval: str):
    data = {"form_token": await form_token(client, "/console/me"), "decision": "approve", "note": ""}
    return await client.post(approval, data=data)


def begins_once(page: str) -> bool:
    """Whether a request says once when it begins, by the carrier's clocks."""
    [said] = re.findall(r"<dt>Begins</dt><dd>([^<]+)</dd>", page)
    return said.strip().endswith("(Hong Kong time)")


async def in_force(site) -> tuple[int, int]:
    """The version that the site's own cache has, and what the pack for Asia costs by it."""
    found = (await site.within(current(site))).carrier("yunfan")
    return found.version, found.packs["asia-5gb-10d"].price_minor


async def current(site):
    async with site.house.store.database.read() as transaction:
        return await site.house.catalogue.current(transaction.connection)


async def test_a_text_with_mistakes_is_not_kept_and_each_is_told_with_its_line(enter):
    client, _ = await enter(Role.SUPERVISOR)
    text = SOURCE.replace("Asia/Hong_Kong", "Asia/Hong_Kung").replace("price = 58", "price = 58.5")
    data = {"form_token": await form_token(client, "/console/me"), "text": text, "note": "Summer"}
    answer = await client.post(f"{HOME}/new", data=data)
    assert answer.status_code == 422
    assert 'data-line="7"' in answer.text
    assert "time_zone must be an IANA time zone" in answer.text
    assert "price must be written in quotes" in answer.text
    assert "price = 58.5" in answer.text, "what was typed is still there"
    assert "Summer" in answer.text


async def test_a_long_text_is_taken_and_a_longer_one_refused_with_what_to_do(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    text = ours.text
    comment = "# 云帆旅行卡的资费说明\n"
    long = text + comment * ((200_000 - len(text)) // len(comment))
    assert len(long.encode()) > 400_000
    assert (await client.get(await kept(client, long))).status_code == 200
    data = {"form_token": await form_token(client, "/console/me"), "text": long + "#" * 200, "note": "x"}
    refused = await client.post(f"{HOME}/new", data=data)
    assert refused.status_code == 422
    assert "The text is too long: at most 200000 characters." in refused.text
    short = {"form_token": await form_token(client, "/console/me"), "decision": "x" * 100_000}
    assert (await client.post("/console/staff", data=short)).status_code in {403, 413}, "no other form may be so long"


async def test_what_customers_notice_is_told_in_words_and_line_by_line(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    text = ours.text
    text = (
        text.replace("price = 58", "price = 68")
        .replace("days = 15 }", "days = 30 }")
        .replace("permille = 6", "permille = 5")
    )
    page = (await client.get(await kept(client, text))).text
    said = re.sub(r"<[^>]+>", "", page)
    assert "Changes: 3. Better for customers: 2; worse: 1." in said
    assert "Dearer: 5 GB in Asia for 10 days" in said
    for amount in ("HK$58.00", "HK$68.00"):
        assert amount in said
    assert "15-day validity" in said
    assert "30-day validity" in said
    assert "fees.payment.stripe[1].permille" in said
    assert '<li class="went"><span>-</span><code>price = 58</code></li>' in page
    assert '<li class="came"><span>+</span><code>price = 68</code></li>' in page


async def test_what_a_top_up_would_do_is_told_by_both(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    text = ours.text
    text = text.replace("price = 58", "price = 68").replace("days = 180, ends", "days = 90, ends")
    draft = await kept(client, text)
    pack = await client.get(draft, params={"product": "asia-5gb-10d", "balance": "20", "on": "2026-12-01"})
    said = re.sub(r"<[^>]+>", "", pack.text)
    assert "5 GB data · " in said
    assert "Dec 11, 2026" in said or "11 Dec 2026" in said
    credit = re.sub(r"<[^>]+>", "", (await client.get(draft, params={"product": "credit:50", "on": "2026-12-01"})).text)
    assert "May 30, 2027" in credit or "30 May 2027" in credit, "180 days on, by what is in force"
    assert "Mar 1, 2027" in credit or "1 Mar 2027" in credit, "90 days on, by the draft"
    other = re.sub(r"<[^>]+>", "", (await client.get(draft, params={"product": "credit:50", "amount": "51"})).text)
    assert "That amount is not on offer" in other
    for odd in ({"product": "nothing"}, {"amount": "a lot"}, {"amount": "50", "balance": "x", "on": "0001-01-01"}):
        assert (await client.get(draft, params=odd)).status_code == 200


async def test_a_second_person_publishes_it_and_everybody_sees_it_at_once(site, enter, ours):
    text = ours.text
    asker, _ = await enter(Role.SUPERVISOR)
    decider, _ = await enter(Role.FINANCE)
    draft = await kept(asker, text.replace("price = 58", "price = 68"))
    approval = await ask(asker, draft)
    assert (await approve(asker, approval)).status_code == 403
    shown = re.sub(r"<[^>]+>", "", (await decider.get(approval)).text)
    assert "Publish a carrier&#39;s file" in shown or "Publish a carrier's file" in shown
    assert "Changes: 1. Better for customers: 0; worse: 1." in shown
    assert f'href="{draft}"' in (await decider.get(approval)).text
    assert await in_force(site) == (ours.version, 5800)
    assert (await approve(decider, approval)).status_code == 303
    assert await in_force(site) == (ours.version + 1, 6800)
    for there in (approval, draft):
        later = re.sub(r"<[^>]+>", "", (await decider.get(there)).text)
        assert "Changes: 1. Better for customers: 0; worse: 1." in later, "as it was when they decided"
    assert f"Compared with version {ours.version}, as was decided" in later
    assert "there is nothing to publish" not in later
    assert "Dearer: 5 GB in Asia for 10 days" in later
    page = (await asker.get(f"{HOME}/carriers/yunfan")).text
    assert "by two people" in page
    assert "loaded by command" in page
    assert f"Version {ours.version + 1}" in (await asker.get(HOME)).text


async def test_what_was_published_in_between_is_told_and_asked_for_anew(site, enter, ours):
    text = ours.text
    asker, _ = await enter(Role.SUPERVISOR)
    decider, _ = await enter(Role.FINANCE)
    draft = await kept(asker, text.replace("price = 58", "price = 68"))
    approval = await ask(asker, draft)
    await loaded(site, text.replace("price = 98", "price = 88"))
    refused = await approve(decider, approval)
    assert refused.status_code == 409
    assert f"Version {ours.version + 1} of yunfan is in force by now" in refused.text
    seen = (await asker.get(draft)).text
    assert f"Compared with version {ours.version + 1}" in seen
    assert "Changes: 2." in seen, "the other's change would be undone by this one"


async def test_a_planned_version_is_shown_called_off_and_published_at_its_time(site, enter, ours):
    text = ours.text
    asker, _ = await enter(Role.OPERATOR)
    decider, _ = await enter(Role.FINANCE)
    draft = await kept(asker, text.replace("price = 58", "price = 68"))
    async with site.transaction() as transaction:
        starts = (transaction.now + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M")  # two hours on, by its clocks
    approval = await ask(asker, draft, starts=starts)
    assert begins_once((await decider.get(approval)).text)
    assert (await approve(decider, approval)).status_code == 303
    assert begins_once((await decider.get(approval)).text)
    page = (await asker.get(draft)).text
    assert re.search(r"It begins [^<]* \(Hong Kong time\)", page), "by the carrier's clocks"
    [action] = re.findall(r'action="(/console/catalogue/publications/[^"]+)"', page)
    assert "Planned" in page
    assert "Another version begins" in (await asker.get(f"{HOME}/carriers/yunfan")).text
    form = {"form_token": await form_token(asker, "/console/me"), "draft": draft.rsplit("/", 1)[1]}
    off = await asker.post(action, data=form | {"draft": "https://elsewhere.example"})
    assert off.headers["location"] == draft
    assert "Called off" in (await asker.get(draft)).text
    twice = await asker.post(action, data=form)
    assert twice.status_code == 409
    assert (await approve(decider, await ask(asker, draft, starts=starts))).status_code == 303
    with site.later(timedelta(hours=3)):
        await site.within(Publications(site.house.store.database).publish_due())
        assert await in_force(site) == (ours.version + 1, 6800)
    assert f"Version {ours.version + 1}, since" in (await asker.get(draft)).text


async def test_what_did_not_fit_at_its_time_leads_from_the_work_list_to_its_draft(site, enter, ours):
    asker, _ = await enter(Role.OPERATOR)
    decider, _ = await enter(Role.FINANCE)
    draft = await kept(asker, ours.text.replace("price = 58", "price = 68"))
    async with site.transaction() as transaction:
        starts = (transaction.now + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M")
    assert (await approve(decider, await ask(asker, draft, starts=starts))).status_code == 303
    await loaded(site, ours.text.replace("price = 58", "price = 78"))
    with site.later(timedelta(hours=3)):
        await site.within(Publications(site.house.store.database).publish_due())
    assert await in_force(site) == (ours.version + 1, 7800)
    page = (await asker.get(draft)).text
    assert "Did not fit at its time" in page
    assert "another version is in force by now" in page
    assert "Ask to publish" in page, "it may be asked for anew, against what is in force"
    listed = (await asker.get("/console/work", params={"kind": "catalogue_unfit", "q": draft.rsplit("/", 1)[1]})).text
    [item] = set(re.findall(r"/console/work/wrk_[0-9a-z]+", listed))
    told = (await asker.get(item)).text
    assert f'href="{draft}"' in told
    assert "A planned catalogue did not begin" in told


async def test_an_earlier_version_becomes_a_draft_again(site, enter, ours):
    text = ours.text
    asker, _ = await enter(Role.OPERATOR)
    decider, _ = await enter(Role.FINANCE)
    await approve(decider, await ask(asker, await kept(asker, text.replace("price = 58", "price = 68"))))
    first = f"{HOME}/carriers/yunfan/versions/{ours.version}"
    assert "Publish this version again" in (await asker.get(first)).text
    assert (
        "Publish this version again"
        not in (await asker.get(f"{HOME}/carriers/yunfan/versions/{ours.version + 1}")).text
    )
    empty = await asker.post(first, data={"form_token": await form_token(asker, "/console/me"), "note": " "})
    assert empty.status_code == 422
    data = {"form_token": await form_token(asker, "/console/me"), "note": "The prices were a mistake"}
    back = (await asker.post(first, data=data)).headers["location"]
    page = (await asker.get(back)).text
    assert f"says again what version {ours.version} said" in page
    await approve(decider, await ask(asker, back))
    assert await in_force(site) == (ours.version + 2, 5800)


async def test_a_draft_that_does_not_fit_says_so_and_offers_no_way_to_publish(enter, ours):
    client, _ = await enter(Role.OPERATOR)
    text = ours.text
    page = (await client.get(await kept(client, text.replace('currency = "HKD"', 'currency = "USD"')))).text
    assert "currency must stay HKD" in page
    assert "Ask to publish" not in page
    same = (await client.get(await kept(client, text + "# nothing else\n"))).text
    assert "there is nothing to publish" in same
    assert "Ask to publish" not in same


async def test_who_may_only_read_sees_no_form(enter, ours):
    text = ours.text
    writer, _ = await enter(Role.OPERATOR)
    draft = await kept(writer, text.replace("price = 58", "price = 68"))
    reader, _ = await enter(Role.AUDITOR)
    for path in (HOME, f"{HOME}/carriers/yunfan", f"{HOME}/carriers/yunfan/versions/1", draft):
        page = await reader.get(path)
        assert page.status_code == 200
        assert '<form class="sheet"' not in page.text
        assert f"{HOME}/new" not in page.text


@pytest.mark.parametrize(
    "path", ["carriers/nobody", "carriers/yunfan/versions/99", "drafts/dft_x", "carriers/yunfan/versions/9999999999999"]
)
async def test_what_there_is_not(enter, path):
    client, _ = await enter(Role.OPERATOR)
    assert (await client.get(f"{HOME}/{path}")).status_code in {400, 404}


async def test_every_page_speaks_three_languages(enter, ours):
    client, _ = await enter(Role.OPERATOR)
    text = ours.text
    changed = text.replace("price = 58", "price = 68").replace("    100, 200,", "    100, 300,").replace("KR", "KP", 1)
    changed = changed.replace('validity = { rule = "days", days = 180', 'validity = { rule = "days", days = 90')
    draft = await kept(client, changed)
    for language, word in (("zh-CN", "资费"), ("zh-TW", "資費"), ("en", "Catalogue")):
        headers = {"accept-language": language}
        for path in (HOME, f"{HOME}/new", f"{HOME}/carriers/yunfan", f"{draft}?product=credit:50"):
            page = await client.get(path, headers=headers)
            assert page.status_code == 200
            assert word in page.text
