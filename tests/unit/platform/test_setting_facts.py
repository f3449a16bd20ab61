"""What an installation was told is shown without a secret, wherever somebody put one, and with where it comes from."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from topup.bootstrap.plugins import KINDS
from topup.platform.plugs import discover
from topup.platform.setting_facts import Source, environment_facts, table_facts
from topup.platform.settings import Settings, WrongSetting, load_settings
from topup.platform.web.settings import WebSettings

CANARY = "canary4c0ffee"
ALL = {(kind, name): plug for kind in KINDS for name, plug in discover(f"topup.plugins.{kind}").items()}
EXAMPLES = {"-".join(place): plug for place, plug in ALL.items() if plug.example is not None}


def said(facts) -> str:
    return json.dumps([(one.called, one.value, one.is_set) for one in facts])


def by_name(facts):
    return {one.name: one for one in facts}


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_no_setting_of_a_process_tells_the_password_in_an_address(field, monkeypatch):
    value = f"postgresql://somebody:{CANARY}@db.example/topup?password={CANARY}"
    monkeypatch.setenv(f"TOPUP_{field.upper()}", value)
    if field == "data_dir":
        return  # a folder, and no process starts in one of this name
    try:
        settings = load_settings()
    except WrongSetting as wrong:
        told = str(wrong) + json.dumps(dict(wrong.parameters))
    else:
        fact = by_name(environment_facts(settings))[field]
        assert fact.source is Source.ENVIRONMENT
        told = said([fact])
    assert CANARY not in told


def test_an_address_is_shown_without_who_signs_in_there(monkeypatch):
    monkeypatch.setenv("TOPUP_PUBLIC_URL", f"https://somebody:{CANARY}@top.example/x?key={CANARY}#{CANARY}")
    fact = by_name(environment_facts(load_settings()))["public_url"]
    assert fact.value == "https://top.example/x"


def test_the_database_is_set_or_not_and_nothing_tells_how_long_its_address_is(monkeypatch):
    told = []
    for password in ("x", CANARY * 20):
        monkeypatch.setenv("TOPUP_DATABASE_URL", f"postgresql://somebody:{password}@db.example/topup")
        told.append(by_name(environment_facts(load_settings()))["database_url"])
    assert told[0] == told[1]
    assert told[0].value is None
    assert told[0].is_set
    monkeypatch.delenv("TOPUP_DATABASE_URL")
    assert not by_name(environment_facts(load_settings()))["database_url"].is_set


def test_where_a_value_comes_from(monkeypatch):
    monkeypatch.setenv("TOPUP_POOL_SIZE", "9")
    monkeypatch.setenv("TOPUP_PORT", "9000")
    monkeypatch.setenv("TOPUP_LANES", "")
    facts = by_name(environment_facts(load_settings(port=9001, demo=True)))
    sources = {name: facts[name].source for name in ("pool_size", "port", "demo", "lanes", "host")}
    assert sources == {
        "pool_size": Source.ENVIRONMENT,
        "port": Source.OPTION,
        "demo": Source.OPTION,
        "lanes": Source.DEFAULT,
        "host": Source.DEFAULT,
    }
    assert (facts["pool_size"].value, facts["port"].value, facts["demo"].value) == ("9", "9001", "true")
    assert facts["adjust_most"].value == "500/2500"


def test_every_setting_of_the_web_is_told_as_it_is_in_force(monkeypatch):
    monkeypatch.setenv("TOPUP_WEB_READS_PER_MINUTE", "7")
    facts = by_name(environment_facts(WebSettings()))
    assert set(facts) == set(WebSettings.model_fields)
    assert (facts["reads_per_minute"].value, facts["reads_per_minute"].source) == ("7", Source.ENVIRONMENT)


@pytest.mark.parametrize("plug", EXAMPLES.values(), ids=list(EXAMPLES))
def test_no_secret_of_a_plugin_is_told(plug, tmp_path, monkeypatch):
    values = plug.example(tmp_path, "http://127.0.0.1:9")
    facts = table_facts(values)
    assert {one.name.partition(".")[0] for one in facts} >= {
        name for name in type(values).model_fields if not isinstance(getattr(values, name), dict)
    }
    contents = [path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()]
    secrets = [line for content in contents for line in content.decode("latin-1").split() if len(line) > 15]
    assert not [line for line in secrets if line in said(facts)]
    # The secret itself, where the name of its variable belongs.
    for name in (one for one in type(values).model_fields if one.endswith("_env")):
        wrong = values.model_copy(update={name: CANARY})
        assert CANARY not in said(table_facts(wrong)), name


def test_the_name_of_a_variable_is_told_and_not_what_is_in_it(monkeypatch):
    monkeypatch.setenv("OUR_STRIPE_KEY", CANARY)
    model = ALL["payments", "stripe"].settings
    values = model(livemode=False, secret_key_env="OUR_STRIPE_KEY", webhook_secrets_env="NOBODY_SET_THIS")
    facts = by_name(table_facts(values))
    assert facts["secret_key_env"].value == "OUR_STRIPE_KEY"
    assert facts["webhook_secrets_env"].value is None
    assert CANARY not in said(facts.values())


class Inner(BaseModel):
    label: str


class Foreign(BaseModel):
    """A third party's settings, careless ones."""

    api_key: str
    merchant: str
    headers: dict[str, str]
    hosts: tuple[str, ...]
    token: SecretStr
    inner: Inner
    timeout_s: float = 3.5
    key_file: Path = Path("/etc/key")


def test_of_a_third_partys_plugin_every_text_may_be_a_secret():
    values = Foreign(
        api_key=CANARY,
        merchant=CANARY,
        headers={"Authorization": CANARY},
        hosts=(CANARY,),
        token=SecretStr(CANARY),
        inner=Inner(label=CANARY),
    )
    facts = by_name(table_facts(values))
    assert CANARY not in said(facts.values())
    hidden = {name for name, one in facts.items() if one.value is None}
    assert hidden == {"api_key", "merchant", "headers", "hosts", "token", "inner.label"}
    assert all(facts[name].is_set for name in hidden)
    assert (facts["timeout_s"].value, facts["key_file"].value) == ("3.5", "/etc/key")


def test_tables_within_a_table_are_told_one_by_one():
    tills = {"counter-1": {"host": "192.0.2.10"}, "counter-2": {"host": "192.0.2.11", "paper_mm": 58}}
    facts = {one.called: one for one in table_facts(ALL["devices", "escpos_network"].settings(tills=tills))}
    assert facts["tills.counter-2.paper_mm"].value == "58"
    assert facts["tills.counter-2.paper_mm"].name == "tills.*.paper_mm"
    assert facts["tills.counter-1.paper_mm"].source is Source.DEFAULT
