"""Which plugins an installation uses: what `plugins.toml` names, and nothing that is not understood."""

from pathlib import Path

import pytest

from topup.bootstrap.mailbox import letter_of
from topup.bootstrap.plugins import choose, make
from topup.kernel.errors import Invalid
from topup.notifications.ports import AddressKind, OutgoingMessage
from topup.platform.http import Client
from topup.platform.settings import Settings

SANDBOX = '[payments.sandbox]\nbase_url = "http://127.0.0.1:1"\nmerchant_id = "m"\nprivate_key_file = "{0}/a"\n'


def settings(tmp_path: Path, text: str | None = None) -> Settings:
    if text is not None:
        (tmp_path / "plugins.toml").write_text(text)
    return Settings(data_dir=tmp_path)


def test_without_a_file_nothing_is_chosen(tmp_path: Path) -> None:
    chosen = choose(settings(tmp_path), demo=False)
    assert [chosen.names(kind) for kind in ("payments", "carriers", "messengers")] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[payments.invented]", "plugin_unknown"),
        ("[payment.sandbox]", "plugins_file_wrong"),
        ("payments = 5", "plugins_file_wrong"),
        ("[payments]\nsandbox = 5", "plugins_file_wrong"),
        ("[[[", "plugins_file_wrong"),
        (SANDBOX, "simulator_in_production"),
        ('[messengers.mailbox]\ndirectory = "/tmp"', "simulator_in_production"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        choose(settings(tmp_path, text), demo=False)


def test_settings_that_are_missing_or_unknown_are_named(tmp_path: Path) -> None:
    whole = SANDBOX + 'gateway_public_key_file = "b"\n'
    for text, place, rule in (
        (SANDBOX, "gateway_public_key_file", "missing"),
        (whole + "colour = 1\n", "colour", "unknown"),
    ):
        with pytest.raises(Invalid, match="plugin_settings_wrong") as refused:
            choose(settings(tmp_path, text), demo=True)
        assert (refused.value.parameters["place"], refused.value.parameters["rule"]) == (place, rule)


async def test_a_key_file_that_is_not_there_is_said_before_anything_is_paid(tmp_path: Path) -> None:
    text = SANDBOX.format(tmp_path) + f'gateway_public_key_file = "{tmp_path}/b"\n'
    chosen = choose(settings(tmp_path, text), demo=True)
    client = Client(development=True)
    with pytest.raises(Invalid, match="plugin_settings_wrong"):
        make(chosen, client)
    await client.aclose()


SMTP = '[messengers.smtp]\nhost = "localhost"\nsecurity = "none"\nsender = "no-reply@topup.example"\n'
MAILBOX = '[messengers.mailbox]\ndirectory = "/tmp"\n'


@pytest.mark.parametrize(
    ("text", "serving"),
    [
        ("", {}),
        (SMTP, {AddressKind.MAIL: "smtp"}),
        (MAILBOX, {AddressKind.MAIL: "mailbox", AddressKind.SMS: "mailbox"}),
        (SMTP + MAILBOX + 'serves = ["sms"]\n', {AddressKind.MAIL: "smtp", AddressKind.SMS: "mailbox"}),
    ],
)
async def test_each_kind_of_address_has_its_messenger(
    tmp_path: Path, text: str, serving: dict[AddressKind, str]
) -> None:
    chosen = choose(settings(tmp_path, text), demo=True)
    assert chosen.serving == serving
    client = Client(development=True)
    made = make(chosen, client)
    assert {kind: messenger.name for kind, messenger in made.messengers.items()} == serving
    await made.aclose()
    await client.aclose()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SMTP + MAILBOX, "one_messenger"),
        (SMTP + 'serves = ["sms"]\n', "messenger_unable"),
        (SMTP + 'serves = ["invented"]\n', "messenger_unable"),
        (SMTP + "serves = []\n", "messenger_unable"),
        (SMTP + 'serves = "mail"\n', "messenger_unable"),
    ],
)
def test_messengers_that_would_both_send_or_cannot_are_refused(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        choose(settings(tmp_path, text), demo=True)


def test_a_letter_is_shown_in_paragraphs_and_its_own_language() -> None:
    letter = letter_of(OutgoingMessage("msg_1", "a@b.example", "zh_Hant", "主旨", "您好！\n\n一行\n二行\n"))
    assert letter.paragraphs == (("您好！",), ("一行", "二行"))
    assert letter.lang == "zh-Hant"
