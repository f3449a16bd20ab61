"""Settings: what may be said, how, and the sentence for what cannot be read."""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from topup.people.permissions import STAFF_ROLES
from topup.platform.i18n import LOCALES, translate
from topup.platform.setting_rules import RULES
from topup.platform.settings import Settings, WrongSetting, load_settings, prepare_data_dir
from topup.platform.web.settings import WebSettings

GUIDES = Path(__file__).parents[3] / "docs" / "guides"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    for name in (
        "DATA_DIR",
        "DATABASE_URL",
        "PORT",
        "HOST",
        "LANES",
        "TRUSTED_PROXIES",
        "CLOCK_OFFSET_S",
        "PUBLIC_URL",
        "ADJUST_MOST",
        "ALONE",
        "TIME_ZONE",
        "PROVIDER_FEES",
    ):
        monkeypatch.delenv(f"TOPUP_{name}", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_any_setting_it_is_production_on_loopback(tmp_path):
    settings = load_settings()
    assert settings.data_dir == tmp_path / ".local" / "share" / "topup"
    assert (settings.demo, settings.host, settings.port, settings.lanes) == (False, "127.0.0.1", 8080, 16)
    assert settings.address == "http://127.0.0.1:8080"
    assert settings.trusted_proxies == ()


def test_the_data_directory_follows_xdg_and_its_own_variable(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/share")
    assert load_settings().data_dir == Path("/srv/share/topup")
    monkeypatch.setenv("TOPUP_DATA_DIR", "/srv/mine")
    assert load_settings().data_dir == Path("/srv/mine")


def test_an_option_of_the_command_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("TOPUP_PORT", "9000")
    assert load_settings().port == 9000
    assert load_settings(port=9001).port == 9001


def test_proxies_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("TOPUP_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")
    assert load_settings().trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


def test_what_an_adjustment_may_be_at_most_is_said_for_all_currencies_and_for_one(monkeypatch):
    assert load_settings().adjust_ceiling("CNY") == (500, 2500)
    monkeypatch.setenv("TOPUP_ADJUST_MOST", "80.50, IDR=5000000/6000000")
    assert load_settings().adjust_ceiling("CNY") == (Decimal("80.50"), Decimal("402.50"))
    assert load_settings().adjust_ceiling("IDR") == (5_000_000, 6_000_000)
    monkeypatch.setenv("TOPUP_ADJUST_MOST", "JPY=9000")
    assert load_settings().adjust_ceiling("CNY") == (500, 2500)


def test_what_one_person_may_decide_alone_is_one_table(monkeypatch):
    plain = load_settings().alone
    assert plain["refund.support"] == (Decimal(50), Decimal(500))
    monkeypatch.setenv("TOPUP_ALONE", "refund.support=20/100, refund.support.JPY=3000/15000")
    changed = load_settings().alone
    assert (changed["refund.support"], changed["refund.support.JPY"]) == (
        (Decimal(20), Decimal(100)),
        (Decimal(3000), Decimal(15_000)),
    )
    assert changed["refund.finance"] == plain["refund.finance"]


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
@pytest.mark.parametrize("about", ["refund", "transfer", "difference"])
def test_every_role_of_staff_can_have_a_limit(monkeypatch, about, role):
    monkeypatch.setenv("TOPUP_ALONE", f"{about}.{role}=1/2")
    assert load_settings().alone[f"{about}.{role}"] == (Decimal(1), Decimal(2))


def test_what_providers_keep_is_a_share_and_a_fixed_part(monkeypatch):
    assert load_settings().provider_fees == {}
    monkeypatch.setenv("TOPUP_PROVIDER_FEES", "alipay=0.6%, stripe=2.9%+30,bank_transfer=0%")
    assert load_settings().provider_fees == {"alipay": (6_000, 0), "stripe": (29_000, 30), "bank_transfer": (0, 0)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOPUP_PROVIDER_FEES", "alipay=0.006"),
        ("TOPUP_PROVIDER_FEES", "0.6%"),
        ("TOPUP_ADJUST_MOST", "much"),
        ("TOPUP_ALONE", "refund.support=50"),
        ("TOPUP_ALONE", "refund.suport=50/500"),
        ("TOPUP_ALONE", "refunds.support=50/500"),
        ("TOPUP_TIME_ZONE", "China"),
        ("TOPUP_TIME_ZONE", "../../etc/passwd"),
        ("TOPUP_ADJUST_MOST", "CNY:500"),
        ("TOPUP_PORT", "eighty"),
        ("TOPUP_PORT", "70000"),
        ("TOPUP_LANES", "0"),
        ("TOPUP_TRUSTED_PROXIES", "everybody"),
        ("TOPUP_PUBLIC_URL", "top.example"),
        ("TOPUP_LOG_LEVEL", "loud"),
        ("TOPUP_DATABASE_URL", "mysql://x"),
        ("TOPUP_DATA_DIR", "~nobody-of-this-name/topup"),
        ("TOPUP_POOL_WAIT_S", "long"),
        ("TOPUP_DEMO", "perhaps"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as caught:
        load_settings()
    assert caught.value.parameters["name"] == name
    assert value not in caught.value.parameters.values()
    assert caught.value.parameters["rule"] in RULES - {"other"}


@pytest.mark.parametrize("value", ["sk_live_hunter2", "10.0.0.0/8,hunter2", "10.0.0.1/8", "hunter2/32", "10.0.0.0/99"])
def test_networks_that_cannot_be_read_are_described_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("TOPUP_TRUSTED_PROXIES", value)
    with pytest.raises(WrongSetting) as caught:
        load_settings()
    assert caught.value.parameters == {"name": "TOPUP_TRUSTED_PROXIES", "rule": "networks"}


@pytest.mark.parametrize("url", ["mysql://x:hunter2@db/topup", "hunter2", "postgresql://u:hunter2@[db/topup"])
def test_an_address_of_no_postgresql_is_refused_without_repeating_it(monkeypatch, url):
    monkeypatch.setenv("TOPUP_DATABASE_URL", url)
    with pytest.raises(WrongSetting) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value.parameters)


def test_the_databases_password_is_never_printed(monkeypatch):
    monkeypatch.setenv("TOPUP_DATABASE_URL", "postgresql://topup:hunter2@db/topup")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.database_url.get_secret_value() == "postgresql://topup:hunter2@db/topup"


@pytest.mark.parametrize("locale", LOCALES)
def test_what_a_setting_must_be_is_said_in_every_language(locale):
    """And not in the library's English."""
    for rule in RULES:
        said = translate(locale, "platform", f"rule.{rule}", fact="7")
        assert said
        assert locale == "en" or any("一" <= letter <= "鿿" for letter in said)


def test_only_a_demonstration_may_move_the_clock(monkeypatch):
    monkeypatch.setenv("TOPUP_CLOCK_OFFSET_S", "60")
    with pytest.raises(WrongSetting):
        load_settings()
    assert load_settings(demo=True).clock_offset_s == 60


def test_the_public_address_has_no_slash_at_its_end():
    assert load_settings(public_url="https://top.example/").address == "https://top.example"
    assert load_settings(host="::1").address == "http://[::1]:8080"


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path):
    made = prepare_data_dir(tmp_path / "new" / "topup")
    assert made.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongSetting) as caught:
        prepare_data_dir(tmp_path / "file")
    assert caught.value.code == "data_dir_unusable"


@pytest.mark.parametrize(("model", "prefix"), [(Settings, "TOPUP_"), (WebSettings, "TOPUP_WEB_")])
def test_every_setting_is_in_the_guides(model, prefix):
    guides = "".join((GUIDES / name).read_text() for name in ("cli.md", "api.md"))
    missing = [name for field in model.model_fields if f"`{(name := prefix + field.upper())}`" not in guides]
    assert missing == []
