"""What `topup doctor` says of Alipay: the keys, the certificates' dates, the clock, and whether it answers us."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from cryptography import x509

from topup.kernel.outcome import NotSent, Unknown
from topup.platform.http import Client, ForbiddenAddress, Response
from topup.platform.plugs import Finding, Health
from topup.plugins.payments.alipay import agreements, keys, outcomes
from topup.plugins.payments.alipay.settings import AlipaySettings
from topup.plugins.payments.alipay.wire import FORM, Distrusted, Wire

_SOON: Final = timedelta(days=30)
_CLOCK_SOON: Final = timedelta(minutes=1)
_CLOCK_WRONG: Final = timedelta(minutes=10)
_NOBODYS_NUMBER: Final = "pay_00000000000000000000000000"
"""No payment has it: the question is answered, if at all, with ACQ.TRADE_NOT_EXIST."""
_NOBODYS_AGREEMENT: Final = "ins_00000000000000000000000000"
_QUERY: Final = "alipay.trade.query"


async def check(settings: AlipaySettings, client: Client, now: datetime) -> Sequence[Finding]:
    """Look at every key; where they are in order, ask Alipay about a payment that nobody made."""
    found = [*_keys(settings)]
    if settings.alipay_public_key_file is None and not _wrong(found):
        found += _certificates(settings, now)
    if _wrong(found):
        return [*found, Finding("reachable", Health.UNKNOWN, "alipay.keys_first")]
    return [*found, *await _asked(settings, client)]


def _wrong(found: Sequence[Finding]) -> bool:
    return any(finding.health is Health.WRONG for finding in found)


def _keys(settings: AlipaySettings) -> Iterator[Finding]:
    where = settings.private_key_file or settings.private_key_env
    yield _readable("private_key", lambda: keys.private_key(settings), where)
    theirs = settings.alipay_public_key_file
    if theirs is None:
        yield _readable("certificates", lambda: keys.read_keys(settings), settings.alipay_certificate_file)
        return
    finding = _readable("alipay_public_key", lambda: keys.public_key(theirs), theirs)
    if finding.health is Health.FINE and _is_our_own(settings):
        finding = Finding("alipay_public_key", Health.WRONG, "alipay.own_key", {"file": str(theirs)})
    yield finding


def _readable(subject: str, read: Callable[[], Any], where: object) -> Finding:
    try:
        read()
    except OSError as error:
        facts = {"file": str(where), "reason": error.strerror or type(error).__name__}
        return Finding(subject, Health.WRONG, "alipay.file_unreadable", facts)
    except ValueError:
        return Finding(subject, Health.WRONG, f"alipay.{subject}_wrong", {"file": str(where)})
    return Finding(subject, Health.FINE)


def _is_our_own(settings: AlipaySettings) -> bool:
    """Whether our own public key was put where Alipay's belongs, as the portal shows both."""
    try:
        both = keys.read_keys(settings)
    except (OSError, ValueError):
        return False
    return both.ours.public_key() == both.theirs


def _certificates(settings: AlipaySettings, now: datetime) -> Iterator[Finding]:
    app, alipay, _roots = keys.certificates(settings)
    if app.public_key() != keys.private_key(settings).public_key():
        facts = {"file": str(settings.app_certificate_file)}
        yield Finding("app_certificate", Health.WRONG, "alipay.not_a_pair", facts)
    else:
        yield _lasting("app_certificate", app, now)
    yield _lasting("alipay_certificate", alipay, now)


def _lasting(subject: str, certificate: x509.Certificate, now: datetime) -> Finding:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    facts = {"begins": f"{begins:%Y-%m-%d}", "ends": f"{ends:%Y-%m-%d}"}
    if not begins <= now <= ends:
        return Finding(subject, Health.WRONG, "alipay.certificate_not_valid", facts)
    if ends - now < _SOON:
        return Finding(subject, Health.SOON, "alipay.certificate_ends_soon", facts)
    return Finding(subject, Health.FINE, "", facts)


async def _asked(settings: AlipaySettings, client: Client) -> list[Finding]:
    try:
        client.check_address(settings.base_url)
    except ForbiddenAddress as error:
        return [Finding("reachable", Health.WRONG, "alipay.unreachable", {"reason": str(error)})]
    wire = Wire(keys=keys.read_keys(settings), app_id=settings.app_id, seller_id=settings.seller_id)
    began = datetime.now(UTC)
    response = await _sent(wire, settings, client, _QUERY, {"out_trade_no": _NOBODYS_NUMBER})
    if not isinstance(response, Response):
        return [Finding("reachable", Health.WRONG, "alipay.unreachable", {"reason": response.detail})]
    reachable = _answered("reachable", wire, _QUERY, response)
    found = [*_clock(response, began), reachable]
    if settings.withholding and reachable.health is Health.FINE:
        content = agreements.query_content(_NOBODYS_AGREEMENT, settings)
        response = await _sent(wire, settings, client, agreements.QUERY, content)
        if isinstance(response, Response):
            found.append(_answered("withholding", wire, agreements.QUERY, response))
    return found


async def _sent(
    wire: Wire, settings: AlipaySettings, client: Client, method: str, content: Mapping[str, str]
) -> Response | NotSent | Unknown:
    query, body = wire.call(method, content, now=datetime.now(UTC))
    return await client.send(
        method="POST",
        url=f"{settings.base_url.rstrip('/')}/gateway.do?{query}",
        route="alipay.check",
        headers=FORM,
        content=body,
        timeout_s=settings.timeout_s,
    )


def _clock(response: Response, ours: datetime) -> Iterator[Finding]:
    """How far our clock is from theirs: payments expire by theirs."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        yield Finding("clock", Health.UNKNOWN, "alipay.clock_unknown")
        return
    apart = abs(ours - theirs.astimezone(UTC))
    facts = {"seconds": round(apart.total_seconds())}
    if apart < _CLOCK_SOON:
        yield Finding("clock", Health.FINE)
    else:
        yield Finding("clock", Health.WRONG if apart >= _CLOCK_WRONG else Health.SOON, "alipay.clock_apart", facts)


def _answered(subject: str, wire: Wire, method: str, response: Response) -> Finding:
    try:
        answer = wire.answer(method=method, response=response)
    except Distrusted as error:
        return Finding(subject, Health.WRONG, "alipay.answer_distrusted", {"reason": str(error)})
    if outcomes.is_not_found(answer) or outcomes.has_no_agreement(answer):
        return Finding(subject, Health.FINE)
    return Finding(subject, Health.WRONG, "alipay.refused", {"code": answer.sub_code or answer.code})
