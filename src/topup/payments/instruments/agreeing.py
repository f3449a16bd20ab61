"""Agreeing with wallets: what an owner does, what the wallet tells, and the questions that find out how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import InvalidId, is_id, lane_of, new_id
from topup.kernel.money import Money
from topup.payments import inbox
from topup.payments.instruments import agreements, records
from topup.payments.instruments.agreements import Agreement, AgreementState
from topup.payments.instruments.ports import (
    AgreementAnswer,
    AgreementRequest,
    AgreementStanding,
    Agrees,
    Dearest,
    OnRemoved,
    Removed,
    Terms,
)
from topup.payments.ports import AgreementFact, Gateway, Instrument, Scene
from topup.people.subscribers.accounts import still_there
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database, Transaction
from topup.platform.inbox import EventKey
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing
from topup.work.operations import Decision, close_for_person, list_anew, list_for_person

_EVERY_S: Final = 2.0
_BATCH: Final = 50
UNKNOWN: Final = "agreement_unknown"
"""What a person is asked: the wallet does not know one that was signed."""

_BEFORE_AGREEING: Final = crash_label("instruments.agree.before_commit")
_AFTER_AGREEING: Final = crash_label("instruments.agree.after_commit")
_BEFORE_CALLING_OFF: Final = crash_label("instruments.call_off.before_commit")
_AFTER_CALLING_OFF: Final = crash_label("instruments.call_off.after_commit")
_BEFORE_TAKING: Final = crash_label("instruments.agreement_ask.before_commit")
_AFTER_TAKING: Final = crash_label("instruments.agreement_ask.after_commit")
_BEFORE_QUERY: Final = crash_label("instruments.agreement_query.before_call")
_AFTER_QUERY: Final = crash_label("instruments.agreement_query.after_call")
_BEFORE_SETTLING: Final = crash_label("instruments.agreement_settle.before_commit")
_AFTER_SETTLING: Final = crash_label("instruments.agreement_settle.after_commit")
_BEFORE_HEARING: Final = crash_label("instruments.agreement_told.before_commit")
_AFTER_HEARING: Final = crash_label("instruments.agreement_told.after_commit")

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that agrees: once in one of `days`, in its currency, at most `most` each time."""

    method: str
    days: tuple[int, ...]
    currency: str
    most: Money


@dataclass(frozen=True, slots=True)
class Unsigned:
    """An agreement that its owner has not signed yet, and the address of the wallet's page for it."""

    id: str
    method: str
    terms: Terms
    url: str


@dataclass(frozen=True, slots=True)
class AgreementHeard:
    """What a gateway (`said_by`, its method) said of an agreement, and the event it came with."""

    fact: AgreementFact
    said_by: str
    event: EventKey | None = None


class Agreements:
    """The agreements of this installation, whose pages and webhooks are under `public_url`; `on_removed` is what
    follows where one ended in the wallet, `dearest` the most that any of them has to let be charged.
    """

    def __init__(
        self,
        *,
        database: Database,
        keys: KeyRing,
        gateways: Mapping[str, Gateway],
        public_url: str,
        on_removed: OnRemoved,
        dearest: Dearest,
    ) -> None:
        self._database = database
        self._keys = keys
        self._gateways = gateways
        self._public_url = public_url
        self._on_removed = on_removed
        self._dearest = dearest

    async def wallets(self) -> list[Wallet]:
        """The ways to pay that agree."""
        agree = [(name, one) for name, one in self._gateways.items() if isinstance(one, Agrees) and one.agreement_days]
        async with self._database.read() as transaction:
            mosts = [await self._dearest(transaction.connection, name, one.agreement_currency) for name, one in agree]
        return [
            Wallet(name, one.agreement_days, one.agreement_currency, most)
            for (name, one), most in zip(agree, mosts, strict=True)
        ]

    async def agree(self, *, subscriber_id: str, method: str, terms: Terms, agreement_id: str) -> None:
        """Ask for one, under an id (`new_id`) that may be sent again; its owner signs it on the wallet's page. Raises
        InvalidId, Invalid `method_agrees_nothing`, `agreement_most`, `agreement_above` for more than any top-up costs,
        `agreement_days`, Conflict `agreements_too_many`, NotFound `account_unknown`.
        """
        wallet = next((one for one in await self.wallets() if one.method == method), None)
        if wallet is None:
            raise Invalid("method_agrees_nothing")
        if terms.most.currency != wallet.currency or terms.most.amount_minor <= 0:
            raise Invalid("agreement_most")
        if terms.most > wallet.most:
            raise Invalid("agreement_above", most=wallet.most.to_major(), currency=wallet.currency)
        if terms.every_days not in wallet.days:
            raise Invalid("agreement_days")
        if not is_id("instrument", agreement_id) or lane_of(agreement_id) != lane_of(subscriber_id):
            raise InvalidId("instrument")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            if not await still_there(connection, subscriber_id=subscriber_id):
                raise NotFound("account_unknown")
            wanted = Agreement(agreement_id, subscriber_id, method, terms, AgreementState.WANTED, now, 0)
            await agreements.want(connection, wanted)
            crash_point(_BEFORE_AGREEING)
        crash_point(_AFTER_AGREEING)

    def new_id(self, *, subscriber_id: str) -> str:
        """The id of an agreement that is to be asked for."""
        return new_id("instrument", lane_of(subscriber_id))

    async def unsigned(self, *, subscriber_id: str, return_path: str, scene: Scene) -> list[Unsigned]:
        """What somebody asked for and may still sign, oldest first; from the wallet they come back to `return_path`."""
        async with self._database.read() as transaction:
            wanted = await agreements.wanted_by(transaction.connection, subscriber_id=subscriber_id)
            offered = [one for one in wanted if one.is_offered(transaction.now)]
        found: list[Unsigned] = []
        for one in offered:
            gateway = self._gateways.get(one.method)
            if isinstance(gateway, Agrees) and gateway.agreement_days:
                back, notify = self._public_url + return_path, f"{self._public_url}/webhooks/{one.method}"
                asked = AgreementRequest(one.id, one.terms, one.begins_at, back, notify, scene)
                found.append(Unsigned(one.id, one.method, one.terms, gateway.agreement_page(asked)))
        return found

    async def call_off(self, *, subscriber_id: str, agreement_id: str) -> None:
        """It is not wanted any more; should it be signed all the same, it is ended. Raises InvalidId, NotFound
        `instrument_unknown`, also for one that is signed: it is an instrument, and removed as one.
        """
        async with self._database.transaction() as transaction:
            await agreements.call_off(
                transaction.connection, subscriber_id=subscriber_id, agreement_id=agreement_id, now=transaction.now
            )
            crash_point(_BEFORE_CALLING_OFF)
        crash_point(_AFTER_CALLING_OFF)

    async def hear(self, heard: AgreementHeard) -> None:
        """The wallet said that one began or ended: it is asked at once. That one ended which is not known here is no
        news; raises NotFound `agreement_unknown` for one that began.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            known = await agreements.told(
                connection, heard.fact.agreement_id, heard.said_by, now, ended=heard.fact.ended
            )
            if not known and not heard.fact.ended:
                raise NotFound("agreement_unknown")
            if heard.event is not None:
                await inbox.settled(connection, [heard.event], now)
            crash_point(_BEFORE_HEARING)
        crash_point(_AFTER_HEARING)

    async def ask_due(self, limit: int = _BATCH) -> int:
        """Ask wallets how agreements stand; how many."""
        async with self._database.transaction() as transaction:
            due = await agreements.due(transaction.connection, limit, transaction.now)
            if due:
                crash_point(_BEFORE_TAKING)
        if due:
            crash_point(_AFTER_TAKING)
        for one in due:
            try:
                await self._ask(one)
            except Exception:  # noqa: BLE001 - a poisoned agreement must not stop the others; it is asked about again
                _log.exception("agreement_not_asked_about", method=one.method, asked=one.asked)
        return len(due)

    def sweeps(self) -> list[Sweep]:
        """What runs by itself."""
        return [Sweep("payments.instruments.agreements", _EVERY_S, self.ask_due, batch=_BATCH)]

    async def _ask(self, one: Agreement) -> None:
        gateway = self._gateways.get(one.method)
        if not isinstance(gateway, Agrees) or not gateway.agreement_days:
            # Turned off for now: it is asked when it is there again.
            _log.warning("agreement_not_asked_about", method=one.method, asked=one.asked)
            return
        crash_point(_BEFORE_QUERY)
        answer = await gateway.query_agreement(one.id, await self._token(one))
        crash_point(_AFTER_QUERY)
        if answer.standing is None:
            return
        async with self._database.transaction() as transaction:
            await self._settle(transaction, one, answer)
            crash_point(_BEFORE_SETTLING)
        crash_point(_AFTER_SETTLING)

    async def _token(self, one: Agreement) -> str:
        if one.state is not AgreementState.SIGNED:
            return ""
        async with self._database.read() as transaction:
            kept = await records.agreed(transaction.connection, one.id)
        return records.token_of(kept, self._keys) if kept else ""

    async def _settle(self, transaction: Transaction, asked: Agreement, answer: AgreementAnswer) -> None:
        connection, now = transaction.connection, transaction.now
        # An account that is here now stays until this is written; its row is locked first, as where an account ends.
        stays = await still_there(connection, subscriber_id=asked.subscriber_id)
        one = await agreements.locked(connection, asked.id)
        if one is None:
            return
        if one.state is AgreementState.SIGNED:
            await self._settle_signed(transaction, one, asked, answer)
        elif answer.instrument is not None:
            wanted = stays and one.state is AgreementState.WANTED
            await self._keep(transaction, replace(one, ask_at=asked.ask_at), answer.instrument, wanted=wanted)
        elif answer.standing is AgreementStanding.ENDED or not one.is_offered(now):
            await agreements.over(connection, one.id)

    async def _keep(self, transaction: Transaction, one: Agreement, instrument: Instrument, *, wanted: bool) -> None:
        """It is signed: it is its owner's from now on, or, where nobody wants it any more, ended."""
        connection, now = transaction.connection, transaction.now
        await records.keep(
            connection,
            self._keys,
            subscriber_id=one.subscriber_id,
            method=one.method,
            instrument=instrument,
            now=now,
            agreed=one.id,
            removed=not wanted,
        )
        if wanted:
            await agreements.signed(connection, one, now)
        else:
            await agreements.over(connection, one.id)

    async def _settle_signed(
        self, transaction: Transaction, one: Agreement, asked: Agreement, answer: AgreementAnswer
    ) -> None:
        """Of one that holds here, as it was when the wallet was `asked`. That the wallet knows none ends it only where
        it told of the end before: else it may be us who ask in another name, and what is ended for that is ended for
        good.
        """
        connection, now = transaction.connection, transaction.now
        if answer.instrument is not None:
            await agreements.signed(connection, asked, now)
        elif answer.standing is AgreementStanding.ENDED or (
            answer.standing is AgreementStanding.ABSENT and asked.told_ended
        ):
            await self._gone(one, transaction)
        elif answer.standing is AgreementStanding.ABSENT and asked.state is AgreementState.SIGNED:
            # Its first such answer since it was known; what a person decided since stays decided.
            list_it = list_for_person if asked.asked else list_anew
            await list_it(connection, [Decision(asked.lane, UNKNOWN, asked.id, {"method": asked.method})], now)
            return
        else:
            return
        await close_for_person(connection, [(asked.lane, UNKNOWN, asked.id)], now)

    async def _gone(self, one: Agreement, transaction: Transaction) -> None:
        """It ended in the wallet: what is paid with it stops now, and not when it comes due."""
        connection, now = transaction.connection, transaction.now
        try:
            await records.remove(connection, subscriber_id=one.subscriber_id, instrument_id=one.id, now=now)
        except NotFound:
            _log.info("agreement_removed_already")
        else:
            await self._on_removed(connection, Removed(one.subscriber_id, one.id, now))
        await agreements.over(connection, one.id)
