"""What a merchant sends to begin a payment, read as strictly as the documentation says."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.post import is_on_this_machine
from topup_simulators.wechatpay.seal import APP, MERCHANT
from topup_simulators.wechatpay.voice import CODE_PAYMENT

TRADE_TYPES: Final = {"native": "NATIVE", "h5": "MWEB", "jsapi": "JSAPI", "codepay": CODE_PAYMENT}
"""By the last part of the address."""
_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)
_OPENID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}", re.ASCII)
_CODE: Final = re.compile(r"1[0-5][0-9]{16}", re.ASCII)
_LONGEST: Final = timedelta(days=7)
_CODE_LASTS: Final = timedelta(seconds=45)
"""How long a payer may take to enter the password."""


class _Amount(msgspec.Struct):
    total: Annotated[int, msgspec.Meta(ge=1, le=10**10)]
    currency: Literal["CNY"] = "CNY"


class _Payer(msgspec.Struct):
    openid: str = ""
    auth_code: str = ""


class _H5(msgspec.Struct):
    type: Literal["Wap", "iOS", "Android"]


class _Store(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(max_length=32)] = ""
    out_id: Annotated[str, msgspec.Meta(max_length=32)] = ""


class _Scene(msgspec.Struct):
    payer_client_ip: str = ""
    h5_info: _H5 | None = None
    store_info: _Store | None = None


class Wanted(msgspec.Struct):
    """The body of a call that begins a payment."""

    appid: str
    mchid: str
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=127)]
    out_trade_no: str
    amount: _Amount
    notify_url: Annotated[str, msgspec.Meta(max_length=255)] = ""
    time_expire: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    payer: _Payer | None = None
    scene_info: _Scene | None = None


def read_wanted(body: bytes, kind: str, now: datetime) -> Wanted:
    """The body of `native`, `h5`, `jsapi` or `codepay`. Raises Rejected PARAM_ERROR, APPID_MCHID_NOT_MATCH."""
    try:
        wanted = msgspec.json.decode(body, type=Wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Rejected("PARAM_ERROR") from None
    if (wanted.appid, wanted.mchid) != (APP, MERCHANT):
        raise Rejected("APPID_MCHID_NOT_MATCH")
    over = wanted.time_expire is not None and not now < wanted.time_expire <= now + _LONGEST
    if over or _NUMBER.fullmatch(wanted.out_trade_no) is None or not _has_its_scene(wanted, kind):
        raise Rejected("PARAM_ERROR")
    if kind != "codepay" and (not is_on_this_machine(wanted.notify_url) or "?" in wanted.notify_url):
        raise Rejected("PARAM_ERROR")
    return wanted


def terms_of(wanted: Wanted, kind: str, known: Terms | None, now: datetime) -> Terms:
    """The payment that is wanted; one that says no end keeps the end it was given first."""
    ends = wanted.time_expire or (known.expires_at if known is not None else None)
    return Terms(
        payment_id=wanted.out_trade_no,
        amount_minor=wanted.amount.total,
        currency=wanted.amount.currency,
        description=wanted.description,
        return_url="",
        notify_url="" if kind == "codepay" else wanted.notify_url,
        expires_at=(ends or now + (_CODE_LASTS if kind == "codepay" else _LONGEST)).astimezone(UTC),
        facts={"trade_type": TRADE_TYPES[kind]},
    )


def is_a_code(text: str) -> bool:
    """Whether a payment code has the shape of one: 18 digits, the first two 10 to 15."""
    return _CODE.fullmatch(text) is not None


def _has_its_scene(wanted: Wanted, kind: str) -> bool:
    scene, payer = wanted.scene_info, wanted.payer
    match kind:
        case "h5":
            return scene is not None and scene.h5_info is not None and _is_address(scene.payer_client_ip)
        case "jsapi":
            return payer is not None and _OPENID.fullmatch(payer.openid) is not None
        case "codepay":
            store = None if scene is None else scene.store_info
            return bool(payer and payer.auth_code and store and (store.id or store.out_id))
        case _:
            return True


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
