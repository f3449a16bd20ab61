"""gateway.do: one address for every method, the method's answer in a node of its own, signed.

A refusal for the sake of the call itself (40002 and a sub_code `isv.…`) is not signed, as Alipay does not where it
does not know who asks.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from topup_simulators.alipay import orders
from topup_simulators.alipay.agreements import Agreements
from topup_simulators.alipay.bill import zipped
from topup_simulators.alipay.seal import CHINA, Call, Seal, node_of
from topup_simulators.alipay.voice import BUYER, spell, yuan
from topup_simulators.payments.cashier import Cashier, Closed, RefundWanted, Trouble
from topup_simulators.payments.payer import AlreadyFinal
from topup_simulators.payments.terms import OtherContent, Rejected, Terms
from topup_simulators.payments.till import Till
from topup_simulators.web import Answer, Misbehaviour

_WITHOUT_PASSWORD_MINOR: Final = 100_000
"""Up to 1,000 yuan a payment code pays at once; above it the payer confirms on the phone."""
_CONFIRMS, _TOO_LITTLE, _EXPIRED, _BROKEN = "1234"
"""What the last digit of a payment code chooses: the payer must confirm, has too little money, showed an old code; or
it is paid, and answered with 500.
"""
_FILE_LASTS: Final = timedelta(seconds=30)
_TROUBLES: Final[dict[Trouble, Answer | Misbehaviour]] = {
    Trouble.BROKEN: Answer(500, b"<h1>Internal Server Error</h1>", "text/html"),
    Trouble.GARBAGE: Answer(200, b"\x00\xff no answer", "application/json"),
    Trouble.HANG_UP: Misbehaviour.HANG_UP,
}
_REFUSED: Final = {
    "UNKNOWN_CHARGE": "ACQ.TRADE_NOT_EXIST",
    "REFUND_EXCEEDS_PAYMENT": "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    "REFUND_ID_REUSED": "ACQ.DISCORDANT_REPEAT_REQUEST",
}

_Reply = dict[str, Any] | Trouble


class Api:
    """Answers the merchant's servers; `address` gives where this simulator is."""

    def __init__(
        self, *, till: Till, seal: Seal, agreements: Agreements, seller_id: str, address: Callable[[], str]
    ) -> None:
        self._store = till.store
        self._book = till.book
        self._payer = till.payer
        self._cashier: Cashier = till.cashier
        self._seal = seal
        self._agreements = agreements
        self._seller_id = seller_id
        self._address = address
        self._files: dict[str, tuple[datetime, datetime]] = {}
        self._methods: dict[str, Callable[[Call, datetime], _Reply]] = {
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.pay": self._pay,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
            "alipay.open.app.alipaycert.download": self._certificate,
            "alipay.user.agreement.query": agreements.query,
            "alipay.user.agreement.unsign": agreements.unsign,
        }

    def handle(self, text: str) -> Answer | Misbehaviour:
        """Answer one call, given as a form, whole in one transaction."""
        now = datetime.now(UTC)
        try:
            call = self._seal.read(text, now=now)
        except Rejected as rejected:
            return _unsigned(text, rejected.code)
        method = self._methods.get(call.method)
        if method is None:
            return _unsigned(text, "isv.invalid-method")
        with self._store.transaction():
            reply = self._reply(method, call, now)
        if isinstance(reply, Trouble) and reply in _TROUBLES:
            return _TROUBLES[reply]
        if reply is Trouble.THROTTLED:
            reply = {"code": "40005", "msg": "Call Limited", "sub_code": "isv.app-call-limited"}
        spoilt = isinstance(reply, dict) and bool(reply.pop("spoilt", False))
        content = reply if isinstance(reply, dict) else _failed("ACQ.SYSTEM_ERROR")
        body = self._seal.answer(call.method, content, certified=call.certified, spoilt=spoilt)
        return Answer(200, body, "text/html;charset=utf-8", (("date", f"{now:%a, %d %b %Y %H:%M:%S GMT}"),))

    def file(self, token: str) -> Answer:
        """The bill that an address of 30 seconds stands for."""
        first, until = self._files.pop(token, (None, None))
        made = None
        if first is not None and until is not None and datetime.now(UTC) < until:
            made = zipped(self._book, first=first, seller_id=self._seller_id)
        return Answer(404, b"no such file", "text/plain") if made is None else Answer(200, made, "application/zip")

    def finish(self, payment_id: str) -> str:
        """The time for refunds of a paid trade is over; gives the code of what came of it."""
        with self._store.transaction():
            charges = self._book.charges(payment_id)
            if not charges:
                return "PAYMENT_NOT_FOUND"
            self._book.note(payment_id, {"finished": "1"})
        return "OK"

    def _reply(self, method: Callable[[Call, datetime], _Reply], call: Call, now: datetime) -> _Reply:
        try:
            return method(call, now)
        except Rejected as rejected:
            if rejected.code.startswith("isv."):
                return {"code": "40002", "msg": "Invalid Arguments", "sub_code": rejected.code}
            return _failed(rejected.code)
        except OtherContent:
            return _failed("ACQ.CONTEXT_INCONSISTENT")

    def _precreate(self, call: Call, now: datetime) -> _Reply:
        """A QR code. Until it is scanned, there is no trade."""
        terms, standing = self._order(call, "QR", now)
        if standing != "waiting":
            raise Rejected("ACQ.TRADE_HAS_SUCCESS" if standing == "paid" else "ACQ.TRADE_HAS_CLOSE")
        token = terms.facts.get("qr", "")
        if not token:
            token = f"bax{secrets.token_hex(10)}"
            self._book.note(terms.payment_id, {"qr": token})
            self._book.name(terms.payment_id, token)
        url = f"{self._address()}/pay?qr={token}"
        return self._cashier.begun(terms.payment_id) or _succeeded(out_trade_no=terms.payment_id, qr_code=url)

    def _pay(self, call: Call, now: datetime) -> _Reply:
        """A payment code: paid at once, or confirmed on the payer's phone."""
        if "agreement_params" in call.content:
            return self._withhold(call, now)
        ending = orders.payment_code(call.content)[-1]
        if ending == _EXPIRED:
            raise Rejected("ACQ.PAYMENT_AUTH_CODE_INVALID")
        terms, standing = self._order(call, "CODE", now)
        payment_id = terms.payment_id
        trouble = self._cashier.begun(payment_id)
        payment = self._book.payment(payment_id)
        if standing in ("paid", "declined", "closed") or payment is None:
            raise Rejected("ACQ.TRADE_HAS_SUCCESS" if standing == "paid" else "ACQ.TRADE_HAS_CLOSE")
        asks = ending == _CONFIRMS or terms.amount_minor > _WITHOUT_PASSWORD_MINOR
        if not payment["in_progress"] and not asks:
            try:
                self._payer.choose(payment_id, "decline" if ending == _TOO_LITTLE else "pay", now)
            except AlreadyFinal:
                raise Rejected("ACQ.TRADE_HAS_CLOSE") from None
            payment = self._book.payment(payment_id) or payment
        if trouble is not None or ending == _BROKEN:
            return Trouble.BROKEN
        if payment["status"] == "declined":
            raise Rejected("ACQ.BUYER_BALANCE_NOT_ENOUGH")
        return self._charged(payment_id)

    def _withhold(self, call: Call, now: datetime) -> _Reply:
        """By what was agreed: paid at once, or not at all. The same order again is told how it stands."""
        known = self._book.payment(orders.number(call.content, "out_trade_no"))
        agreed = self._agreements.charged_by(call.content, now) if known is None else None
        terms, standing = self._order(call, "AGREED", now)
        payment_id = terms.payment_id
        trouble = self._cashier.begun(payment_id)
        if agreed is None:
            raise Rejected("ACQ.TRADE_HAS_SUCCESS" if standing == "paid" else "ACQ.TRADE_HAS_CLOSE")
        self._payer.choose(payment_id, "decline" if agreed["poor"] else "pay", now)
        payment = self._book.payment(payment_id)
        if payment is not None and payment["status"] == "declined":
            raise Rejected("ACQ.BUYER_BALANCE_NOT_ENOUGH")
        self._agreements.charged(agreed, now)
        return Trouble.BROKEN if trouble is not None else self._charged(payment_id)

    def _charged(self, payment_id: str) -> _Reply:
        """What is answered once the payer has said yes."""
        charges = self._book.charges(payment_id)
        if not charges:
            return {"code": "10003", "msg": " order success pay inprocess", "out_trade_no": payment_id}
        amount = yuan(charges[0]["amount_minor"])
        return _succeeded(
            **_known_by(payment_id, charges[0]["reference"]),
            total_amount=amount,
            receipt_amount=amount,
            gmt_payment=spell(datetime.fromisoformat(charges[0]["paid_at"])),
        )

    def _query(self, call: Call, now: datetime) -> _Reply:
        payment_id = self._payment_id(call.content)
        found = self._cashier.query(payment_id, now)
        terms = self._trade(payment_id)
        if found.trouble is not None and found.trouble is not Trouble.SPOILT:
            return found.trouble
        if terms is None:
            raise Rejected("ACQ.TRADE_NOT_EXIST")
        answer = _succeeded(
            **_known_by(payment_id, terms.facts["trade_no"]),
            trade_status={"waiting": "WAIT_BUYER_PAY"}.get(found.standing, "TRADE_CLOSED"),
            total_amount=yuan(terms.amount_minor),
            spoilt=found.trouble is Trouble.SPOILT,
        )
        return {**answer, **self._paid(found.charges[0], terms)} if found.charges else answer

    def _paid(self, charge: Mapping[str, Any], terms: Terms) -> dict[str, str]:
        """What a query says of money that came."""
        status = "TRADE_FINISHED" if "finished" in terms.facts else "TRADE_SUCCESS"
        if self._book.refunded(charge["reference"]) >= charge["amount_minor"]:
            status = "TRADE_CLOSED"
        return {
            "trade_no": charge["reference"],
            "trade_status": status,
            "total_amount": yuan(charge["amount_minor"]),
            "receipt_amount": yuan(charge["amount_minor"]),
            "send_pay_date": spell(datetime.fromisoformat(charge["paid_at"])),
        }

    def _close(self, call: Call, now: datetime) -> _Reply:
        payment_id = self._payment_id(call.content)
        terms = self._trade(payment_id)
        if terms is None:
            self._store.count("close", payment_id, effected=False)
            raise Rejected("ACQ.TRADE_NOT_EXIST")
        over = self._standing(payment_id, now) not in ("", "waiting")
        closed = self._cashier.close(payment_id, now)
        if over or closed in (Closed.PAID, Closed.IN_PROGRESS):
            raise Rejected("ACQ.TRADE_STATUS_ERROR" if over else "ACQ.SYSTEM_ERROR")
        return _succeeded(**_known_by(payment_id, terms.facts["trade_no"]))

    def _cancel(self, call: Call, now: datetime) -> _Reply:
        payment_id = self._payment_id(call.content)
        terms = self._trade(payment_id)
        if terms is not None and "finished" in terms.facts:
            raise Rejected("ACQ.TRADE_HAS_FINISHED")
        before = self._cashier.cancel(payment_id, now)
        action = {"paid": {"action": "refund"}, "waiting": {"action": "close"}}.get(before, {})
        return _succeeded(out_trade_no=payment_id, retry_flag="N", **action)

    def _refund(self, call: Call, now: datetime) -> _Reply:
        asked = orders.refund(call.content)
        payment_id = self._payment_id(call.content)
        terms = self._trade(payment_id)
        if terms is None or (asked.out_trade_no and asked.out_trade_no != payment_id):
            raise Rejected("ACQ.TRADE_NOT_EXIST")
        charges = self._book.charges(payment_id)
        reference = asked.trade_no or (charges[0]["reference"] if charges else "")
        if not charges:
            raise Rejected("ACQ.TRADE_STATUS_ERROR")
        if "finished" in terms.facts:
            raise Rejected("ACQ.TRADE_HAS_FINISHED")
        wanted = RefundWanted(asked.out_request_no, payment_id, reference, asked.amount_minor, charges[0]["currency"])
        answer = self._cashier.refund(wanted, now)
        if answer.trouble is not None:
            return answer.trouble
        if answer.refund is None:
            raise Rejected(_REFUSED[answer.code])
        if answer.refund["status"] == "refused":
            raise Rejected("ACQ.BUYER_ENABLE_STATUS_FORBID")
        moved = not answer.replay and answer.refund["status"] == "done"
        return _succeeded(
            **_known_by(payment_id, reference),
            fund_change="Y" if moved else "N",
            refund_fee=yuan(self._book.refunded(reference)),
        )

    def _refund_query(self, call: Call, _now: datetime) -> _Reply:
        """10000 without a status says that this refund was not made."""
        refund_id = orders.number(call.content, "out_request_no")
        payment_id = self._payment_id(call.content)
        known = self._cashier.refund_query(refund_id, payment_id)
        if self._trade(payment_id) is None:
            raise Rejected("TRADE_NOT_EXIST")
        if known is None or known["status"] != "done":
            return _succeeded()
        charge = self._book.charge_of(payment_id, known["charge"])
        return _succeeded(
            out_trade_no=payment_id,
            trade_no=known["charge"],
            out_request_no=refund_id,
            total_amount=yuan(charge["amount_minor"] if charge else 0),
            refund_amount=yuan(known["amount_minor"]),
            refund_status="REFUND_SUCCESS",
        )

    def _bill(self, call: Call, now: datetime) -> _Reply:
        """An address that lasts 30 seconds. Today's bill is there too: a demonstration does not wait till morning."""
        first = orders.day(call.content)
        lines, _ = self._book.moved(first, first + timedelta(days=1), after="", most=1)
        if not lines or first > now.astimezone(CHINA):
            raise Rejected("isp.bill_not_exist")
        token = secrets.token_urlsafe(16)
        self._files = {name: file for name, file in self._files.items() if file[1] > now}
        self._files[token] = (first, now + _FILE_LASTS)
        return _succeeded(bill_download_url=f"{self._address()}/downloadBillFile.resource?fileId={token}")

    def _certificate(self, call: Call, _now: datetime) -> _Reply:
        content = self._seal.issued(orders.number(call.content, "alipay_cert_sn"))
        if content is None:
            raise Rejected("isv.cert-not-exist")
        return _succeeded(alipay_cert_content=content)

    def _order(self, call: Call, product: str, now: datetime) -> tuple[Terms, str]:
        """The order as it is known from now on, and how it stands. Raises Rejected and OtherContent."""
        known = self._book.terms(orders.number(call.content, "out_trade_no"))
        self._book.register(orders.order(call, product=product, known=known, now=now))
        payment_id = orders.number(call.content, "out_trade_no")
        terms = self._book.terms(payment_id)
        if terms is None:
            raise Rejected("ACQ.SYSTEM_ERROR")
        return terms, self._standing(payment_id, now)

    def _standing(self, payment_id: str, now: datetime) -> str:
        payment = self._book.payment(payment_id)
        return "" if payment is None else self._book.standing(payment, now)

    def _trade(self, payment_id: str) -> Terms | None:
        """The trade, which there is once the payer saw it: a QR code alone is none."""
        terms = self._book.terms(payment_id)
        if terms is None or (terms.facts.get("product") == "QR" and "opened" not in terms.facts):
            return None
        if "trade_no" not in terms.facts:
            self._book.reference(payment_id, datetime.now(UTC))
            terms = self._book.terms(payment_id)
        return terms

    def _payment_id(self, content: Mapping[str, Any]) -> str:
        """The merchant's number of the trade that is meant; Alipay's own number goes first. Raises Rejected."""
        trade_no = content.get("trade_no", "")
        if isinstance(trade_no, str) and trade_no:
            return self._book.named(trade_no) or ""
        return orders.number(content, "out_trade_no")


def _succeeded(**facts: str | bool) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **facts}


def _failed(sub_code: str) -> dict[str, Any]:
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": sub_code}


def _known_by(payment_id: str, trade_no: str) -> dict[str, str]:
    return {"out_trade_no": payment_id, "trade_no": trade_no, **BUYER}


def _unsigned(text: str, sub_code: str) -> Answer:
    """What is said to whoever it was that asked."""
    method = next((pair[7:] for pair in text.split("&") if pair.startswith("method=")), "unknown")
    node = {"code": "40002", "msg": "Invalid Arguments", "sub_code": sub_code, "sub_msg": sub_code}
    return Answer(200, json.dumps({node_of(method): node}).encode(), "text/html;charset=utf-8")
