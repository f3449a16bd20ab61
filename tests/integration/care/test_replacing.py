"""Who has a line in their account is told when its SIM card is replaced: in the app, by message, and by mail."""

from tests.support import cards
from tests.support.subscribers import ADDRESS, front  # noqa: F401 - a fixture
from topup.care.replacing import Replacement, Replacing
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines
from topup.lines.owners import bind
from topup.lines.registered import register
from topup.people.id_checks import shown
from topup.people.subscribers import alerts
from topup.people.subscribers.alerts import AlertKind
from topup.people.subscribers.codes import Purpose

LOST, DAUGHTERS = parse_msisdn("13800138000"), parse_msisdn("13800138001")
MAIL = "mei@example.com"


async def test_all_who_have_the_line_are_told_wherever_they_can_be_reached(front):  # noqa: F811 - the fixture
    seen = shown(document="passport", number="E12345678")
    async with front.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [line] = (await open_lines(connection, [(LOST, "qingfeng", "Asia/Shanghai")], now, lanes=16)).values()
        old, _ = await cards.blank(transaction)
        await give(connection, Giving(line, old, Given.ISSUED, "first", "cli"), now)
        await register(connection, line=line, seen=seen, now=now, keys=front.keyring)
        _, new = await cards.blank(transaction, kind="esim")
    owner, daughter = await front.somebody(LOST.e164), await front.somebody(DAUGHTERS.e164)
    ticket = await front.changes.ask(owner, Purpose.EMAIL, MAIL, address=ADDRESS, locale="en")
    await front.changes.set_email(owner, ticket=ticket, code=await front.code(MAIL))
    async with front.database.transaction() as transaction:
        await bind(transaction.connection, subscriber_id=daughter.id, line=line, now=transaction.now)
    replacing = Replacing(database=front.database, keys=front.keyring, lanes=16)
    wanted = Replacement(line, new.digits, Given.LOST, seen, "hall", "stf_1", "form:1")
    for _ in range(2):
        assert (await replacing.replace(wanted)).card.iccid == new
    for to in (LOST, DAUGHTERS, MAIL):
        told = [str(one.parameters) for one in await front.letters(to)]
        assert len([said for said in told if "alert_card_replaced" in said]) == 1, to
    async with front.database.read() as transaction:
        for who in (owner, daughter):
            latest = await alerts.latest(transaction.connection, subscriber_id=who.id)
            assert [one.kind for one in latest].count(AlertKind.CARD_REPLACED) == 1
