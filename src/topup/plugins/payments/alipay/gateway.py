"""The port of payments, spoken to Alipay. Whatever is on no list of `outcomes` is Unknown."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from topup.kernel.ids import PaymentId, RefundId
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused, Unknown
from topup.payments.instruments.ports import AgreementAnswer, AgreementRequest
from topup.payments.ports import (
    Action,
    BillLine,
    BillUnavailable,
    Capability,
    Decline,
    EventRejected,
    NoBillYet,
    PaymentAnswer,
    PaymentFact,
    PaymentRequest,
    PaymentStanding,
    RefundRequest,
    Scene,
    Unfit,
    Unsupported,
    VerifiedEvent,
)
from topup.platform.http import Client, Response
from topup.plugins.payments.alipay import agreements, facts, outcomes, renewing
from topup.plugins.payments.alipay.bill import LONGEST, is_long_over, read_bill
from topup.plugins.payments.alipay.keys import certificates, read_keys
from topup.plugins.payments.alipay.settings import AlipaySettings
from topup.plugins.payments.alipay.wire import CHINA, FORM, Answer, Distrusted, OtherCertificate, Wire, written, yuan

_CURRENCY: Final = "CNY"
_LONGEST_SUBJECT: Final = 128
# Alipay forbids them in a subject; in a signed text they would read like a field's ends.
_FORBIDDEN: Final = str.maketrans({"/": "／", "=": "＝", "&": "＆", "\n": " ", "\r": " "})
_PAGES: Final = {
    Scene.PHONE: ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    Scene.DESKTOP: ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
}
_OK: Final = 200
_RENEWING_S: Final = 5.0
_RENEW_AGAIN_S: Final = 600.0


class Alipay:
    """What the plug makes. Raises OSError or ValueError for a bad key, ForbiddenAddress for a bad `base_url`."""

    name = "alipay"
    capabilities = frozenset(Capability) - {Capability.KEEP}
    agreement_currency = _CURRENCY
    bill_zone: tzinfo = CHINA

    def __init__(self, settings: AlipaySettings, client: Client) -> None:
        client.check_address(settings.base_url)
        self._base = f"{settings.base_url.rstrip('/')}/gateway.do"
        self._settings = settings
        self._client = client
        self._wire = Wire(keys=read_keys(settings), app_id=settings.app_id, seller_id=settings.seller_id)
        self._renewing = asyncio.Lock()
        self._renew_from = 0.0
        self.agreement_days = agreements.DAYS if settings.withholding else ()

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:
        """Yuan only, in the scenes that the merchant signed for."""
        if amount.currency != _CURRENCY:
            return Unfit.CURRENCY
        agreed = scene is Scene.UNATTENDED and self._settings.withholding
        if scene not in self._settings.scenes and not agreed:
            return Unfit.SCENE
        if amount.amount_minor <= 0:
            return Unfit.AMOUNT_TOO_SMALL
        return Unfit.AMOUNT_TOO_LARGE if amount.amount_minor > self._settings.largest_minor else None

    def pay_page(self, request: PaymentRequest) -> Action | None:
        """The signed address of Alipay's page; None where a QR code is shown or a payment code was scanned.

        Nothing is sent: until the payer opens the page, Alipay does not know the payment.
        """
        if request.scene not in _PAGES or (request.scene is Scene.DESKTOP and self._settings.desktop == "qr"):
            return None
        method, product = _PAGES[request.scene]
        content = {**_order(request), "product_code": product}
        if request.scene is Scene.PHONE:
            content["quit_url"] = request.return_url
        form = self._wire.form(
            method,
            content,
            now=datetime.now(UTC),
            notify_url=request.notify_url,
            return_url=request.return_url,
        )
        return Action(type="redirect", url=f"{self._base}?{form}")

    async def start(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """The page's address, a QR code, or, for a payment code, what became of it."""
        unfit = self.unfit(request.amount, request.scene)
        if unfit is not None:
            return Refused(Reason.CONFIGURATION, unfit.value)
        page = self.pay_page(request)
        if page is not None:
            return page
        if request.scene is Scene.COUNTER:
            return await self._charge_code(request)
        if request.scene is Scene.UNATTENDED:
            return await self._charge_agreed(request)
        order = {**_order(request), "product_code": self._settings.qr_product}
        answer = await self._ask("alipay.trade.precreate", order, "start", notify_url=request.notify_url)
        if not isinstance(answer, Answer):
            return answer
        if answer.code != outcomes.SUCCESS:
            return outcomes.not_begun(answer)
        if answer.out_trade_no != request.payment_id or not answer.qr_code:
            return Unknown("the answer is about another payment")
        return Action(type="qr", url=answer.qr_code)

    async def query(self, payment_id: PaymentId) -> PaymentAnswer:
        """How the payment stands; ABSENT also while its page or QR code was not opened yet."""
        answer = await self._ask("alipay.trade.query", {"out_trade_no": payment_id}, "query")
        if not isinstance(answer, Answer):
            return PaymentAnswer((), outcomes.unanswered(answer))
        if outcomes.is_not_found(answer):
            return PaymentAnswer((facts.standing(payment_id, PaymentStanding.ABSENT),))
        if answer.code != outcomes.SUCCESS:
            return PaymentAnswer((), outcomes.unlisted(answer))
        if answer.out_trade_no != payment_id:
            return PaymentAnswer((), Unknown("the answer is about another payment"))
        return facts.asked(payment_id, answer)

    async def close(self, payment_id: PaymentId) -> Outcome:
        """Forbid further payment. Where Alipay says only that it is not waiting, a query tells paid from closed."""
        answer = await self._ask("alipay.trade.close", {"out_trade_no": payment_id}, "close")
        if not isinstance(answer, Answer):
            return answer
        if outcomes.is_not_found(answer):
            return Done(payment_id)
        if outcomes.is_not_waiting(answer):
            return _closed(payment_id, await self.query(payment_id))
        if answer.code == outcomes.SUCCESS and answer.out_trade_no == payment_id:
            return Done(payment_id)
        return outcomes.unlisted(answer)

    async def cancel(self, payment_id: PaymentId) -> Outcome:
        """Close, and give back whatever was paid; Done also where Alipay never knew it."""
        answer = await self._ask("alipay.trade.cancel", {"out_trade_no": payment_id}, "cancel")
        if not isinstance(answer, Answer):
            return answer
        if outcomes.is_not_found(answer):
            return Done(payment_id)
        if answer.code != outcomes.SUCCESS:
            return outcomes.refusal(answer, outcomes.CANCEL)
        if answer.out_trade_no != payment_id or answer.retry_flag != "N":
            return Unknown("not cancelled yet")
        return Done(payment_id)

    async def refund(self, request: RefundRequest) -> Outcome:
        """Give back. A repetition moves nothing (`fund_change` N) and does not say what became of the first."""
        content = {
            "out_trade_no": request.payment_id,
            "trade_no": request.reference,
            "refund_amount": yuan(request.amount),
            "out_request_no": request.refund_id,
            "refund_reason": request.reason.translate(_FORBIDDEN)[:_LONGEST_SUBJECT],
        }
        answer = await self._ask("alipay.trade.refund", content, "refund")
        if not isinstance(answer, Answer):
            return answer
        if answer.code != outcomes.SUCCESS:
            return outcomes.refusal(answer, outcomes.REFUND)
        if answer.out_trade_no != request.payment_id or not answer.trade_no:
            return Unknown("the answer is about another payment")
        return Done(answer.trade_no) if answer.fund_change == "Y" else Accepted(answer.trade_no)

    async def query_refund(self, refund_id: RefundId, payment_id: PaymentId) -> Outcome:
        """What became of a refund. Code 10000 says only that the question was answered: without REFUND_SUCCESS the
        money did not move, and the same number may be sent again.
        """
        content = {"out_trade_no": payment_id, "out_request_no": refund_id}
        answer = await self._ask("alipay.trade.fastpay.refund.query", content, "query_refund")
        if not isinstance(answer, Answer):
            return outcomes.unanswered(answer)
        if outcomes.is_not_found(answer):
            return Refused(Reason.ABSENT, answer.sub_code)
        if answer.code != outcomes.SUCCESS:
            return outcomes.unlisted(answer)
        if not answer.refund_status:
            return Refused(Reason.ABSENT, "REFUND_NOT_EXIST")
        is_ours = (answer.out_request_no, answer.out_trade_no) == (refund_id, payment_id)
        if not is_ours or answer.refund_status != "REFUND_SUCCESS" or not answer.trade_no:
            return Unknown(f"unlisted: {answer.refund_status[:40]}")
        return Done(answer.trade_no)

    def parse_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """The facts of a notice; none where it is about something else. Raises EventRejected.

        `now` plays no part: Alipay repeats the same notice, with the same `notify_id`, for 25 hours.
        """
        del now
        notice = self._wire.notice(headers=headers, body=body)
        if not notice["notify_id"]:
            raise EventRejected("without a number")
        return VerifiedEvent(notice["notify_id"], facts.told(notice))

    def acknowledge(self) -> tuple[int, str, bytes]:
        """`success` and nothing else."""
        return _OK, "text/plain", b"success"

    async def bill(self, day: date) -> list[BillLine]:
        """Every payment and refund of that day in China Standard Time. Raises BillUnavailable."""
        return [line async for page in self.bill_lines(day) for line in page]

    async def bill_lines(self, day: date) -> AsyncIterator[Sequence[BillLine]]:
        """The lines of `bill`, page by page, of a file that arrived whole and undamaged. Raises BillUnavailable.

        Alipay has it from about nine in the morning after, and none of a day on which nothing happened: what is not
        there two days later is such a day.
        """
        content = {"bill_type": "trade", "bill_date": day.isoformat()}
        answer = await self._ask("alipay.data.dataservice.bill.downloadurl.query", content, "bill")
        if isinstance(answer, Answer) and answer.sub_code in outcomes.NO_BILL:
            if is_long_over(day, datetime.now(UTC)):
                return
            raise NoBillYet(answer.sub_code)
        if not isinstance(answer, Answer) or answer.code != outcomes.SUCCESS or not answer.bill_download_url:
            raise BillUnavailable(answer.sub_code if isinstance(answer, Answer) else str(answer))
        url = answer.bill_download_url
        if self._base.startswith("https:"):
            url = url.replace("http:", "https:", 1)
        file = await self._client.send(
            method="GET",
            url=url,
            route="alipay.bill_file",
            timeout_s=self._settings.timeout_s,
            most_bytes=LONGEST,
        )
        if not isinstance(file, Response) or file.status != _OK:
            raise BillUnavailable(f"status {file.status}" if isinstance(file, Response) else str(file))
        for page in read_bill(file.body):
            yield page

    async def aclose(self) -> None:
        """Nothing is held here: connections belong to the client."""

    def agreement_page(self, request: AgreementRequest) -> str:
        """The signed address of the page where the wallet's owner signs. Raises Unsupported."""
        self._agrees()
        form = self._wire.form(
            agreements.PAGE,
            agreements.page_content(request, self._settings),
            now=datetime.now(UTC),
            notify_url=request.notify_url,
            return_url=request.return_url,
        )
        return f"{self._base}?{form}"

    async def query_agreement(self, agreement_id: str, token: str = "") -> AgreementAnswer:
        """How it stands, and by what number it is charged. Raises Unsupported."""
        self._agrees()
        content = agreements.query_content(agreement_id, self._settings, token)
        answer = await self._ask(agreements.QUERY, content, "query_agreement")
        if not isinstance(answer, Answer):
            return AgreementAnswer(None, problem=outcomes.unanswered(answer))
        return agreements.standing(agreement_id, answer)

    async def end_agreement(self, token: str) -> Outcome:
        """End it by Alipay's number; one that had ended is Done. Raises Unsupported."""
        self._agrees()
        answer = await self._ask(agreements.UNSIGN, {"agreement_no": token}, "end_agreement")
        return agreements.ended(token, answer) if isinstance(answer, Answer) else outcomes.unanswered(answer)

    def _agrees(self) -> None:
        if not self._settings.withholding:
            raise Unsupported("withholding")

    async def _charge_code(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Pay with the code that the payer's phone showed."""
        if not request.payment_code:
            return Refused(Reason.USER, Decline.CODE)
        content = {
            **_order(request),
            "product_code": self._settings.code_product,
            "scene": "bar_code",
            "auth_code": request.payment_code,
        }
        return await self._charge(request, content)

    async def _charge_agreed(self, request: PaymentRequest) -> Action | PaymentFact | Outcome:
        """Pay by what was agreed, with nobody there: the same number again is the same payment."""
        if not request.instrument:
            return Refused(Reason.USER, Decline.UNSUPPORTED)
        return await self._charge(request, {**_order(request), **agreements.charge_content(request, self._settings)})

    async def _charge(self, request: PaymentRequest, content: Mapping[str, Any]) -> Action | PaymentFact | Outcome:
        answer = await self._ask("alipay.trade.pay", content, "start", notify_url=request.notify_url)
        if not isinstance(answer, Answer):
            return answer
        if answer.code == outcomes.PAYER_CONFIRMS and answer.out_trade_no == request.payment_id:
            return Action(type="wait")
        if answer.code != outcomes.SUCCESS:
            return outcomes.not_begun(answer)
        fact = facts.paid(request.payment_id, answer.trade_no, answer.total_amount, answer.gmt_payment)
        if fact is None or answer.out_trade_no != request.payment_id:
            return Unknown("paid, without saying what or when")
        return fact

    async def _ask(
        self, method: str, content: Mapping[str, Any], route: str, *, notify_url: str = ""
    ) -> Answer | outcomes.Problem:
        query, body = self._wire.call(method, content, now=datetime.now(UTC), notify_url=notify_url)
        response = await self._client.send(
            method="POST",
            url=f"{self._base}?{query}",
            route=f"{self.name}.{route}",
            headers=FORM,
            content=body,
            timeout_s=self._settings.timeout_s,
        )
        if not isinstance(response, Response):
            return response
        try:
            answer = await self._believed(method, response)
        except Distrusted as error:
            return Unknown(str(error))
        return outcomes.problem(answer) or answer

    async def _believed(self, method: str, response: Response) -> Answer:
        """The answer, also where it is the first under a certificate that Alipay renewed. Raises Distrusted."""
        try:
            return self._wire.answer(method=method, response=response)
        except OtherCertificate as other:
            async with self._renewing:
                await self._renew(other)
        return self._wire.answer(method=method, response=response)

    async def _renew(self, other: OtherCertificate) -> None:
        """Fetch the certificate, at most once in ten minutes. Raises Distrusted."""
        now = time.monotonic()
        if self._settings.alipay_root_certificate_file is None or now < self._renew_from:
            return
        self._renew_from = now + _RENEW_AGAIN_S
        query, body = self._wire.call(renewing.METHOD, {"alipay_cert_sn": other.serial}, now=datetime.now(UTC))
        response = await self._client.send(
            method="POST",
            url=f"{self._base}?{query}",
            route="alipay.certificate",
            headers=FORM,
            content=body,
            timeout_s=min(_RENEWING_S, self._settings.timeout_s),
        )
        if not isinstance(response, Response):
            raise other
        _app, known, roots = certificates(self._settings)
        key = renewing.renewed(response.body, serial=other.serial, known=known, roots=roots, now=datetime.now(UTC))
        self._wire.trust(other.serial, key)


def _order(request: PaymentRequest) -> dict[str, str]:
    """What every way of beginning says of the payment."""
    return {
        "out_trade_no": request.payment_id,
        "total_amount": yuan(request.amount),
        "subject": request.description.translate(_FORBIDDEN)[:_LONGEST_SUBJECT],
        "time_expire": written(request.expires_at),
    }


def _closed(payment_id: PaymentId, answer: PaymentAnswer) -> Outcome:
    """What a query says of a payment that would not close."""
    standings = {fact.standing for fact in answer.facts}
    if PaymentStanding.PAID in standings:
        return Refused(Reason.USER, "paid")
    if PaymentStanding.CLOSED in standings:
        return Done(payment_id)
    return Unknown("neither closed nor paid")
