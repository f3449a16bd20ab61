"""Mail reaches a real relay over real TLS, once, and each answer of the relay means what it says and no more."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtplib import SMTP as CLIENT
from aiosmtplib import SMTPServerDisconnected
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.relays import PASSWORD, USER, certified, relay
from topup.kernel.outcome import Done, NotSent, Reason, Refused, Throttled, Unknown
from topup.notifications.ports import OutgoingMessage
from topup.platform.plugs import Health
from topup.plugins.messengers.smtp import PLUG
from topup.plugins.messengers.smtp.doctor import check
from topup.plugins.messengers.smtp.letters import letter
from topup.plugins.messengers.smtp.messenger import Smtp
from topup.plugins.messengers.smtp.settings import SmtpSettings

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
CANARY = "canary.person@example.com"
STOP = "https://topup.example/stop/abc"
MESSAGE = OutgoingMessage("msg_1", CANARY, "zh_Hans", "充值成功：¥50.00", "您好！\n\n.行首的点\n完", NOW, STOP)


def settings_for(folder: Path, port: int, security: str = "starttls", **more) -> SmtpSettings:
    (folder / "password").write_text(PASSWORD + "\n")
    said = {"username": USER, "password_file": folder / "password", "timeout_s": 5.0}
    if security != "none":
        said["ca_file"] = folder / "authority.pem"
    said = said | {"host": "127.0.0.1", "port": port, "security": security, "sender": "充值 <no-reply@topup.example>"}
    return SmtpSettings(**(said | more))


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_a_message_arrives_whole_from_us_and_can_be_stopped(tmp_path: Path, security: str) -> None:
    signing = {} if security != "none" else {"username": "", "password_file": None}
    async with relay(tmp_path, security=security, sign_in=security != "none") as there:
        outcome = await Smtp(settings_for(tmp_path, there.port, security, **signing)).send(MESSAGE)
    assert outcome == Done("250")
    (arrived,) = there.letters
    assert arrived["X-Envelope"] == f"no-reply@topup.example ['{CANARY}']"
    assert (arrived["Subject"], arrived["To"]) == (MESSAGE.subject, CANARY)
    assert arrived["From"].addresses[0].display_name == "充值"
    assert arrived["Message-ID"] == "<msg_1@topup.example>"
    assert arrived["Date"].datetime == NOW
    assert arrived["List-Unsubscribe"] == f"<{STOP}>"
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert arrived["Content-Language"] == "zh-Hans"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived.get_content().replace("\r\n", "\n").strip() == MESSAGE.body


@pytest.mark.parametrize(
    ("command", "answer", "outcome"),
    [
        ("MAIL", "550 5.7.1 not you", Refused(Reason.CONFIGURATION, "550 5.7.1")),
        ("MAIL", "530 5.7.0 sign in first", NotSent("530 5.7.0")),
        ("MAIL", "451 later", Throttled(60)),
        ("RCPT", f"550 5.1.1 <{CANARY}> unknown", Refused(Reason.USER, "550 5.1.1")),
        ("RCPT", "450 4.2.0 greylisted", Throttled(60)),
        ("RCPT", "421 4.3.2 going away", NotSent("421 4.3.2")),
        ("DATA", "554 5.6.0 refused", Refused(Reason.USER, "554 5.6.0")),
        ("DATA", "452 4.3.1 full", Throttled(60)),
        ("DATA", "399 what", Unknown("399")),
    ],
)
async def test_an_answer_means_what_it_says(tmp_path: Path, command: str, answer: str, outcome: object) -> None:
    async with relay(tmp_path, security="starttls") as there:
        there.answers[command] = answer
        assert await Smtp(settings_for(tmp_path, there.port)).send(MESSAGE) == outcome
    assert there.letters == []


async def test_a_line_that_breaks_once_the_relay_may_have_the_message_is_unknown(tmp_path: Path) -> None:
    async with relay(tmp_path, security="starttls") as there:
        there.hang_up_after_content = True
        hung_up = await Smtp(settings_for(tmp_path, there.port)).send(MESSAGE)
        there.hang_up_after_content, there.silent_after_content = False, True
        silent = await Smtp(settings_for(tmp_path, there.port, timeout_s=0.5)).send(MESSAGE)
    assert isinstance(hung_up, Unknown)
    assert isinstance(silent, Unknown)


async def test_a_relay_that_ends_the_line_badly_after_it_has_the_message_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_client: CLIENT) -> None:
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr(CLIENT, "quit", broken)
    async with relay(tmp_path, security="starttls") as there:
        assert await Smtp(settings_for(tmp_path, there.port)).send(MESSAGE) == Done("250")
    assert len(there.letters) == 1


async def test_what_fails_before_the_message_is_named_was_not_sent(tmp_path: Path) -> None:
    certified(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = await Smtp(settings_for(tmp_path, closed.getsockname()[1])).send(MESSAGE)
    mute = await asyncio.start_server(lambda _reader, writer: hold(writer), "127.0.0.1", 0)
    async with mute:
        silent = await Smtp(settings_for(tmp_path, mute.sockets[0].getsockname()[1], timeout_s=0.3)).send(MESSAGE)
        for writer in _held:
            writer.close()
    async with relay(tmp_path, security="starttls") as there:
        (tmp_path / "wrong").write_text("wrong")
        locked_out = await Smtp(settings_for(tmp_path, there.port, password_file=tmp_path / "wrong")).send(MESSAGE)
        strange = settings_for(tmp_path, there.port, ca_file=None)
        not_trusted = await Smtp(strange).send(MESSAGE)
    async with relay(tmp_path, security="none", sign_in=False) as in_the_clear:
        downgraded = await Smtp(settings_for(tmp_path, in_the_clear.port)).send(MESSAGE)
    found = [nobody, silent, locked_out, not_trusted, downgraded]
    print(found)
    assert all(isinstance(one, NotSent) for one in found)
    assert in_the_clear.letters == []


_held: list[asyncio.StreamWriter] = []


async def hold(writer: asyncio.StreamWriter) -> None:
    _held.append(writer)


async def test_only_mail_is_mailed(tmp_path: Path) -> None:
    certified(tmp_path)
    smtp = Smtp(settings_for(tmp_path, 1))
    for address in ("tel:+8613800138000", "no address", "a@b@c", "a@b.example\r\nRCPT TO:<x@y.example>", "@", ""):
        outcome = await smtp.send(OutgoingMessage("msg_1", address, "en", "s", "b"))
        assert isinstance(outcome, Refused), address


@given(subject=st.text(max_size=300), body=st.text(max_size=500), locale=st.sampled_from(["en", "zh_Hans"]))
def test_nothing_in_a_message_adds_a_header_or_a_recipient(subject: str, body: str, locale: str) -> None:
    settings = SmtpSettings(host="localhost", security="none", sender="no-reply@topup.example")
    subject = subject.encode("utf-8", "replace").decode()
    body = body.encode("utf-8", "replace").decode()
    head, _, _ = letter(OutgoingMessage("msg_1", "a@b.example", locale, subject, body, NOW), settings).partition(
        b"\r\n\r\n"
    )
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    names = sorted(line.partition(b":")[0].decode().lower() for line in unfolded.split(b"\r\n"))
    usual = "auto-submitted content-language content-transfer-encoding content-type date from message-id mime-version"
    assert names == sorted([*usual.split(), "subject", "to"])
    assert head.isascii()


@pytest.mark.parametrize(
    "wrong",
    [
        {"security": "none", "host": "relay.example"},
        {"sender": "nobody"},
        {"sender": "a@b.example\nBcc: c@d.example"},
        {"username": "topup"},
        {"password_env": "X"},
        {"timeout_s": 60},
        {"invented": 1},
    ],
)
def test_settings_that_would_send_in_the_clear_or_as_nobody_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings(**({"host": "127.0.0.1", "sender": "no-reply@topup.example"} | wrong))


async def test_doctor_says_what_is_wrong_and_sends_nothing(tmp_path: Path) -> None:
    async with relay(tmp_path, security="starttls") as there:
        good = settings_for(tmp_path, there.port)
        (tmp_path / "wrong").write_text("wrong")
        fine = await check(good, None, datetime.now(UTC))
        soon = await check(good, None, datetime.now(UTC) + timedelta(days=25))
        locked_out = await check(good.model_copy(update={"password_file": tmp_path / "wrong"}), None, NOW)
        not_trusted = await check(good.model_copy(update={"ca_file": None}), None, NOW)
        unreadable = await check(good.model_copy(update={"password_file": tmp_path / "absent"}), None, NOW)
    gone = await check(good, None, NOW)
    assert there.letters == []
    assert {finding.health for finding in fine} == {Health.FINE}
    said = [[one.reason for one in found if one.reason] for found in (soon, locked_out, not_trusted, unreadable, gone)]
    assert said == [
        ["smtp.certificate_ends_soon"],
        ["smtp.sign_in_refused"],
        ["smtp.certificate_wrong"],
        ["smtp.file_unreadable"],
        ["smtp.unreachable"],
    ]


async def test_neither_the_password_nor_the_recipient_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with relay(tmp_path, security="starttls") as there:
        there.answers["RCPT"] = f"550 5.1.1 <{CANARY}> unknown"
        smtp = PLUG.make(settings_for(tmp_path, there.port), None)
        outcome = await smtp.send(MESSAGE)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("topup", "aiosmtplib")))
    told = [repr(outcome), repr(smtp._relay), *capsys.readouterr(), ours]
    assert not [text for text in told if CANARY in text or PASSWORD in text]
