"""How a line stands, over the API."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.tariffs import publish_changed
from topup.catalogue.queries import CatalogueCache
from topup.lines.tasks import LifeCycles
from topup.people.permissions import Role

from .conftest import OPENED, UNOPENED
from .test_access import key

STANDING = f"/api/v1/lines/{OPENED}"
LIFE = """
[clocks.number]
days = 30
restarts = ["activation", "activity", { on = "topup", least = 20 }]

[[life_cycle.states]]
id = "active"
shows = "active"
leave = [{ when = "clock", clock = "number", to = "blocked" }]

[[life_cycle.states]]
id = "blocked"
shows = "one_way_blocked"
blocks = ["voice_out", "data"]
leave = [{ when = "topup", to = "active" }, { when = "days", days = 60, to = "recycled" }]

[[life_cycle.states]]
id = "recycled"
shows = "recycled"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""


async def test_a_line_without_rules_stays_as_it_is(still_api):
    shown = await still_api.client.get(STANDING, headers=await key(still_api, Role.READER))
    assert shown.status_code == 200
    found = shown.json()
    assert (found["status"], found["to_come"], found["to_do"], found["released_on"]) == ("active", [], [], None)


async def test_a_line_is_told_of_with_dates_and_reasons_in_the_language_asked_for(api, tmp_path):
    await publish_changed(api.database, tmp_path, "qingfeng", extra=LIFE)
    sweep = LifeCycles(database=api.database, catalogue=CatalogueCache(), lanes=16)
    while await sweep.live():
        pass
    headers = await key(api, Role.READER) | {"Accept-Language": "en"}
    found = (await api.client.get(STANDING, headers=headers)).json()
    assert found["status"] == "active"
    due = found["clocks"]["number"]
    assert [(one["what"], one["before"]) for one in found["to_do"]] == [("use", due), ("topup", due)]
    assert found["to_do"][1]["least"] == {"amount_minor": 2000, "currency": "CNY"}
    assert [change["status"] for change in found["to_come"]] == ["one_way_blocked", "recycled"]
    assert found["to_come"][0]["at"] == due
    assert found["to_come"][0]["text"] == "The clock “number” has run out."
    assert found["released_on"] == found["to_come"][1]["at"]
    api.database.clock_offset += timedelta(days=40)
    while await sweep.live():
        pass
    blocked = (await api.client.get(STANDING, headers=headers)).json()
    assert (blocked["status"], blocked["blocks"]) == ("one_way_blocked", ["voice_out", "data"])
    assert blocked["text"] == "one-way blocked · The clock “number” has run out."
    assert blocked["since"] == due


async def test_only_a_key_that_may_sees_it_and_a_number_without_a_line_has_none(still_api):
    assert (await still_api.client.get(STANDING)).status_code == 401
    refused = await still_api.client.get(STANDING, headers=await key(still_api, Role.AUDITOR))
    assert refused.status_code == 403
    missing = await still_api.client.get(f"/api/v1/lines/{UNOPENED}", headers=await key(still_api, Role.READER))
    assert (missing.status_code, missing.json()["code"]) == (404, "line_unknown")


async def test_what_keeps_a_number_is_told_until_a_day(api, tmp_path):
    await publish_changed(api.database, tmp_path, "qingfeng", extra=LIFE)
    sweep = LifeCycles(database=api.database, catalogue=CatalogueCache(), lanes=16)
    while await sweep.live():
        pass
    headers = await key(api, Role.READER) | {"Accept-Language": "en"}
    today = (await api.client.get(f"{STANDING}/keeping", headers=headers)).json()
    assert (today["lost"], today["months"], today["keeps_not"]) == (False, 2, [])
    assert today["reason"] == "days"
    assert [(one["what"], one["amount"]) for one in today["keeps"]] == [
        ("topup", {"amount_minor": 2000, "currency": "CNY"}),
        ("use", None),
    ]
    assert today["keeps"][0]["text"] == "A top-up of CN\u00a520.00 or more"
    lost = datetime.fromisoformat(today["kept_until"]).astimezone(ZoneInfo(today["zone"]))
    asked = {"until": (lost.date() + timedelta(days=3)).isoformat()}
    found = (await api.client.get(f"{STANDING}/keeping", params=asked, headers=headers)).json()
    assert found["until"] == asked["until"]
    # While it is blocked, any top-up brings it back, of which the smallest is a yuan.
    assert [one["before"] for one in found["row"]] == [today["kept_until"]]
    assert found["total"]["amount_minor"] == 100
    for wrong, code in (
        ("tomorrow", "day_unreadable"),
        ("2000-01-01", "keeping_until"),
        ("9999-12-31", "keeping_until"),
    ):
        refused = await api.client.get(f"{STANDING}/keeping", params={"until": wrong}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    unknown = await api.client.get(f"/api/v1/lines/{UNOPENED}/keeping", headers=headers)
    assert unknown.status_code == 404
