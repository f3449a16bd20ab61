"""The wire of Alipay's open platform: forms signed with RSA2, answers signed over the bytes of their node, notices.

RSA2 is SHA256withRSA (PKCS #1 v1.5). What a request or a notice signs is its parameters but `sign` (and, in a notice,
`sign_type`), sorted by name and joined as `name=value&…`, not encoded. What an answer signs is the JSON of its
`…_response` node, byte for byte as it came.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from topup.kernel.money import InvalidMoney, Money
from topup.payments.ports import EventRejected
from topup.platform.http import Response
from topup.plugins.payments.alipay.keys import Keys

CHINA: Final = timezone(timedelta(hours=8), "CST")
"""China Standard Time, which Alipay writes everywhere and never names; it has no summer time since 1991."""

FORM: Final = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}

_OF_AGREEMENTS: Final = frozenset({"dut_user_sign", "dut_user_unsign"})
_LONGEST_NOTICE: Final = 65_536
_MOST_FIELDS: Final = 128
_OK: Final = 200
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?", re.ASCII)
# The signed text is not encoded: `b=1&c=2` as one value reads like two fields. Such a value is refused.
_NAME: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_LIKE_A_FIELD: Final = re.compile(r"&[A-Za-z0-9_]+=", re.ASCII)


class Answer(msgspec.Struct):
    """Any answer of the gateway; `code` and `sub_code` say which of the fields are there."""

    code: str
    sub_code: str = ""
    out_trade_no: str = ""
    trade_no: str = ""
    trade_status: str = ""
    total_amount: str = ""
    send_pay_date: str = ""
    gmt_payment: str = ""
    qr_code: str = ""
    retry_flag: str = ""
    fund_change: str = ""
    out_request_no: str = ""
    refund_status: str = ""
    refund_amount: str = ""
    bill_download_url: str = ""
    status: str = ""
    agreement_no: str = ""
    external_agreement_no: str = ""
    alipay_logon_id: str = ""


class Distrusted(Exception):
    """An answer that is not Alipay's word, or that cannot be read."""


class OtherCertificate(Distrusted):
    """An answer under a certificate of Alipay's that we do not have: `serial` names it."""

    def __init__(self, serial: str, said: str) -> None:
        super().__init__(f"signed under another certificate: {said}")
        self.serial = serial


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice whose signature held and that is about us: its fields, decoded."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


_nodes: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode
_answer: Final = msgspec.json.Decoder(Answer, strict=False).decode


class Wire:
    """Signs as the application `app_id`, and verifies what Alipay signed for it and for `seller_id`."""

    def __init__(self, *, keys: Keys, app_id: str, seller_id: str) -> None:
        self._keys = keys
        self._app_id = app_id
        self._seller_id = seller_id
        self._theirs = {keys.alipay_cert_sn: keys.theirs}

    def trust(self, serial: str, key: RSAPublicKey) -> None:
        """Believe what is signed under one more certificate, beside the one that the settings name."""
        self._theirs = {self._keys.alipay_cert_sn: self._keys.theirs, serial: key}

    def form(
        self, method: str, content: Mapping[str, Any], *, now: datetime, notify_url: str = "", return_url: str = ""
    ) -> str:
        """A signed request, as a query."""
        return urlencode(self._signed(method, content, now=now, notify_url=notify_url, return_url=return_url))

    def call(
        self, method: str, content: Mapping[str, Any], *, now: datetime, notify_url: str = ""
    ) -> tuple[str, bytes]:
        """A signed request as a query and the body of a POST.

        The body has the content only: Alipay reads it in the charset that the query names, and its SDKs do the same.
        """
        fields = self._signed(method, content, now=now, notify_url=notify_url, return_url="")
        body = urlencode({"biz_content": fields.pop("biz_content")})
        return urlencode(fields), body.encode()

    def _signed(
        self, method: str, content: Mapping[str, Any], *, now: datetime, notify_url: str, return_url: str
    ) -> dict[str, str]:
        fields = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": written(now),
            "version": "1.0",
            "biz_content": msgspec.json.encode(content).decode(),
            "notify_url": notify_url,
            "return_url": return_url,
            "app_cert_sn": self._keys.app_cert_sn,
            "alipay_root_cert_sn": self._keys.root_cert_sn,
        }
        given = {name: value for name, value in fields.items() if value}
        signature = self._keys.ours.sign(signed_text(given), PKCS1v15(), SHA256())
        return {**given, "sign": base64.b64encode(signature).decode()}

    def answer(self, *, method: str, response: Response) -> Answer:
        """What Alipay answered. Raises Distrusted: an unsigned refusal (a wrong application, a wrong signature of
        ours) is among that, for anybody could have said it.
        """
        if response.status != _OK:
            raise Distrusted(f"status {response.status}")
        try:
            nodes = _nodes(response.body)
            name = f"{method.replace('.', '_')}_response"
            node = nodes.get(name) or nodes["error_response"]
            read = _answer(node)
            signature = _text(nodes["sign"]) if "sign" in nodes else ""
            certificate = _text(nodes["alipay_cert_sn"]) if "alipay_cert_sn" in nodes else ""
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
            raise Distrusted("unreadable") from None
        key = self._theirs.get(certificate)
        if key is None:
            raise OtherCertificate(certificate, f"{read.code[:8]} {read.sub_code[:60]}")
        if not _holds(key, signature, bytes(node)):
            raise Distrusted(f"the signature does not hold: {read.code[:8]} {read.sub_code[:60]}")
        return read

    def notice(self, *, headers: Mapping[str, str], body: bytes) -> Notice:
        """A notice, after its signature held and it is for this application and this merchant; one about an agreement
        (`dut_user_…`) names no merchant. Raises EventRejected.
        """
        del headers  # nothing in them is signed
        fields = _fields(body)
        if fields.get("sign_type") != "RSA2" or fields.get("charset", "utf-8").lower() != "utf-8":
            raise EventRejected("not signed as we ask for")
        signed = {name: value for name, value in fields.items() if name not in ("sign", "sign_type")}
        text = signed_text(signed)
        if not any(_holds(key, fields.get("sign", ""), text) for key in self._theirs.values()):
            raise EventRejected("the signature does not hold")
        seller_id = fields.get("seller_id", self._seller_id if fields.get("notify_type") in _OF_AGREEMENTS else "")
        if fields.get("app_id") != self._app_id or seller_id != self._seller_id:
            raise EventRejected("for another application or merchant")
        return Notice(signed)


def _holds(key: RSAPublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_text(fields: Mapping[str, str]) -> bytes:
    """The bytes that are signed of such fields."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form that can be read in one way only. Raises EventRejected."""
    if len(body) > _LONGEST_NOTICE:
        raise EventRejected("too long")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise EventRejected("unreadable") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise EventRejected("a field comes twice")
    if any(_LIKE_A_FIELD.search(value) for value in fields.values()) or not all(map(_NAME.fullmatch, fields)):
        raise EventRejected("a field can be read in two ways")
    return fields


def written(moment: datetime) -> str:
    """A moment as Alipay writes it."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def moment_of(text: str) -> datetime | None:
    """The moment that Alipay wrote, in UTC; None where it is none."""
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)
    except ValueError:
        return None


def yuan(money: Money) -> str:
    """An amount as Alipay writes it: yuan with two decimals."""
    return money.to_major()


def money_of(text: str) -> Money | None:
    """The amount that Alipay wrote, exactly; None where it is none."""
    if _AMOUNT.fullmatch(text) is None:
        return None
    try:
        return Money.from_major(text, "CNY")
    except InvalidMoney:
        return None
