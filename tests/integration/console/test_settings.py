"""The page of settings: every one of them with its sentence, none of the secrets, and for who may see it."""

import re

import pytest

from topup.bootstrap.plugins import KINDS
from topup.channels.console.installation import SettingGroup, meaning_id
from topup.payments.methods.settings import OWN
from topup.people.permissions import Role
from topup.platform.plugs import discover
from topup.platform.setting_facts import SettingFact, Source
from topup.platform.settings import Settings
from topup.platform.web.settings import WebSettings

pytestmark = pytest.mark.xdist_group("browser")


def fields_of(model, prefix=""):
    for name, field in model.model_fields.items():
        inner = [one for one in (field.annotation, *getattr(field.annotation, "__args__", ())) if is_table(one)]
        many = "*." if "dict[" in str(field.annotation) else ""
        if inner:
            yield from fields_of(inner[0], f"{prefix}{name}.{many}")
        else:
            yield prefix + name


def is_table(annotation) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "model_fields")


def test_every_setting_has_a_sentence_that_says_what_it_means():
    models = [("process", "", Settings), ("web", "", WebSettings)]
    models += [
        (kind, name, plug.settings) for kind in KINDS for name, plug in discover(f"topup.plugins.{kind}").items()
    ]
    models += [("payments", name, model) for name, model in OWN.items()]
    missing = [
        f"{kind}.{name}.{field}"
        for kind, name, model in models
        for field in fields_of(model)
        if not meaning_id(SettingGroup(kind, name, []), SettingFact(field, field, "", Source.DEFAULT, is_set=False))
    ]
    assert missing == []


async def test_all_settings_are_on_the_page_and_no_secret_is(site, enter):
    client, _ = await enter(Role.SECURITY)
    page = await client.get("/console/settings")
    assert page.status_code == 200
    for name in Settings.model_fields:
        assert f"<code>TOPUP_{name.upper()}</code>" in page.text
    for name in WebSettings.model_fields:
        assert f"<code>TOPUP_WEB_{name.upper()}</code>" in page.text
    for _, values in site.house.chosen.plugs["payments"].values():
        assert all(f"<code>{name}</code>" in page.text for name in type(values).model_fields)
    settings = site.house.store.settings
    assert settings.database_url.get_secret_value() not in page.text
    keys = [*settings.data_dir.rglob("*.pem"), *(site.house.chosen.plugs["payments"]["sandbox"][1].private_key_file,)]
    lines = [line for path in keys for line in path.read_text().splitlines() if line and not line.startswith("--")]
    assert lines
    assert not [line for line in lines if line in page.text]


async def test_it_says_of_a_secret_only_that_it_is_set(enter):
    client, _ = await enter(Role.AUDITOR)
    page = (await client.get("/console/settings")).text
    [row] = re.findall(r"<tr>(?:(?!</tr>).)*TOPUP_DATABASE_URL(?:(?!</tr>).)*</tr>", page, re.DOTALL)
    assert re.findall(r"<td>([^<]*)", row)[0] == "set"


async def test_who_may_not_see_it_is_not_led_there(enter):
    client, _ = await enter(Role.FINANCE)
    assert (await client.get("/console/settings")).status_code == 403
    assert "/console/settings" not in (await client.get("/console/work")).text
