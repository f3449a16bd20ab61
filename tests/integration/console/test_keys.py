"""Keys and certificates at the console: which there are, since when and until when; never a key itself."""

import asyncio
import re

import httpx
import pytest

from topup.channels.console.keeping import Watch, _checked, warnings
from topup.channels.console.wording import Wording
from topup.kernel.ids import new_id
from topup.people import api_keys
from topup.people.permissions import Role
from topup.platform.plugs import Finding, Health

pytestmark = pytest.mark.xdist_group("browser")
ENDS = {"begins": "2026-01-01", "ends": "2026-12-01"}
SOON = Finding("app_certificate", Health.SOON, "alipay.certificate_ends_soon", ENDS)


async def test_our_own_keys_are_told_by_name_and_date_and_none_is_shown(site, enter):
    ring = site.house.store.keyring
    ring.sign("receipts", b"anything")
    client, _ = await enter(Role.SECURITY)
    page = (await client.get("/console/keys")).text
    files = [file for file in ring.directory.rglob("*") if file.suffix in {".private", ".secret", ".public"}]
    assert files
    assert not [file for file in files if file.suffix != ".private" and file.stem not in page]
    for file in files:
        raw = file.read_bytes()
        assert raw.hex() not in page
        assert raw.decode("latin-1") not in page
    assert "signs receipts" in page
    assert "seals what is personal" in page


async def test_a_key_that_was_rotated_stays_for_what_is_older(site, enter):
    old = next(iter(site.house.store.keyring.public_keys("quotes")))
    new = site.house.store.keyring.rotate("quotes")
    client, _ = await enter(Role.SECURITY)
    page = (await client.get("/console/keys")).text
    rows = {kid: row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) for kid in (old, new) if kid in row}
    assert ("in use" in rows[new], "for what is older" in rows[old]) == (True, True)


async def test_who_calls_us_is_told_with_whose_key_it_is_and_when_it_was_last_used(site, enter):
    client, person = await enter(Role.AUDITOR)
    label = f"shop {new_id('key', 0)[-6:]}"
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        key = await api_keys.create(connection, role=Role.READER, label=label, now=now, staff_id=person.id)

    async def row() -> str:
        page = (await client.get("/console/keys")).text
        assert key.secret not in page
        return next(one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if key.id in one)

    assert (label in await row(), person.login in await row(), "never" in await row()) == (True, True, True)
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as caller:
        for _ in range(2):
            asked = "/api/v1/lines/13800138000/transfers"
            await caller.get(asked, headers={"Authorization": f"Bearer {key.secret}"})
    assert "never" not in await row()
    async with site.transaction() as transaction:
        [issued] = [one for one in await api_keys.issued(transaction.connection, limit=500) if one.id == key.id]
    assert issued.used_at is not None


async def test_a_use_is_noted_once_an_hour(site):
    async with site.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        key = await api_keys.create(connection, role=Role.READER, label="x", now=now)
        noted = []
        for minutes in (0, 59, 61):
            at = now + minutes * api_keys.NOTED_FOR / 60
            await api_keys.note_use(connection, key_id=key.id, now=at)
            found = await api_keys.principal_of_key(connection, key.secret)
            noted.append((found.used_at - now) / api_keys.NOTED_FOR * 60)
    assert noted == [0, 0, 61]


async def test_a_certificate_that_ends_soon_is_told_with_its_day_and_what_to_do():
    said = _checked("alipay", SOON, Wording("en"))
    assert said.dates == "2026-01-01 – 2026-12-01"
    assert said.state == "soon"
    assert "2026-12-01" in said.what
    assert said.remedy
    assert warnings({"alipay": [SOON, Finding("clock", Health.FINE)]}) == 1


async def test_providers_are_asked_once_for_everybody_who_looks():
    asked, go = [], asyncio.Event()

    async def look_up(now):
        asked.append(now)
        await go.wait()
        return {"alipay": [SOON]}

    watch = Watch(look_up)
    assert watch.lately("now") == {}, "a board waits for nobody"
    looking = [asyncio.create_task(watch.findings("now")) for _ in range(3)]
    go.set()
    found = await asyncio.gather(*looking)
    assert found == [{"alipay": [SOON]}] * 3
    assert watch.lately("now") == {"alipay": [SOON]}
    assert asked == ["now"]


async def test_who_may_not_see_it_is_not_led_there(enter):
    client, _ = await enter(Role.FINANCE)
    assert (await client.get("/console/keys")).status_code == 403
