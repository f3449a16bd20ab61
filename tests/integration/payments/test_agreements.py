"""An agreement with a wallet is its owner's once they have signed it there, and ends wherever they end it."""

import re
from datetime import timedelta
from html import unescape

import pytest

from tests.integration.payments.conftest import signed_in, visiting
from tests.support.desk import ScriptedGateway, open_shop
from tests.support.keeping import Cards, WalletGateway
from topup.care.personal import leaving
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Unknown
from topup.payments.instruments.agreements import MOST, OFFERED_FOR
from topup.payments.instruments.ports import AgreementAnswer, AgreementStanding, Keeps, Terms
from topup.payments.ports import AgreementFact, Instrument, Scene
from topup.work.queries import open_items

BACK = "/account/automatic"


@pytest.fixture
async def cards(database, data_dir):
    async with open_shop(database, data_dir, WalletGateway()) as shop:
        yield Cards(shop)


async def unsigned(cards, who) -> list[str]:
    found = await cards.shop.desk.agreements.unsigned(subscriber_id=who, return_path=BACK, scene=Scene.PHONE)
    return [one.id for one in found]


async def later(cards, **delta) -> None:
    cards.shop.database.clock_offset += timedelta(**delta)
    await cards.shop.desk.agreements.ask_due()
    await cards.swept()


async def left_here(cards) -> int:
    async with cards.shop.database.read() as transaction:
        row = await (await transaction.connection.execute("SELECT count(*) FROM payments.agreements")).fetchone()
    return row[0]


async def for_people(cards) -> list[str]:
    async with cards.shop.database.read() as transaction:
        return [item.kind for item in await open_items(transaction.connection)]


async def test_it_is_theirs_once_they_have_signed_it_with_what_was_agreed(cards):
    owner, neighbour = await cards.person(), await cards.person()
    agreement = await cards.asks_to_agree(owner)
    assert (await unsigned(cards, owner), await unsigned(cards, neighbour)) == ([agreement], [])
    await later(cards, minutes=1)
    assert await cards.of(owner) == [], "the wallet knows of none"
    cards.shop.gateway.signed[agreement] = "20215607750930630440"
    await later(cards, minutes=5)
    [kept] = await cards.shop.desk.instruments.of(subscriber_id=owner)
    assert (kept.id, kept.label, kept.terms) == (agreement, "Alipay sim***", Terms(Money(10_000, "CNY"), 30))
    assert (await unsigned(cards, owner), await cards.of(neighbour)) == ([], [])
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT i::text FROM payments.instruments i")
        assert "20215607750930630440" not in str(await cursor.fetchall())


async def test_what_the_wallet_tells_has_it_asked_at_once(cards):
    owner = await cards.person()
    agreement = await cards.asks_to_agree(owner)
    for _ in range(4):
        await later(cards, minutes=20)
    cards.shop.gateway.signed[agreement] = "token"
    await later(cards, seconds=1)
    assert await cards.of(owner) == [], "its next question is not due"
    for _ in range(2):
        await cards.shop.tells(AgreementFact(agreement, ended=False), event_id=f"signed-{agreement}")
    await later(cards, seconds=1)
    assert await cards.of(owner) == ["Alipay sim***"]
    cards.shop.gateway.signed.clear()
    await cards.shop.tells(AgreementFact(agreement, ended=True), event_id=f"ended-{agreement}")
    await later(cards, seconds=1)
    assert (await cards.of(owner), await left_here(cards)) == ([], 0), "it was ended in the wallet"
    await cards.shop.tells(AgreementFact(agreement, ended=True), event_id=f"again-{agreement}")
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM work.items WHERE kind = 'event_parked'")
        assert await cursor.fetchone() == (0,), "that one ended which nobody knows is no news"


async def test_an_end_that_nobody_told_of_is_found_within_a_day(cards):
    owner = await cards.person()
    await cards.agrees(owner)
    cards.shop.gateway.agreement_answers = [AgreementAnswer(AgreementStanding.ENDED)]
    await later(cards, hours=12)
    assert await cards.of(owner) == ["Alipay sim***"]
    await later(cards, hours=13)
    assert (await cards.of(owner), await left_here(cards)) == ([], 0)


async def test_one_that_is_signed_is_asked_about_by_what_it_is_charged_by(cards):
    agreement = await cards.agrees(await cards.person())
    assert cards.shop.gateway.asked_by == {agreement: ""}
    await later(cards, days=2)
    assert cards.shop.gateway.asked_by == {agreement: f"agreed-{agreement}"}


async def test_one_that_is_paused_in_the_wallet_stays_and_is_asked_about_every_day(cards):
    owner = await cards.person()
    agreement = await cards.agrees(owner)
    paused = AgreementAnswer(AgreementStanding.PAUSED, Instrument(f"agreed-{agreement}", "Alipay sim***"))
    cards.shop.gateway.agreement_answers = [paused, paused, AgreementAnswer(AgreementStanding.ENDED)]
    for left in (2, 1):
        await later(cards, hours=25)
        assert (len(cards.shop.gateway.agreement_answers), await cards.of(owner)) == (left, ["Alipay sim***"])
    assert (await left_here(cards), await for_people(cards), cards.shop.gateway.forgotten) == (1, [], [])
    await later(cards, hours=25)
    assert (await cards.of(owner), await left_here(cards)) == ([], 0)


async def test_one_that_was_signed_and_that_the_wallet_does_not_know_is_for_a_person_and_stays(cards):
    owner = await cards.person()
    agreement = await cards.agrees(owner)
    signed = cards.shop.gateway.signed.copy()
    cards.shop.gateway.signed.clear()
    for _ in range(2):
        await later(cards, days=2)
        assert (await cards.of(owner), await for_people(cards)) == (["Alipay sim***"], ["agreement_unknown"])
    assert cards.shop.gateway.forgotten == []
    cards.shop.gateway.signed = signed
    await later(cards, days=2)
    assert (await cards.of(owner), await for_people(cards)) == (["Alipay sim***"], []), "as before"
    cards.shop.gateway.signed.clear()
    await later(cards, days=2)
    assert await for_people(cards) == ["agreement_unknown"], "and again"
    await cards.shop.tells(AgreementFact(agreement, ended=True), event_id=f"ended-{agreement}")
    await later(cards, seconds=1)
    assert (await cards.of(owner), await for_people(cards)) == ([], [])


async def test_one_that_is_signed_and_waits_for_the_wallet_stays_as_it_is(cards):
    owner = await cards.person()
    await cards.agrees(owner)
    cards.shop.gateway.agreement_answers = [AgreementAnswer(AgreementStanding.WAITING)]
    await later(cards, days=2)
    assert (await cards.of(owner), await left_here(cards)) == (["Alipay sim***"], 1)


async def test_what_the_wallet_tells_while_it_is_asked_is_asked_about_at_once(cards, monkeypatch):
    owner = await cards.person()
    agreement = await cards.agrees(owner)
    gateway = cards.shop.gateway
    answer = await gateway.query_agreement(agreement)

    async def signed_just_before(*_asked):
        gateway.signed.clear()
        await cards.shop.tells(AgreementFact(agreement, ended=True), event_id=f"ended-{agreement}")
        return answer

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(gateway, "query_agreement", signed_just_before)
        await later(cards, days=2)
    assert await cards.of(owner) == ["Alipay sim***"]
    await later(cards, seconds=1)
    assert await cards.of(owner) == []


async def test_while_the_wallet_does_not_answer_everything_stays_as_it_is(cards):
    owner = await cards.person()
    agreement = await cards.agrees(owner)
    silence = AgreementAnswer(None, problem=Unknown("no answer"))
    cards.shop.gateway.agreement_answers = [silence] * 3
    for _ in range(3):
        await later(cards, days=2)
    assert await cards.of(owner) == ["Alipay sim***"]
    [kept] = await cards.shop.desk.instruments.of(subscriber_id=owner)
    assert kept.id == agreement


async def test_its_owner_ends_it_here_and_the_wallet_is_told_until_it_has_ended(cards):
    owner, neighbour = await cards.person(), await cards.person()
    agreement = await cards.agrees(owner)
    instruments = cards.shop.desk.instruments
    with pytest.raises(NotFound, match="instrument_unknown"):
        await instruments.remove(subscriber_id=neighbour, instrument_id=agreement)
    await instruments.remove(subscriber_id=owner, instrument_id=agreement)
    assert (await cards.of(owner), await left_here(cards)) == ([], 0)
    cards.shop.gateway.forget_answers = [Unknown("no answer")]
    await cards.swept()
    assert cards.shop.gateway.forgotten == []
    await later(cards, minutes=5)
    assert cards.shop.gateway.forgotten == [f"agreed-{agreement}"]


async def test_a_wallet_whose_contract_is_gone_or_that_fails_holds_up_no_other(cards):
    gateway = cards.shop.gateway
    assert not isinstance(gateway, Keeps)
    ended = set()
    for _ in range(2):
        owner = await cards.person()
        agreement = await cards.agrees(owner)
        ended.add(f"agreed-{agreement}")
        await cards.shop.desk.instruments.remove(subscriber_id=owner, instrument_id=agreement)
    gateway.agreement_days = ()
    await cards.swept()
    assert gateway.forgotten == []
    gateway.agreement_days = (30, 7)
    gateway.forget_answers = [RuntimeError("a poisoned one")]
    cards.shop.database.clock_offset += timedelta(minutes=5)
    await cards.swept()
    assert len(gateway.forgotten) == 1, "the other one"
    cards.shop.database.clock_offset += timedelta(minutes=15)
    await cards.swept()
    assert set(gateway.forgotten) == ended


async def test_one_that_was_called_off_and_is_signed_all_the_same_is_ended(cards):
    owner, neighbour = await cards.person(), await cards.person()
    agreement = await cards.asks_to_agree(owner)
    agreements = cards.shop.desk.agreements
    with pytest.raises(NotFound, match="instrument_unknown"):
        await agreements.call_off(subscriber_id=neighbour, agreement_id=agreement)
    await agreements.call_off(subscriber_id=owner, agreement_id=agreement)
    assert await unsigned(cards, owner) == []
    await later(cards, minutes=1)
    cards.shop.gateway.signed[agreement] = "late"
    await later(cards, hours=3)
    assert (await cards.of(owner), cards.shop.gateway.forgotten) == ([], ["late"])
    assert await left_here(cards) == 0


async def test_one_that_nobody_signs_is_forgotten_after_a_day(cards):
    owner = await cards.person()
    await cards.asks_to_agree(owner)
    cards.shop.database.clock_offset += OFFERED_FOR + timedelta(minutes=1)
    assert await unsigned(cards, owner) == []
    await later(cards, minutes=1)
    assert await left_here(cards) == 0


async def test_who_leaves_takes_none_along_and_what_is_signed_then_is_ended(cards):
    owner = await cards.person()
    signed, late = await cards.agrees(owner), await cards.asks_to_agree(owner)
    away = leaving(database=cards.shop.database, keyring=cards.shop.keys)
    async with cards.shop.database.transaction() as transaction:
        await away.erase(transaction.connection, subscriber_id=owner, now=transaction.now)
    cards.shop.gateway.signed[late] = "late"
    await later(cards, minutes=5)
    await later(cards, minutes=5)
    assert sorted(cards.shop.gateway.forgotten) == sorted([f"agreed-{signed}", "late"])
    assert await left_here(cards) == 0
    async with cards.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT count(*) FROM payments.instruments")
        assert await cursor.fetchone() == (0,)


async def test_sent_twice_it_is_one_and_not_more_than_a_few(cards):
    owner = await cards.person()
    agreements, terms = cards.shop.desk.agreements, Terms(Money(10_000, "CNY"), 30)
    ids = [agreements.new_id(subscriber_id=owner) for _ in range(MOST)]
    for agreement in [*ids, *ids]:
        await agreements.agree(subscriber_id=owner, method="scripted", terms=terms, agreement_id=agreement)
    assert sorted(await unsigned(cards, owner)) == sorted(ids)
    with pytest.raises(Conflict, match="agreements_too_many"):
        await cards.asks_to_agree(owner)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"method": "cash"}, "method_agrees_nothing"),
        ({"terms": Terms(Money(0, "CNY"), 30)}, "agreement_most"),
        ({"terms": Terms(Money(10_000, "USD"), 30)}, "agreement_most"),
        ({"terms": Terms(Money(10_000_001, "CNY"), 30)}, "agreement_above"),
        ({"terms": Terms(Money(10_000, "CNY"), 1)}, "agreement_days"),
    ],
)
async def test_what_cannot_be_agreed_to_is_refused(cards, wrong, code):
    owner = await cards.person()
    agreements = cards.shop.desk.agreements
    asked = {"method": "scripted", "terms": Terms(Money(10_000, "CNY"), 30)}
    with pytest.raises(Invalid, match=code):
        await agreements.agree(
            subscriber_id=owner, agreement_id=agreements.new_id(subscriber_id=owner), **asked | wrong
        )
    with pytest.raises(InvalidId):
        await agreements.agree(subscriber_id=owner, agreement_id=new_id("payment", 0), **asked)


async def test_a_way_to_pay_that_agrees_to_nothing_is_no_wallet(database, data_dir):
    async with open_shop(database, data_dir, ScriptedGateway()) as shop:
        assert await shop.desk.agreements.wallets() == []


# On the pages.

AUTOMATIC = "/account/automatic"


async def sends(visitor, path, **fields) -> str:
    """Where it leads."""
    page = (await visitor.get(AUTOMATIC)).text
    kept = {name: re.search(f'name="{name}" value="([^"]+)"', page)[1] for name in ("form_token", "id")}
    return (await visitor.post(path, data=kept | fields)).headers["location"]


async def test_its_owner_asks_for_it_goes_to_the_wallet_and_thinks_better_of_it(cards):
    owner = await cards.person()
    async with visiting(cards.shop) as visitor:
        visitor.cookies.update(await signed_in(cards.shop, owner))
        agree = f"{AUTOMATIC}/agreements"
        for most, days, box in (
            ("0", "30", "most"),
            ("many", "30", "most"),
            ("1e9", "7", "most"),
            ("100", "1", "days"),
        ):
            page = (await visitor.get(await sends(visitor, agree, method="scripted", most=most, days=days))).text
            assert re.findall(r'id="([^"]+)"[^>]* aria-invalid="true"', page) == [f"{box}-scripted"], (most, days)
            assert f'value="{most}"' in page, "what was typed is kept"
        [highest] = [one.most for one in await cards.shop.desk.agreements.wallets()]
        above = f"{highest.amount_minor // 100 + 1}"
        page = (await visitor.get(await sends(visitor, agree, method="scripted", most=above, days="30"))).text
        assert f"{highest.to_major()}" in page
        await visitor.get(await sends(visitor, agree, method="cash", most="100", days="30"))
        assert await unsigned(cards, owner) == []
        assert await sends(visitor, agree, method="scripted", most="100", days="7") == f"{AUTOMATIC}?note=agree"
        [agreement] = await unsigned(cards, owner)
        page = unescape((await visitor.get(f"{AUTOMATIC}?note=agree")).text)
        assert f'href="https://wallet.example/agree/{agreement}?most=10000"' in page
        off = f"{AUTOMATIC}/agreements/{agreement}/call-off"
        assert await sends(visitor, off) == f"{AUTOMATIC}?note=called_off"
        assert await unsigned(cards, owner) == []


async def test_one_that_is_signed_is_shown_with_what_was_agreed_and_ended_here(cards):
    owner = await cards.person()
    agreement = await cards.agrees(owner)
    async with visiting(cards.shop) as visitor:
        visitor.cookies.update({**await signed_in(cards.shop, owner), "lang": "en"})
        page = (await visitor.get(AUTOMATIC)).text
        assert "Alipay sim***" in page
        assert "100.00" in page
        assert await sends(visitor, f"{AUTOMATIC}/cards/{agreement}/remove") == f"{AUTOMATIC}?note=card"
    assert await cards.of(owner) == []
