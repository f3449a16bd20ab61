"""What `topup doctor` says of WeChat Pay: the keys, the certificates' dates, the clock, and whether it answers us."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from topup.platform.http import Client, Response
from topup.platform.plugs import Finding, Health
from topup.plugins.payments.wechatpay import keys, outcomes
from topup.plugins.payments.wechatpay.calling import Calls
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.trust import TOLERANCE, Distrusted

_SOON: Final = timedelta(days=30)
_CLOCK_SOON: Final = timedelta(minutes=1)
_NOBODYS_NUMBER: Final = "pay_00000000000000000000000000"
"""No payment has it: the question is answered, if at all, with ORDER_NOT_EXIST."""


async def check(settings: WechatpaySettings, client: Client, now: datetime) -> Sequence[Finding]:
    """Look at every file; where they are in order, ask WeChat Pay about a payment that nobody made."""
    files = [*_files(settings), *_dates("certificate", [settings.certificate_file], now)]
    files += _dates("platform_certificate", settings.platform_certificate_files, now)
    if not any(finding.health is Health.WRONG for finding in files):
        files += _pair(settings)
    if any(finding.health is Health.WRONG for finding in files):
        return [*files, Finding("reachable", Health.UNKNOWN, "wechatpay.keys_first")]
    return [*files, *await _asked(settings, client, now)]


def _files(settings: WechatpaySettings) -> Iterator[Finding]:
    yield _readable("private_key", keys.private_key, settings.private_key_file)
    yield _readable("api_v3_key", keys.api_v3_key, settings.api_v3_key_file)
    if settings.platform_public_key_file is not None:
        yield _readable("platform_public_key", keys.public_key, settings.platform_public_key_file)


def _readable(subject: str, read: Callable[[Path], Any], path: Path) -> Finding:
    try:
        read(path)
    except OSError as error:
        return Finding(subject, Health.WRONG, "wechatpay.file_unreadable", {"file": path, "reason": error.strerror})
    except ValueError:
        return Finding(subject, Health.WRONG, f"wechatpay.{subject}_wrong", {"file": path})
    return Finding(subject, Health.FINE)


def _dates(subject: str, paths: Sequence[Path], now: datetime) -> Iterator[Finding]:
    for path in paths:
        found = _readable(subject, keys.certificate, path)
        yield found if found.health is Health.WRONG else _lasting(subject, keys.certificate(path), now)


def _lasting(subject: str, certificate: x509.Certificate, now: datetime) -> Finding:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    facts = {"serial": keys.serial_of(certificate), "begins": f"{begins:%Y-%m-%d}", "ends": f"{ends:%Y-%m-%d}"}
    if not begins <= now <= ends:
        return Finding(subject, Health.WRONG, "wechatpay.certificate_not_valid", facts)
    if ends - now < _SOON:
        return Finding(subject, Health.SOON, "wechatpay.certificate_ends_soon", facts)
    return Finding(subject, Health.FINE)


def _pair(settings: WechatpaySettings) -> Iterator[Finding]:
    ours = keys.private_key(settings.private_key_file).public_key()
    if keys.certificate(settings.certificate_file).public_key() != ours:
        facts = {"file": settings.certificate_file, "key": settings.private_key_file}
        yield Finding("certificate", Health.WRONG, "wechatpay.not_a_pair", facts)


async def _asked(settings: WechatpaySettings, client: Client, now: datetime) -> list[Finding]:
    calls = Calls(settings, client)
    findings: list[Finding] = []
    if settings.certificate_mode:
        await calls.fetch_certificates()
        findings += [_lasting("platform_certificate", one, now) for one in calls.trust.certificates()]
    target = f"/v3/pay/transactions/out-trade-no/{_NOBODYS_NUMBER}?mchid={settings.merchant_id}"
    began = datetime.now(UTC)
    response = await calls.send("GET", target, route="check")
    await calls.aclose()
    if not isinstance(response, Response):
        return [*findings, Finding("reachable", Health.WRONG, "wechatpay.unreachable", {"reason": response.detail})]
    return [*findings, *_clock(response, began), _answered(calls, response)]


def _clock(response: Response, ours: datetime) -> Iterator[Finding]:
    """How far our clock is from theirs: calls are refused, and events distrusted, at five minutes."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return
    apart = abs(ours - theirs.astimezone(UTC))
    facts = {"seconds": round(apart.total_seconds())}
    if apart < _CLOCK_SOON:
        yield Finding("clock", Health.FINE)
    else:
        yield Finding("clock", Health.WRONG if apart >= TOLERANCE else Health.SOON, "wechatpay.clock_apart", facts)


def _answered(calls: Calls, response: Response) -> Finding:
    try:
        answer = calls.wire.answer(response, datetime.now(UTC))
        calls.trust.verify(response.headers, response.body, datetime.now(UTC))
    except Distrusted:
        if response.status == 401:  # noqa: PLR2004 - who we are was refused, and that is not signed
            return Finding("reachable", Health.WRONG, "wechatpay.refused", {"code": "SIGN_ERROR"})
        return Finding("reachable", Health.WRONG, "wechatpay.signature_wrong", {"status": response.status})
    if answer.code in outcomes.ABSENT:
        return Finding("reachable", Health.FINE)
    return Finding("reachable", Health.WRONG, "wechatpay.refused", {"code": answer.code or str(answer.status)})
