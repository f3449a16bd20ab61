"""Settings: what may be said, how, and the sentence for what cannot be read."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from topup.platform.settings import WrongSetting, load_settings, prepare_data_dir


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
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
    assert value not in caught.value.parameters["reason"]


@pytest.mark.parametrize("value", ["sk_live_hunter2", "10.0.0.0/8,hunter2", "10.0.0.1/8", "hunter2/32", "10.0.0.0/99"])
def test_networks_that_cannot_be_read_are_described_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("TOPUP_TRUSTED_PROXIES", value)
    with pytest.raises(WrongSetting) as caught:
        load_settings()
    assert caught.value.parameters["reason"] == "networks such as 10.0.0.0/8, with commas between them"


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
