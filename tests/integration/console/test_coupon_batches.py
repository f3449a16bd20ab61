"""Batches of an offer's codes at the console: asked for by one, approved by another, told and blocked, never shown."""

import re

import pytest

from tests.integration.console.test_offers import Ours, ours, said, send
from tests.support.code_batches import Kept
from topup.offers.batches.making import make
from topup.people.permissions import Role

__all__ = ["ours"]
pytestmark = pytest.mark.xdist_group("browser")


async def asked_for(client, ours: Ours, **said: str):
    """Ask for a batch by the form as it is on the page; the answer, and the batch's id."""
    page = (await client.get(f"{ours.page}/codes")).text
    batch = re.search(r'name="batch" value="(cpb_[^"]+)"', page)[1]
    form = re.search(r'name="form" value="([^"]+)"', page)[1]
    assert "required" not in re.search(r"<input[^>]*name=\"until\"[^>]*>", page)[0], "it may stay empty"
    wish = {"count": "3", "until": "", "reason": "For the members", "form": form, "batch": batch} | said
    return await send(client, f"{ours.page}/codes", **wish), batch


async def test_a_batch_from_its_request_to_its_end(site, enter, ours):
    client, person = await enter(Role.SUPERVISOR)
    asked, batch = await asked_for(client, ours)
    assert asked.status_code == 303
    place = asked.headers["location"]
    assert "waits for a second person" in said((await client.get(f"{ours.page}/codes")).text)
    assert (await send(client, place, decision="approve", note="")).status_code == 403, "not by who asked"
    second, _ = await enter(Role.FINANCE)
    shown = said((await second.get(place)).text)
    assert "Make codes of an offer" in shown
    assert ours.id in shown
    assert (await send(second, place, decision="approve", note="")).status_code == 303
    words = said((await client.get(f"{ours.page}/codes")).text)
    assert f"asked for by {person.login}" in words
    assert "approved: not made yet" in words

    kept, store = Kept(), site.house.store
    facts = {"batch_id": batch, "by": "cli", "keep": kept.keep, "progress": kept.told}
    await make(store.database, store.keyring, **facts)
    page = (await client.get(f"{ours.page}/codes")).text
    assert re.search(r"3 codes made .* Redeemed 0 Held by unpaid orders 0 Unused 3", said(page))
    assert not any(code in page for code in kept.codes)
    assert "3 codes of its own were made." in said((await client.get(ours.page)).text)

    one = {"code": kept.codes[0].lower(), "reason": "Posted in public"}
    blocked = await send(client, f"{ours.page}/codes/block", **one)
    assert blocked.headers["location"] == f"{ours.page}/codes"
    assert (await send(client, f"{ours.page}/codes/block", **one)).status_code == 409
    wrong = await send(client, f"{ours.page}/codes/block", code="NOBODYS", reason="x")
    assert (wrong.status_code, "There is no such code" in wrong.text) == (422, True)
    assert re.search(r"Unused 2 Blocked by themselves 1", said((await client.get(f"{ours.page}/codes")).text))
    looked = await send(client, f"{ours.page}/code", code=kept.codes[0])
    assert f"{kept.codes[0]} has been blocked." in said(looked.text)
    end = f"/console/offers/batches/{batch}/block"
    assert (await send(client, end, reason=" ")).status_code == 422
    assert (await send(client, end, reason="The file was lost")).status_code == 303
    ended = said((await client.get(f"{ours.page}/codes", headers={"accept-language": "zh-CN"})).text)
    assert "已停用" in ended
    assert "The file was lost" in ended
    assert (await send(client, end, reason="Twice")).status_code == 409


async def test_what_is_wrong_is_said_and_who_may_not_is_refused(enter, ours):
    client, _ = await enter(Role.SUPERVISOR)
    for said_wrong, words in (
        ({"count": "many"}, "A batch has 1 to 200000 codes."),
        ({"count": "200001"}, "A batch has 1 to 200000 codes."),
        ({"until": "2001-01-01"}, "That day is over"),
        ({"batch": "x"}, ""),
    ):
        answer, _ = await asked_for(client, ours, **said_wrong)
        assert (answer.status_code, words in answer.text) == (422, True), said_wrong
    assert (await client.get(f"{ours.page}-over/codes")).status_code == 404, "it has no codes of its own"
    other, _ = await enter(Role.SUPPORT)
    page = (await other.get(f"{ours.page}/codes")).text
    assert "Ask for a batch" not in page
    assert (await send(other, f"{ours.page}/codes", count="1", reason="x")).status_code == 403
    assert (await send(other, f"{ours.page}/codes/block", code="X", reason="x")).status_code == 403
