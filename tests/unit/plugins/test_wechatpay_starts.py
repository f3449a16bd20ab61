"""How a payment begins with WeChat Pay in each scene, what becomes of one that did not, and where it is offered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulators import a_payment
from tests.support.wechatpay import Platform, an_order, sent
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused, Unknown
from topup.payments.ports import Action, Decline, PaymentFact, PaymentStanding, Scene, Unfit
from topup.plugins.payments.wechatpay import Wechatpay
from topup.plugins.payments.wechatpay.orders import wanted
from topup.plugins.payments.wechatpay.vectors import APP, MERCHANT


@pytest.fixture
def told(wechatpay_told):
    return wechatpay_told


SCENES = {
    Scene.PHONE: ("h5", {"h5_url": "https://wx.tenpay.com/x?prepay_id=wx1&package=2"}),
    Scene.DESKTOP: ("native", {"code_url": "weixin://wxpay/bizpayurl?pr=x"}),
    Scene.SCREEN: ("native", {"code_url": "weixin://wxpay/bizpayurl?pr=x"}),
    Scene.WALLET: ("jsapi", {"prepay_id": "wx201"}),
}


def request_in(scene, **changes):
    facts = {"payer_address": "203.0.113.7", "wallet_user": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
    return a_payment(scene=scene, payment_code="134567890123456789", **facts | changes)


@pytest.mark.parametrize("scene", SCENES)
async def test_how_a_payment_begins_in_each_scene(told, scene):
    kind, answer = SCENES[scene]
    platform, request = Platform(), request_in(scene)
    action = await told(lambda plugin: plugin.start(request), (200, answer), platform=platform)
    assert isinstance(action, Action)
    method, target, content = sent(platform)
    assert (method, target) == ("POST", f"/v3/pay/transactions/{kind}")
    assert content["out_trade_no"] == request.payment_id
    assert content["amount"] == {"total": 5000, "currency": "CNY"}
    assert (content["appid"], content["mchid"]) == (APP, MERCHANT)
    assert content["time_expire"].endswith("+08:00")
    assert content["notify_url"] == request.notify_url
    if scene is Scene.PHONE:
        assert content["scene_info"]["payer_client_ip"] == "203.0.113.7"
        assert action.type == "redirect"
        assert action.url.endswith(
            "&redirect_url=http%3A%2F%2F127.0.0.1%3A8080%2Forders%2F1%3Fpaid%3D1%26from%3Dgateway"
        )
    elif scene is Scene.WALLET:
        assert content["payer"] == {"openid": request.wallet_user}
        assert action.type == "wallet"
        assert set(action.parameters) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    else:
        assert (action.type, action.url) == ("qr", answer["code_url"])


@pytest.mark.parametrize("scene", SCENES)
async def test_a_yes_of_another_kind_of_order_begins_nothing(told, scene):
    kind, _ = SCENES[scene]
    other = next(answer for of, answer in SCENES.values() if of != kind)
    assert isinstance(await told(lambda plugin: plugin.start(request_in(scene)), (200, other)), Unknown)


@pytest.mark.parametrize(
    ("scene", "lacking"),
    [(Scene.PHONE, "payer_address"), (Scene.WALLET, "wallet_user"), (Scene.COUNTER, "payment_code")],
)
async def test_what_a_scene_needs_is_missed_before_anything_is_sent(told, scene, lacking):
    request = replace(request_in(scene), **{lacking: None})
    outcome = await told(lambda plugin: plugin.start(request))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.CONFIGURATION


async def test_other_money_and_nobody_there_are_refused_before_anything_is_sent(told):
    for request in (request_in(Scene.UNATTENDED), request_in(Scene.DESKTOP, amount=Money(5000, "USD"))):
        assert isinstance(await told(lambda plugin, request=request: plugin.start(request)), Refused)


STARTS = {
    "PARAM_ERROR": Reason.CONFIGURATION,
    "SIGN_ERROR": Reason.CONFIGURATION,
    "NO_AUTH": Reason.CONFIGURATION,
    "APPID_MCHID_NOT_MATCH": Reason.CONFIGURATION,
    "MCH_NOT_EXISTS": Reason.CONFIGURATION,
}
DECLINES = {
    "RULE_LIMIT": Decline.LIMIT,
    "ACCOUNT_ERROR": Decline.BY_BANK,
    "OPENID_MISMATCH": Decline.BY_BANK,
}


@pytest.mark.parametrize("code", STARTS)
async def test_a_payment_that_did_not_begin(told, code):
    outcome = await told(lambda plugin: plugin.start(request_in(Scene.DESKTOP)), (400, {"code": code}))
    assert outcome == Refused(STARTS[code], code)


@pytest.mark.parametrize("code", DECLINES)
async def test_a_payment_that_the_payer_may_not_begin(told, code):
    outcome = await told(lambda plugin: plugin.start(request_in(Scene.DESKTOP)), (400, {"code": code}))
    assert outcome == Refused(Reason.USER, DECLINES[code])


@pytest.mark.parametrize(
    "code",
    ["ORDERPAID", "ORDER_CLOSED", "OUT_TRADE_NO_USED", "INVALID_REQUEST", "TRADE_ERROR", "NEW", "ORDER_NOT_EXIST"],
)
async def test_a_number_that_is_known_already_or_a_code_on_no_list_is_asked_about(told, code):
    outcome = await told(lambda plugin: plugin.start(request_in(Scene.DESKTOP)), (400, {"code": code}))
    assert isinstance(outcome, Unknown)


async def test_a_payment_code_that_pays_at_once_is_a_fact(told):
    request, platform = request_in(Scene.COUNTER), Platform()
    fact = await told(
        lambda plugin: plugin.start(request),
        (200, an_order(request.payment_id, trade_type="MICROPAY")),
        platform=platform,
    )
    assert isinstance(fact, PaymentFact)
    assert (fact.standing, fact.amount) == (PaymentStanding.PAID, Money(5000, "CNY"))
    _, target, content = sent(platform)
    assert target == "/v3/pay/transactions/codepay"
    assert content["payer"] == {"auth_code": "134567890123456789"}
    assert content["scene_info"] == {"store_info": {"out_id": "topup"}}
    assert "notify_url" not in content, "nothing is ever told of a payment code"


@pytest.mark.parametrize(
    "answer",
    [
        (202, {"code": "USERPAYING", "message": "需要用户输入支付密码"}),
        (400, {"code": "USERPAYING"}),
        (200, {"mchid": MERCHANT, "appid": APP, "out_trade_no": "@", "trade_state": "USERPAYING"}),
    ],
    ids=["202", "400", "a state"],
)
async def test_a_payer_who_enters_the_password_is_waited_for(told, answer):
    request = request_in(Scene.COUNTER)
    status, content = answer
    if "out_trade_no" in content:
        content = {**content, "out_trade_no": request.payment_id}
    assert await told(lambda plugin: plugin.start(request), (status, content)) == Action("wait")


@pytest.mark.parametrize(
    ("code", "decline"),
    [
        ("AUTH_CODE_INVALID", Decline.CODE),
        ("AUTH_CODE_EXPIRED", Decline.CODE),
        ("NOT_ENOUGH", Decline.FUNDS),
        ("NOTENOUGH", Decline.FUNDS),
        ("RULE_LIMIT", Decline.LIMIT),
    ],
)
async def test_a_refused_code_is_believed_only_after_asking_what_became_of_the_number(told, code, decline):
    """A code that was used a moment ago, under this very number, is refused as well."""
    request = request_in(Scene.COUNTER)
    refused = (403, {"code": code})

    async def ask(plugin):
        return await plugin.start(request)

    absent = await told(ask, refused, (404, {"code": "ORDER_NOT_EXIST"}))
    assert absent == Refused(Reason.USER, decline)
    paid = await told(ask, refused, (200, an_order(request.payment_id)))
    assert paid.standing is PaymentStanding.PAID
    failed = await told(ask, refused, (200, an_order(request.payment_id, trade_state="PAYERROR")))
    assert (failed.standing, failed.reason) == (PaymentStanding.DECLINED, decline)
    assert await told(ask, refused, (200, an_order(request.payment_id, trade_state="USERPAYING"))) == Action("wait")
    assert isinstance(await told(ask, refused, (500, {"code": "SYSTEM_ERROR"})), Unknown)


@pytest.mark.parametrize("code", ["BANK_ERROR", "BANKERROR", "TRADE_ERROR", "ORDERPAID", "INVALID_REQUEST", "NEW"])
async def test_a_code_payment_that_ended_nobody_knows_how(told, code):
    assert isinstance(
        await told(lambda plugin: plugin.start(request_in(Scene.COUNTER)), (403, {"code": code})), Unknown
    )


@pytest.mark.parametrize(
    ("money", "scene", "why"),
    [
        (Money(5000, "USD"), Scene.PHONE, Unfit.CURRENCY),
        (Money(5000, "CNY"), Scene.UNATTENDED, Unfit.SCENE),
        (Money(5000, "CNY"), Scene.WALLET, Unfit.SCENE),
        (Money(0, "CNY"), Scene.PHONE, Unfit.AMOUNT_TOO_SMALL),
        (Money(1_000_001, "CNY"), Scene.PHONE, Unfit.AMOUNT_TOO_LARGE),
        (Money(1_000_000, "CNY"), Scene.PHONE, None),
        (Money(1, "CNY"), Scene.DESKTOP, None),
    ],
)
def test_where_it_is_offered(tmp_path, http_client, money, scene, why):
    settings = Platform().settings(
        tmp_path, "https://x.example", scenes=(Scene.PHONE, Scene.DESKTOP), largest_minor=1_000_000
    )
    assert Wechatpay(settings, http_client).unfit(money, scene) is why


@given(text=st.text(min_size=1, max_size=300))
def test_a_description_is_cut_between_characters(settings, text):
    cut = wanted(replace(request_in(Scene.DESKTOP), description=text), settings).body["description"]
    assert len(cut.encode()) <= 127
    assert text.startswith(cut)
    assert len(text.encode()) > 124 or cut == text


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Platform().settings(tmp_path_factory.mktemp("keys"), "https://x.example")


@given(lane=st.integers(0, 1023))
def test_our_ids_are_numbers_that_wechat_pay_takes(lane):
    for kind, most in (("payment", 32), ("refund", 64)):
        number = new_id(kind, lane)
        assert 6 <= len(number) <= most
        assert set(number) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-|*")
