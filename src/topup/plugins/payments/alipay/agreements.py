"""Agreements about later payments (商家扣款, 周期扣款): signed by the wallet's owner, so much each time, so often.

Their number with Alipay (`external_agreement_no`) is our id of the instrument without the underscore: it takes letters
and digits only, 32 at most. Payments are made by Alipay's own number (`agreement_no`).
"""

from collections.abc import Mapping
from typing import Any, Final

from topup.kernel.ids import PREFIXES, is_id
from topup.kernel.outcome import Done, Outcome, Unknown
from topup.payments.instruments.ports import AgreementAnswer, AgreementRequest, AgreementStanding
from topup.payments.ports import AgreementFact, Fact, Instrument, PaymentRequest, Scene
from topup.plugins.payments.alipay import outcomes
from topup.plugins.payments.alipay.settings import AlipaySettings
from topup.plugins.payments.alipay.wire import Answer, Notice, written, yuan

PAGE: Final = "alipay.user.agreement.page.sign"
QUERY: Final = "alipay.user.agreement.query"
UNSIGN: Final = "alipay.user.agreement.unsign"
PERSONAL_PRODUCT: Final = "CYCLE_PAY_AUTH_P"
DAYS: Final = (30, 7)
"""Once in so many days; Alipay takes no fewer than seven."""

_PREFIX: Final = PREFIXES["instrument"]
_CHANNELS: Final = {Scene.PHONE: "ALIPAYAPP", Scene.DESKTOP: "QRCODE"}
_IN_FORCE: Final = {"NORMAL": AgreementStanding.SIGNED, "STOP": AgreementStanding.PAUSED}
"""`status` in answers to alipay.user.agreement.query is TEMP (kept, and never in force yet), NORMAL or STOP (paused).
What has ended is not found; UNSIGN is what its notice says."""
_NOTICES: Final = {"dut_user_sign": False, "dut_user_unsign": True}
"""What notices of agreements are called, and whether they tell of an end."""


def is_about_agreement(fields: Mapping[str, str]) -> bool:
    """Whether a notice is about an agreement: such a one names the application, and no merchant."""
    return fields.get("notify_type") in _NOTICES


def numbered(agreement_id: str) -> str:
    """Our id as Alipay takes it."""
    return agreement_id.replace("_", "", 1)


def identified(number: str) -> str:
    """Our id of Alipay's spelling of it; empty where it is none of ours."""
    found = f"{_PREFIX}_{number.removeprefix(_PREFIX)}"
    return found if number.startswith(_PREFIX) and is_id("instrument", found) else ""


def page_content(request: AgreementRequest, settings: AlipaySettings) -> dict[str, Any]:
    """What is to be signed: from the day it is asked for, by China's calendar, once in so many days, up to so much."""
    return {
        **_of(request.agreement_id, settings),
        "product_code": settings.withholding,
        "access_params": {"channel": _CHANNELS.get(request.scene, "ALIPAYAPP")},
        "period_rule_params": {
            "period_type": "DAY",
            "period": str(request.terms.every_days),
            "execute_time": written(request.begins_at)[:10],
            "single_amount": yuan(request.terms.most),
        },
    }


def query_content(agreement_id: str, settings: AlipaySettings, token: str = "") -> dict[str, str]:
    """Which agreement is asked about: by Alipay's number once it is known, for the scene of today's contract may not be
    the one that was signed.
    """
    return {"agreement_no": token} if token else _of(agreement_id, settings)


def charge_content(request: PaymentRequest, settings: AlipaySettings) -> dict[str, Any]:
    """What a payment by an agreement says beside the order."""
    return {"product_code": settings.withholding, "agreement_params": {"agreement_no": request.instrument}}


def standing(agreement_id: str, answer: Answer) -> AgreementAnswer:
    """How an agreement stands, by the answer to a query."""
    if outcomes.has_no_agreement(answer):
        return AgreementAnswer(AgreementStanding.ABSENT)
    if answer.code != outcomes.SUCCESS:
        return AgreementAnswer(None, problem=outcomes.unlisted(answer))
    if answer.external_agreement_no != numbered(agreement_id):
        return AgreementAnswer(None, problem=Unknown("the answer is about another agreement"))
    match answer.status:
        case "NORMAL" | "STOP" if answer.agreement_no:
            return AgreementAnswer(_IN_FORCE[answer.status], Instrument(answer.agreement_no, _label(answer)))
        case "TEMP":
            return AgreementAnswer(AgreementStanding.WAITING)
        case "UNSIGN":
            return AgreementAnswer(AgreementStanding.ENDED)
    return AgreementAnswer(None, problem=Unknown(f"unlisted: {answer.status[:40]}"))


def ended(token: str, answer: Answer) -> Outcome:
    """What the answer says to who ended it: one that is not there, or ended before, has ended."""
    if answer.code == outcomes.SUCCESS or outcomes.has_no_agreement(answer):
        return Done(token)
    return outcomes.unlisted(answer)


def told(notice: Notice) -> tuple[Fact, ...]:
    """The fact of a notice about an agreement; none where it is none of ours."""
    agreement_id = identified(notice["external_agreement_no"])
    return (AgreementFact(agreement_id, ended=_NOTICES[notice["notify_type"]]),) if agreement_id else ()


def _of(agreement_id: str, settings: AlipaySettings) -> dict[str, str]:
    return {
        "personal_product_code": PERSONAL_PRODUCT,
        "sign_scene": settings.withholding_scene,
        "external_agreement_no": numbered(agreement_id),
    }


def _label(answer: Answer) -> str:
    """As its owner knows it: Alipay writes who it is with stars in it."""
    return f"Alipay {answer.alipay_logon_id}"[:60].strip()
