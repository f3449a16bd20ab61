"""What `topup doctor` finds out about Stripe: the keys, the account they belong to, our clock, and who hears events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from topup.kernel.outcome import NotSent, Refused, Unknown
from topup.platform.http import Client, ForbiddenAddress
from topup.platform.plugs import Finding, Health
from topup.platform.rates import look_at_rates
from topup.plugins.payments.stripe.events import LISTENED_TO
from topup.plugins.payments.stripe.objects import Account, Balance, Endpoint, Page
from topup.plugins.payments.stripe.settings import StripeSettings, secret_key, webhook_secrets
from topup.plugins.payments.stripe.signatures import TOLERANCE_S
from topup.plugins.payments.stripe.wire import Wire, understood

_SKEW_SOON_S: Final = 30
_EVERYTHING: Final = "*"
_NEEDED: Final = frozenset(
    {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "refund.failed",
        "refund.updated",
    }
)
"""Of LISTENED_TO, those without which news would only come by asking."""


async def check(settings: StripeSettings, client: Client, now: datetime) -> Sequence[Finding]:
    """Every finding; a key that cannot be read ends it, for without it Stripe cannot be asked."""
    findings = [_webhook_secrets(settings)]
    if settings.rates_file is not None:
        findings.append(look_at_rates(settings.rates_file, settings.pays_in, now))
    try:
        secret_key(settings)
        wire = Wire(settings, client)
    except (OSError, ValueError, ForbiddenAddress) as error:
        return [Finding("secret_key", Health.WRONG, "stripe.key_unreadable", {"reason": _plain(error)}), *findings]
    answer = await wire.answer_headers("/v1/balance", route="check")
    if isinstance(answer, NotSent | Unknown):
        return [*findings, Finding("reachable", Health.WRONG, "stripe.unreachable", {"reason": answer.detail})]
    headers, response = answer
    balance = understood(response, Balance)
    findings += [Finding("reachable", Health.FINE), _clock(headers, now)]
    if isinstance(balance, Refused):
        return [Finding("secret_key", Health.WRONG, "stripe.key_refused", {"reason": balance.code}), *findings]
    if not isinstance(balance, Balance):
        return [Finding("secret_key", Health.UNKNOWN, "stripe.not_understood", {"reason": str(balance)}), *findings]
    if balance.livemode != settings.livemode:
        return [Finding("secret_key", Health.WRONG, "stripe.other_mode"), *findings]
    return [Finding("secret_key", Health.FINE), *findings, await _account(wire, settings), await _endpoints(wire)]


def _webhook_secrets(settings: StripeSettings) -> Finding:
    try:
        webhook_secrets(settings)
    except (OSError, ValueError) as error:
        return Finding("webhook_secrets", Health.WRONG, "stripe.secrets_unreadable", {"reason": _plain(error)})
    return Finding("webhook_secrets", Health.FINE)


def _clock(headers: Mapping[str, str], now: datetime) -> Finding:
    """Our clock against Stripe's: events signed more than five minutes from ours are rejected."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
        apart = abs((now - theirs).total_seconds())
    except (TypeError, ValueError):
        return Finding("clock", Health.UNKNOWN, "stripe.clock_unknown")
    if apart > _SKEW_SOON_S:
        health = Health.WRONG if apart > TOLERANCE_S / 2 else Health.SOON
        return Finding("clock", health, "stripe.clock_apart", {"seconds": round(apart)})
    return Finding("clock", Health.FINE)


async def _account(wire: Wire, settings: StripeSettings) -> Finding:
    answer = await wire.get("/v1/account", Account, route="check")
    if not isinstance(answer, Account):
        return Finding("account", Health.UNKNOWN, "stripe.account_unseen", {"reason": _said(answer)})
    if settings.account_id and answer.id != settings.account_id:
        return Finding("account", Health.WRONG, "stripe.other_account", {"account": answer.id})
    if not answer.charges_enabled:
        return Finding("account", Health.WRONG, "stripe.charges_disabled")
    return Finding("account", Health.FINE)


async def _endpoints(wire: Wire) -> Finding:
    """Whether somebody hears every type of event that brings news; which address is ours, Stripe cannot say."""
    page = await wire.get("/v1/webhook_endpoints", Page[Endpoint], route="check", query={"limit": 100})
    if not isinstance(page, Page):
        return Finding("webhook_endpoint", Health.UNKNOWN, "stripe.endpoints_unseen", {"reason": _said(page)})
    heard: set[str] = set()
    for endpoint in page.data:
        if endpoint.status == "enabled" and endpoint.url.rstrip("/").endswith("/webhooks/stripe"):
            heard |= LISTENED_TO if _EVERYTHING in endpoint.enabled_events else set(endpoint.enabled_events)
    if not heard:
        return Finding("webhook_endpoint", Health.WRONG, "stripe.no_endpoint")
    missing = sorted(_NEEDED - heard)
    if missing:
        return Finding("webhook_endpoint", Health.WRONG, "stripe.events_missing", {"events": ", ".join(missing)})
    return Finding("webhook_endpoint", Health.FINE)


def _said(problem: object) -> str:
    return problem.code if isinstance(problem, Refused) else type(problem).__name__


def _plain(error: Exception) -> str:
    """Why, without what is in the file: an OSError names the file, our own errors name the rule."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
