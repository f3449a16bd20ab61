"""A line's credit, for systems of the operator that hold an API key: its books, shares, adjustments."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec
from litestar.params import FromPath

from topup.catalogue.queries import CatalogueCache
from topup.channels.api import credit_rendering as rendering
from topup.channels.api import credit_shapes as shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.keyed import Keyed, answer_once
from topup.channels.api.reading import name_of, path_text, permitted, query_text, read_json
from topup.channels.api.rendering import encode
from topup.channels.api.shapes import Money as MoneySaid
from topup.charging.adjustments import AboveAlone, Adjustment, Adjustments, AdjustmentWish, check_wish
from topup.charging.approving import ADJUSTMENT, asking_for
from topup.charging.line_books import PAGE, LineBooks
from topup.charging.sharing.desk import ShareView, Sharing
from topup.charging.sharing.history import PAGE as SHARES
from topup.charging.sharing.history import shares_of
from topup.charging.sharing.rules import Wish
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import AdjustmentId, ShareId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import parse_msisdn
from topup.people.permissions import Permission
from topup.people.queries import ApiPrincipal
from topup.platform.database import Connection, Database
from topup.platform.request_keys import Answering, RequestKeys, store_answers
from topup.platform.web import Handlers, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest
from topup.work.approvals import Approval, Approvals
from topup.work.limits import Alone

_READ: Final = Permission.READ_LINES
_SHARE: Final = Permission.SHARE_CREDIT
_ADJUST: Final = Permission.ADJUST_CREDIT
_NUMBER: Final = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13800138000")
_LINE_PROBLEMS: Final = ("number_unreadable", "number_impossible", "number_invalid", "line_unknown")
_REFUSALS: Final = (Conflict("insufficient_funds"), Conflict("bucket_frozen"))

Ceiling = Callable[[str], tuple[Decimal, Decimal]]
"""Most that a key may give or take alone, at once and in 24 hours, in major units of a currency."""
Made = Adjustment | Approval

_new_share: Final = msgspec.json.Decoder(shapes.NewShare)
_new_adjustment: Final = msgspec.json.Decoder(shapes.NewAdjustment)


class Books(Handlers):
    """Handlers of the routes that show what the books have of a line."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._books = LineBooks(database=database, catalogue=catalogue)

    async def buckets(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What a line has and has promised, each bucket and hold with its id, its dates, and why they are so."""
        await permitted(request, self._database, _READ)
        view = await self._books.buckets(number=path_text(number))
        return answer(encode(rendering.buckets(view, request_locale(request))))

    async def transfers(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What moved to and from a line, page by page, newest first."""
        await permitted(request, self._database, _READ)
        before = query_text(request, "before")
        view = await self._books.transfers(number=path_text(number), before=before)
        return answer(encode(rendering.transfers(view, request_locale(request))))

    async def bucket(self, request: AnyRequest, bucket_id: FromPath[str]) -> Answer:
        """A bucket by its id, also when it is closed."""
        await permitted(request, self._database, _READ)
        view = await self._books.bucket(bucket_id=bucket_id)
        return answer(encode(rendering.bucket(view.row, view.now, request_locale(request))))

    async def hold(self, request: AnyRequest, hold_id: FromPath[str]) -> Answer:
        """A hold by its id, also when it is settled or released."""
        await permitted(request, self._database, _READ)
        view = await self._books.hold(hold_id=hold_id)
        return answer(encode(rendering.hold(view.row, request_locale(request))))

    async def transfer(self, request: AnyRequest, transfer_id: FromPath[str]) -> Answer:
        """A transfer of a line by its id."""
        await permitted(request, self._database, _READ)
        view = await self._books.transfer(transfer_id=transfer_id)
        return answer(encode(rendering.transfer(view.row, request_locale(request))))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        bucket = Parameter("bucket_id", "path", "Id of a bucket.", "acc_01m7xprzmv03t2s6sdhxcrg8x8")
        hold = Parameter("hold_id", "path", "Id of a hold.", "hol_01m7xprzmv03t2s6sdhxcrg8x8")
        transfer = Parameter("transfer_id", "path", "Id of a transfer.", "trf_000000000103t2s6sdhxcrg8x8")
        before = Parameter("before", "query", f"The `before` of the last page, for the {PAGE} transfers before those.",
                           "trf_000000000103t2s6sdhxcrg8x8", required=False)  # fmt: skip
        return [
            Endpoint("GET", "/api/v1/lines/{number}/buckets", self.buckets, "listBuckets",
                     "List a line's buckets and holds", "Lines", shapes.LineBuckets, parameters=(_NUMBER,),
                     problems=_LINE_PROBLEMS, permission=_READ.value),
            Endpoint("GET", "/api/v1/lines/{number}/transfers", self.transfers, "listTransfers",
                     "List a line's transfers", "Lines", shapes.LineTransfers, parameters=(_NUMBER, before),
                     problems=(*_LINE_PROBLEMS, NotFound("transfer_unknown")), permission=_READ.value),
            Endpoint("GET", "/api/v1/buckets/{bucket_id}", self.bucket, "getBucket", "See a bucket, open or closed",
                     "Lines", shapes.LedgerBucket, parameters=(bucket,), problems=(NotFound("bucket_unknown"),),
                     permission=_READ.value),
            Endpoint("GET", "/api/v1/holds/{hold_id}", self.hold, "getHold", "See a hold, open or at its end",
                     "Lines", shapes.LineHold, parameters=(hold,), problems=(NotFound("hold_unknown"),),
                     permission=_READ.value),
            Endpoint("GET", "/api/v1/transfers/{transfer_id}", self.transfer, "getTransfer", "See a transfer",
                     "Lines", shapes.Transfer, parameters=(transfer,), problems=(NotFound("transfer_unknown"),),
                     permission=_READ.value),
        ]  # fmt: skip


class Shares(Handlers):
    """Handlers of the routes about credit sent from line to line."""

    def __init__(self, *, database: Database, keys: RequestKeys, catalogue: CatalogueCache) -> None:
        self._database = database
        self._keys = keys
        self._sharing = Sharing(database=database, catalogue=catalogue)

    async def new_share(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """Send credit to another line; answered when it is at its end, `shared` or `returned`."""
        principal = await permitted(request, self._database, _SHARE)
        said = await read_json(request, _new_share)
        sender = parse_msisdn(path_text(number))
        receiver = parse_msisdn(said.to, region=sender.country)
        lane, currency = await self._home(sender.e164)
        wish = Wish(sender, receiver, _money(said.amount, currency), tuple(said.conditions))

        async def work(share_id: str, answering: Answering[ShareView]) -> ShareView:
            return await self._sharing.send(
                share_id=ShareId(share_id), wish=wish, asked_by=name_of(principal), answer=answering
            )

        content = encode((sender.e164, receiver.e164, said.amount, sorted(said.conditions)))
        resource = new_id("share", lane)
        keyed = Keyed(route="POST /lines/{number}/shares", content=content, resource=resource, render=_render_share)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    async def shares(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What a line sent and was sent, page by page, newest first."""
        await permitted(request, self._database, _READ)
        before = query_text(request, "before")
        view = await shares_of(self._database, number=path_text(number), before=before)
        return answer(encode(rendering.shares(view)))

    async def share(self, request: AnyRequest, share_id: FromPath[str]) -> Answer:
        """Where a share stands."""
        await permitted(request, self._database, _READ)
        return answer(encode(rendering.share(await self._sharing.get(share_id=share_id))))

    async def _home(self, number: str) -> tuple[int, str | None]:
        """Lane and currency of the sender's line. Of none any: what was answered is answered again."""
        try:
            sender = await self._sharing.sender(number=number)
        except NotFound:
            return 0, None
        return sender.lane, sender.currency

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        before = Parameter("before", "query", f"The `before` of the last page, for the {SHARES} shares before those.",
                           "shr_01m7xprzmv03t2s6sdhxcrg8x8", required=False)  # fmt: skip
        share = Parameter("share_id", "path", "Id of a share.", "shr_01m7xprzmv03t2s6sdhxcrg8x8")
        refusals = tuple(
            Conflict(code)
            for code in (
                "line_barred",
                "sharing_receiver_barred",
                "sharing_limit_amount",
                "sharing_limit_times",
                "sharing_not_shareable",
            )
        )
        return [
            Endpoint("POST", "/api/v1/lines/{number}/shares", self.new_share, "createShare",
                     "Send credit to another line", "Lines", shapes.Share, 201, shapes.NewShare, parameters=(_NUMBER,),
                     keyed=True, permission=_SHARE.value,
                     problems=(*_LINE_PROBLEMS, "number_missing", "sharing_receiver_unknown", "sharing_same_line",
                               "sharing_other_carrier", "sharing_not_offered", "sharing_amount", "currency_wrong",
                               *refusals, *_REFUSALS)),
            Endpoint("GET", "/api/v1/lines/{number}/shares", self.shares, "listShares",
                     "List what a line sent and was sent", "Lines", shapes.LineShares, parameters=(_NUMBER, before),
                     problems=(*_LINE_PROBLEMS, NotFound("share_unknown")), permission=_READ.value),
            Endpoint("GET", "/api/v1/shares/{share_id}", self.share, "getShare", "See where a share stands", "Lines",
                     shapes.Share, parameters=(share,), problems=(NotFound("share_unknown"),), permission=_READ.value),
        ]  # fmt: skip


class Adjusting(Handlers):
    """Handlers of the routes about credit that staff give and take."""

    def __init__(
        self,
        *,
        database: Database,
        keys: RequestKeys,
        catalogue: CatalogueCache,
        approvals: Approvals,
        ceiling: Ceiling,
    ) -> None:
        self._database = database
        self._keys = keys
        self._adjustments = Adjustments(database=database, catalogue=catalogue)
        self._approvals = approvals
        self._ceiling = ceiling

    async def new_adjustment(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """Give credit to a line, or take it, for a reason that stays on the record with the key that did it.

        Above what one may do alone, at once or in 24 hours (`TOPUP_ADJUST_MOST`), it is asked for, and answered with
        202: somebody of the staff approves it in the console, and then it is made.
        """
        principal = await permitted(request, self._database, _ADJUST)
        said = await read_json(request, _new_adjustment)
        msisdn = parse_msisdn(path_text(number))
        lane, currency = await self._home(msisdn.e164)
        amount = _money(said.amount, currency)
        wish = AdjustmentWish(msisdn, amount, said.reason, said.note, name_of(principal))

        async def work(adjustment_id: str, answering: Answering[Made]) -> Made:
            said: Answering[Adjustment] = Answering(answering.claim, answering.render)
            alone = Alone.of(self._ceiling(amount.currency), amount.currency)
            try:
                return await self._adjustments.make(
                    adjustment_id=AdjustmentId(adjustment_id), wish=wish, alone=alone, answer=said
                )
            except AboveAlone:
                return await self._ask(principal, wish, answering)

        content = encode((msisdn.e164, said.amount, said.reason, said.note))
        resource = new_id("adjustment", lane)
        route = "POST /lines/{number}/adjustments"
        keyed = Keyed(route=route, content=content, resource=resource, render=_render_adjustment)
        return await answer_once(request, keys=self._keys, database=self._database, keyed=keyed, work=work)

    async def _ask(self, principal: ApiPrincipal, wish: AdjustmentWish, answering: Answering[Made]) -> Approval:
        check_wish(wish)
        _, line, _ = await self._adjustments.line(number=wish.number.e164)

        async def told(connection: Connection, asked: Approval) -> None:
            await store_answers(connection, [(answering.claim, *answering.render(asked))])

        caller = replace(principal, id=name_of(principal))
        return await self._approvals.request(caller, asking_for(wish, line), told=told)

    async def adjustment_request(self, request: AnyRequest, approval_id: FromPath[str]) -> Answer:
        """What became of an adjustment that another has to approve."""
        await permitted(request, self._database, _ADJUST)
        asked = await self._approvals.get(path_text(approval_id))
        if asked.kind != ADJUSTMENT:
            raise NotFound("approval_unknown")
        return answer(encode(rendering.adjustment_request(asked)))

    async def adjustment(self, request: AnyRequest, adjustment_id: FromPath[str]) -> Answer:
        """What was given or taken, by whom and why."""
        await permitted(request, self._database, _READ)
        return answer(encode(rendering.adjustment(await self._adjustments.get(adjustment_id=adjustment_id))))

    async def _home(self, number: str) -> tuple[int, str | None]:
        """As of a share's sender."""
        try:
            _, line, currency = await self._adjustments.line(number=number)
        except NotFound:
            return 0, None
        return line.lane, currency

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        asked = Parameter("approval_id", "path", "Id of a request.", "apr_01m7xprzmv03t2s6sdhxcrg8x8")
        adjustment = Parameter("adjustment_id", "path", "Id of an adjustment.", "adj_01m7xprzmv03t2s6sdhxcrg8x8")
        return [
            Endpoint("POST", "/api/v1/lines/{number}/adjustments", self.new_adjustment, "createAdjustment",
                     "Give credit to a line, or take it", "Lines", shapes.Adjustment, 201, shapes.NewAdjustment,
                     parameters=(_NUMBER,), keyed=True, permission=_ADJUST.value, asked=shapes.AdjustmentRequest,
                     problems=(*_LINE_PROBLEMS, Conflict("approval_open"), "currency_wrong",
                               "adjustment_reason_unknown", "adjustment_note_missing", "adjustment_of_nothing",
                               *_REFUSALS, Conflict("cap_exceeded"), Conflict("balance_limit"))),
            Endpoint("GET", "/api/v1/adjustment-requests/{approval_id}", self.adjustment_request,
                     "getAdjustmentRequest", "See what became of a request", "Lines", shapes.AdjustmentRequest,
                     parameters=(asked,), problems=(NotFound("approval_unknown"),), permission=_ADJUST.value),
            Endpoint("GET", "/api/v1/adjustments/{adjustment_id}", self.adjustment, "getAdjustment",
                     "See an adjustment", "Lines", shapes.Adjustment, parameters=(adjustment,),
                     problems=(NotFound("adjustment_unknown"),), permission=_READ.value),
        ]  # fmt: skip


def _money(said: MoneySaid | shapes.AdjustmentAmount, currency: str | None) -> Money:
    """The amount, for a line whose credit is in `currency` (None: there is no such line).

    Raises Invalid currency_wrong, NotFound line_unknown, where it is written as a currency is and is none.
    """
    try:
        return Money(said.amount_minor, said.currency)
    except InvalidMoney:
        raise (Invalid("currency_wrong", currency=currency) if currency else NotFound("line_unknown")) from None


def _render_share(view: ShareView) -> tuple[int, bytes]:
    return 201, encode(rendering.share(view))


def _render_adjustment(made: Made) -> tuple[int, bytes]:
    if isinstance(made, Approval):
        return 202, encode(rendering.adjustment_request(made))
    return 201, encode(rendering.adjustment(made))
