"""The simulated pay pages: what a payer reads, in which language, and what a shop hears of a payer who says no."""

import re
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.support.simulators import a_payment
from tests.support.stripe import dollars, page_of
from topup.kernel.outcome import Done
from topup.payments.ports import PaymentStanding, Scene
from topup.plugins.payments.alipay import Alipay
from topup.plugins.payments.stripe import Stripe
from topup.plugins.payments.wechatpay import Wechatpay
from topup_simulators.payments.magic import Magic
from topup_simulators.payments.texts import LANGUAGES, preferred, texts
from topup_simulators.stripe.cards import CARDS
from topup_simulators.stripe.texts import OWN

WALLETS = {"alipay": Alipay, "wechatpay": Wechatpay}
REFERER = {"referer": "http://127.0.0.1:8080/"}


@pytest.fixture(params=sorted(WALLETS))
def wallet(request, http_client):
    """A wallet's simulator and the plugin that speaks to it."""
    simulator = request.getfixturevalue(request.param)
    return simulator, WALLETS[request.param](simulator.settings, http_client)


@pytest.fixture
def opened(http_client):
    async def opened(url, **headers):
        page = await http_client.send(method="GET", url=url, route="test", headers=REFERER | headers)
        return page.body.decode()

    return opened


@pytest.fixture
def chosen(http_client):
    """A press on a page's button, as a browser sends it."""

    async def chosen(simulator, page, outcome):
        form = unescape(re.search(r'name="form" value="([^"]+)"', page)[1])
        return await http_client.send(
            method="POST",
            url=f"{simulator.url}/pay",
            route="test",
            headers={"content-type": "application/x-www-form-urlencoded"} | REFERER,
            content=urlencode({"form": form, "outcome": outcome}).encode(),
        )

    return chosen


async def standing(plugin, request):
    [fact] = (await plugin.query(request.payment_id)).facts
    return fact.standing


# Who says no.


@pytest.mark.parametrize(
    ("scene", "amount_minor", "outcome"),
    [(Scene.PHONE, 5000, "decline"), (Scene.DESKTOP, 5000, "decline"), (Scene.PHONE, 5000 + Magic.DECLINED, "pay")],
)
async def test_a_wallet_tells_the_shop_nothing_of_a_payer_who_said_no(  # noqa: PLR0917 - a row of the table
    wallet, opened, chosen, listener, scene, amount_minor, outcome
):
    simulator, plugin = wallet
    request = a_payment(scene=scene, amount_minor=amount_minor, notify_url=listener.url)
    page = await opened((await plugin.start(request)).url)
    told = await chosen(simulator, page, outcome)
    assert told.status == 200, "not led back: it is not over"
    assert texts("zh_Hans")["unheard"] in told.body.decode()
    assert 'name="outcome" value="pay"' in told.body.decode(), "it can still be paid"
    assert await standing(plugin, request) is PaymentStanding.WAITING
    await chosen(simulator, page, "late")
    [(headers, body)] = await listener.hear(1)
    [fact] = plugin.parse_event(headers, body, datetime.now(UTC)).facts
    assert fact.standing is PaymentStanding.PAID, "the first that the shop hears is that it was paid after all"


async def test_after_a_no_it_can_be_paid_or_closed(wallet, opened, chosen):
    simulator, plugin = wallet
    paid, closed = (a_payment(scene=Scene.PHONE) for _ in range(2))
    for request in (paid, closed):
        page = await opened((await plugin.start(request)).url)
        again = (await chosen(simulator, page, "decline")).body.decode()
        if request is paid:
            led_back = await chosen(simulator, again, "pay")
            assert (led_back.status, led_back.headers["location"]) == (303, paid.return_url)
    assert await standing(plugin, paid) is PaymentStanding.PAID
    assert isinstance(await plugin.close(closed.payment_id), Done)
    assert await standing(plugin, closed) is PaymentStanding.CLOSED


async def test_who_scanned_a_code_is_not_led_to_nowhere(wallet, opened, chosen):
    simulator, plugin = wallet
    page = await opened((await plugin.start(a_payment(scene=Scene.SCREEN))).url)
    assert texts("zh_Hans")["back_yourself"] in page
    assert 'class="back" href' not in page
    paid = await chosen(simulator, page, "pay")
    over = await opened(simulator.url + paid.headers["location"])
    assert texts("zh_Hans")["over_paid"] in over
    assert 'href=""' not in over


# In which language.


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh_Hans"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh_Hant"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_Hans"),
        ("fr-FR,fr;q=0.9,en;q=0.5,zh;q=0.4", "en"),
        ("en;q=0.2,zh-HK;q=0.8", "zh_Hant"),
        ("en;q=0", "zh_Hans"),
        ("en;q=much, de", "zh_Hans"),
    ],
)
def test_the_language_that_a_browser_prefers(accepted, language):
    assert preferred(accepted) == language


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_wallets_page_speaks_the_browsers_language(wallet, opened, chosen, language):
    _, plugin = wallet
    action = await plugin.start(a_payment(scene=Scene.PHONE))
    page = await opened(action.url, **{"accept-language": language.replace("_", "-")})
    assert f'<html lang="{language.replace("_", "-")}">' in page
    assert texts(language)["decline"] in page


async def test_where_the_shop_names_a_language_the_page_speaks_that(sandbox, stripe, opened, http_client):
    pages = [
        (await sandbox.start(a_payment(locale="en"))).url,
        await page_of(Stripe(stripe.settings, http_client), dollars(locale="en")),
    ]
    for page in pages:
        assert '<html lang="en">' in await opened(page, **{"accept-language": "de, zh-TW;q=0.5"})


# What it says.


async def test_the_end_is_told_in_a_zone_that_is_named(wallet, opened):
    _, plugin = wallet
    request = a_payment(scene=Scene.PHONE)
    page = await opened((await plugin.start(request)).url, **{"accept-language": "en"})
    in_china = request.expires_at.astimezone(timezone(timedelta(hours=8)))
    assert f"{in_china:%Y-%m-%d %H:%M} (China time, UTC+8)" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_cards_that_do_different_things_say_different_things(language):
    words = texts(language, OWN)
    deeds = {(card.on_session, card.off_session, card.challenged) for card in CARDS.values()}
    assert len({words[f"card_{card.does}"] for card in CARDS.values()}) == len(deeds)


async def test_every_test_card_stands_on_the_page_with_what_it_does(stripe, opened, http_client):
    page = unescape(await opened(await page_of(Stripe(stripe.settings, http_client), dollars(locale="en"))))
    for card in CARDS.values():
        assert f"{card.grouped} · {card.brand}</span> {texts('en', OWN)[f'card_{card.does}']}</span>" in page
