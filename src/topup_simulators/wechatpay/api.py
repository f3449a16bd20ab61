"""The interface of API v3: orders, queries, close and reverse, refunds, certificates, the day's bill.

Answers are signed, refusals too; what refuses the caller itself (401) is not, nor is the file of a bill. A code
payment's code chooses by its last digit what happens: 1 the payer must enter the password, 2 too little money, 3 the
code has expired, 4 paid and answered with 500; any other pays at once.
"""

import gzip
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from topup_simulators.payments.cashier import Closed, Found, Refunded, RefundWanted, Trouble
from topup_simulators.payments.terms import OtherContent, Rejected
from topup_simulators.payments.till import Till
from topup_simulators.web import Answer, Misbehaviour, Request
from topup_simulators.wechatpay import bill
from topup_simulators.wechatpay.orders import TRADE_TYPES, is_a_code, read_wanted, terms_of
from topup_simulators.wechatpay.refunds import read_refund, refund_answer
from topup_simulators.wechatpay.seal import MERCHANT, Seal, accepts_json
from topup_simulators.wechatpay.voice import CODE_PAYMENT, order

_ORDERS: Final = "/v3/pay/transactions/"
_BY_NUMBER: Final = "/v3/pay/transactions/out-trade-no/"
_BY_TRANSACTION: Final = "/v3/pay/transactions/id/"
_REFUNDS: Final = "/v3/refund/domestic/refunds"
_STATUS: Final = {
    "SIGN_ERROR": 401,
    "NOT_ENOUGH": 403,
    "TRADE_ERROR": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
    "USERPAYING": 202,
}
_TROUBLES: Final[Mapping[Trouble, Answer | Misbehaviour]] = {
    Trouble.BROKEN: Answer(500, b"<h1>Internal Server Error</h1>", "text/html"),
    Trouble.GARBAGE: Answer(200, b"\x00\xff no answer", "application/json"),
    Trouble.HANG_UP: Misbehaviour.HANG_UP,
}
_MOST_FILES: Final = 16

_Reply = dict[str, Any] | Answer | Misbehaviour | None
"""What to answer: JSON, nothing (204), or something that is sent as it is. Refusals are raised."""


class Spoilt(Exception):
    """The answer `content` is to be signed wrongly."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self.content = content


class Api:
    """Answers the merchant's servers. `url` is set when the address is known."""

    def __init__(self, *, till: Till, seal: Seal) -> None:
        self.url = ""
        self._till = till
        self._seal = seal
        self._files: dict[str, bytes] = {}

    def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one call, whole in one transaction."""
        now = datetime.now(UTC)
        wanted = request.headers.get("wechatpay-serial", "")
        with self._till.store.transaction():
            # A refusal undoes nothing: that the call came is counted.
            try:
                self._seal.check(request, self._till.store, now)
                reply = self._reply(request, now)
            except Rejected as rejected:
                return self._refused(rejected.code, wanted)
            except Spoilt as spoilt:
                return self._signed(200, spoilt.content, wanted, spoilt=True)
        if reply is None:
            return self._signed(204, None, wanted)
        return self._signed(200, reply, wanted) if isinstance(reply, dict) else reply

    def _reply(self, request: Request, now: datetime) -> _Reply:
        """Raises Rejected, Spoilt."""
        path, query = request.path, parse_qs(request.query)
        if path == "/v3/billdownload/file" and request.method == "GET":
            return self._bill_file(query)
        if not accepts_json(request.headers):
            raise Rejected("PARAM_ERROR")
        if request.method == "GET":
            return self._asked(path, query, now)
        if request.method != "POST" or "application/json" not in request.headers.get("content-type", ""):
            raise Rejected("PARAM_ERROR")
        if path == _REFUNDS:
            return self._refund(request.body, now)
        if path.startswith(_BY_NUMBER):
            number, _, action = path.removeprefix(_BY_NUMBER).partition("/")
            return self._ended(number, action, request.body, now)
        return self._begun(path.removeprefix(_ORDERS), request.body, now)

    def _asked(self, path: str, query: Mapping[str, list[str]], now: datetime) -> _Reply:
        if path == "/v3/certificates":
            return {"data": self._seal.certificates()}
        if path == "/v3/bill/tradebill":
            return self._bill(query, now)
        if path.startswith(_REFUNDS + "/"):
            return self._refund_asked(path.removeprefix(_REFUNDS + "/"))
        if query.get("mchid") != [MERCHANT]:
            raise Rejected("PARAM_ERROR")
        if path.startswith(_BY_TRANSACTION):
            number = self._payment_of(path.removeprefix(_BY_TRANSACTION))
            return self._order(self._till.cashier.query(number, now), number)
        number = path.removeprefix(_BY_NUMBER)
        return self._order(self._till.cashier.query(number, now), number)

    def _begun(self, kind: str, body: bytes, now: datetime) -> _Reply:
        if kind not in TRADE_TYPES:
            raise Rejected("RESOURCE_NOT_EXISTS")
        book = self._till.book
        wanted = read_wanted(body, kind, now)
        number = wanted.out_trade_no
        terms = terms_of(wanted, kind, book.terms(number), now)
        before = book.payment(number)
        code = "" if wanted.payer is None else wanted.payer.auth_code
        if kind == "codepay" and (before is not None or not self._is_fresh(code)):
            raise Rejected("AUTH_CODE_INVALID")
        try:
            book.register(terms)
        except OtherContent:
            raise Rejected("INVALID_REQUEST") from None
        self._till.store.count("form", number, effected=before is None)
        payment = book.payment(number)
        standing = "" if payment is None else book.standing(payment, now)
        if standing != "waiting":
            raise Rejected("ORDERPAID" if standing == "paid" else "ORDER_CLOSED")
        if kind == "codepay":
            return self._code_paid(number, code, now)
        return self._prepaid(number, kind)

    def _prepaid(self, number: str, kind: str) -> dict[str, Any]:
        """Where the payer goes. Real ones begin `weixin://` and `https://wx.tenpay.com/`; ours lead to our page."""
        token = f"wx{secrets.token_hex(17)}"
        self._till.book.name(number, token)
        return {
            "native": {"code_url": f"{self.url}/pay?pr={token}"},
            "h5": {"h5_url": f"{self.url}/pay?prepay_id={token}&package={secrets.randbelow(10**10)}"},
            "jsapi": {"prepay_id": token},
        }[kind]

    def _is_fresh(self, code: str) -> bool:
        """Whether a payment code is one, and was not used before."""
        return is_a_code(code) and self._till.book.named(f"code {code}") is None

    def _code_paid(self, number: str, code: str, now: datetime) -> dict[str, Any]:
        self._till.book.name(number, f"code {code}")
        match code[-1]:
            case "1":
                return {"code": "USERPAYING", "message": "需要用户输入支付密码"}
            case "2" | "3":
                self._till.book.end(number, "declined")
                return {"code": "NOT_ENOUGH" if code[-1] == "2" else "AUTH_CODE_INVALID", "message": "付款失败"}
        self._till.payer.choose(number, "pay", now)
        if code[-1] == "4":
            return {"code": "SYSTEM_ERROR", "message": "系统异常"}
        found = self._till.cashier.query(number, now)
        if found.standing == "paid":
            return order(number, "SUCCESS", CODE_PAYMENT, found.charges[0])
        refused = found.standing == "declined"
        return {"code": "TRADE_ERROR" if refused else "USERPAYING", "message": "付款未完成"}

    def _order(self, found: Found, number: str) -> _Reply:
        payment = found.payment
        if payment is None or payment["content"] is None:
            raise Rejected("ORDER_NOT_EXIST")
        if found.trouble is Trouble.THROTTLED:
            raise Rejected("FREQUENCY_LIMITED")
        broken = None if found.trouble is None else _TROUBLES.get(found.trouble)
        if broken is not None:
            return broken
        terms = self._till.book.terms(number)
        trade_type = "" if terms is None else terms.facts.get("trade_type", "")
        charge = found.charges[0] if found.charges else None
        content = order(number, self._state(found, trade_type), trade_type, charge)
        if charge is None:
            content |= {"trade_type": trade_type}
        if found.trouble is Trouble.SPOILT:
            raise Spoilt(content)
        return content

    def _state(self, found: Found, trade_type: str) -> str:
        """The `trade_state`. Only a payment code can fail: whoever says no on a page leaves the order open."""
        by_code = trade_type == CODE_PAYMENT
        match found.standing:
            case "paid":
                given_back = self._till.book.refunded(found.charges[0]["reference"]) > 0
                return "REFUND" if given_back else "SUCCESS"
            case "closed":
                return "REVOKED" if by_code else "CLOSED"
            case "declined":
                return "PAYERROR"
            case _:
                return "USERPAYING" if by_code else "NOTPAY"

    def _ended(self, number: str, action: str, body: bytes, now: datetime) -> _Reply:
        content = _decoded(body)
        terms = self._till.book.terms(number)
        if content.get("mchid") != MERCHANT or action not in ("close", "reverse"):
            raise Rejected("PARAM_ERROR")
        if terms is None:
            self._till.store.count(action, number, effected=False)
            raise Rejected("ORDER_NOT_EXIST")
        by_code = terms.facts.get("trade_type") == CODE_PAYMENT
        if by_code != (action == "reverse"):
            raise Rejected("INVALID_REQUEST")
        if by_code:
            self._till.cashier.cancel(number, now)
            return {"appid": content.get("appid", ""), "mchid": MERCHANT, "out_trade_no": number}
        match self._till.cashier.close(number, now):
            case Closed.PAID:
                raise Rejected("ORDERPAID")
            case Closed.IN_PROGRESS:
                raise Rejected("USERPAYING")
        return None

    def _refund(self, body: bytes, now: datetime) -> _Reply:
        asked = read_refund(body)
        number = self._payment_of(asked.transaction_id) if asked.transaction_id else asked.out_trade_no
        charges = self._till.book.charges(number)
        if not charges or (asked.transaction_id and asked.transaction_id != charges[0]["reference"]):
            raise Rejected("RESOURCE_NOT_EXISTS")
        if asked.amount.total != charges[0]["amount_minor"] or asked.amount.currency != charges[0]["currency"]:
            raise Rejected("PARAM_ERROR")
        wanted = RefundWanted(
            asked.out_refund_no, number, charges[0]["reference"], asked.amount.refund, asked.amount.currency
        )
        return self._refunded(self._till.cashier.refund(wanted, now), asked.amount.total)

    def _refunded(self, done: Refunded, total: int) -> _Reply:
        broken = None if done.trouble is None else _TROUBLES.get(done.trouble)
        if broken is not None:
            return broken
        if done.refund is None:
            raise Rejected("RESOURCE_NOT_EXISTS" if done.code == "UNKNOWN_CHARGE" else "INVALID_REQUEST")
        # The answer means that it was taken in; only a repetition, or a question, hears of its end.
        return refund_answer(done.refund, total, taken_in=not done.replay)

    def _refund_asked(self, refund_id: str) -> _Reply:
        known = self._till.book.refund(refund_id)
        refund = self._till.cashier.refund_query(refund_id, "" if known is None else known["payment_id"])
        if refund is None:
            raise Rejected("RESOURCE_NOT_EXISTS")
        charge = self._till.book.charge_of(refund["payment_id"], refund["charge"])
        return refund_answer(refund, _total(charge, refund), taken_in=False)

    def _bill(self, query: Mapping[str, list[str]], now: datetime) -> _Reply:
        """The real one has a day's bill from ten in the morning of the next; ours has today's as well."""
        try:
            day = date.fromisoformat(query.get("bill_date", [""])[0])
        except ValueError:
            raise Rejected("PARAM_ERROR") from None
        content = bill.file_of(self._till.book, day, query.get("bill_type", ["ALL"])[0], now)
        if content is None:
            raise Rejected("NO_STATEMENT_EXIST")
        zipped = query.get("tar_type") == ["GZIP"]
        token = secrets.token_urlsafe(24)
        self._files[token] = gzip.compress(content) if zipped else content
        while len(self._files) > _MOST_FILES:
            del self._files[next(iter(self._files))]
        return {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "download_url": f"{self.url}/v3/billdownload/file?token={token}" + ("&tartype=gzip" if zipped else ""),
        }

    def _bill_file(self, query: Mapping[str, list[str]]) -> Answer:
        file = self._files.get(query.get("token", [""])[0])
        if file is None:
            raise Rejected("RESOURCE_NOT_EXISTS")
        return Answer(200, file, "application/x-gzip" if "tartype" in query else "text/plain")

    def _payment_of(self, transaction: str) -> str:
        row = self._till.store.one("SELECT payment_id FROM charges WHERE reference = ?", (transaction,))
        return "" if row is None else str(row["payment_id"])

    def _refused(self, code: str, wanted: str) -> Answer:
        content = {"code": code, "message": code.lower()}
        if code == "SIGN_ERROR":
            return Answer(401, json.dumps(content).encode())
        return self._signed(_STATUS.get(code, 400), content, wanted)

    def _signed(self, status: int, content: dict[str, Any] | None, wanted: str, *, spoilt: bool = False) -> Answer:
        if content is not None and status == 200:  # noqa: PLR2004 - a code payment's answer is known by its code
            status = _STATUS.get(content.get("code", ""), 400 if "code" in content else 200)
        body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = self._seal.signed(body, wanted=wanted, spoilt=spoilt)
        return Answer(status, body, headers=(("Request-ID", secrets.token_hex(16)), *headers.items()))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        raise Rejected("PARAM_ERROR") from None
    if not isinstance(content, dict):
        raise Rejected("PARAM_ERROR")
    return content


def _total(charge: sqlite3.Row | None, refund: sqlite3.Row) -> int:
    return int(refund["amount_minor"] if charge is None else charge["amount_minor"])
