"""A price adds up, never exceeds what it names, and grants what was paid for; a refusal says what would do."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from topup.catalogue.checking import CarrierFile, CatalogueMistakes, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.pricing import LineType, price
from topup.catalogue.versions import CarrierVersion, fingerprint, from_json, to_json
from topup.kernel.errors import Invalid
from topup.kernel.money import Money

NOW = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
DEMONSTRATION = {
    found.document.id: CarrierVersion(found.document.id, 1, found.document)
    for found in map(check, demonstration_files())
}
CENTS = st.integers(1, 60_000)


def major(cents: int) -> str:
    return f'"{cents // 100}.{cents % 100:02}"'


@st.composite
def fee_steps(draw) -> str:
    steps = []
    for start in sorted(draw(st.sets(st.integers(0, 50_000), min_size=1, max_size=3))):
        fixed, permille = draw(st.integers(0, 300)), draw(st.integers(0, 300))
        rounding = draw(st.sampled_from(["up", "down", "half_up", "half_even"]))
        steps.append(
            f'{{ from = {major(start)}, fixed = {major(fixed)}, permille = {permille}, rounding = "{rounding}" }}'
        )
    return "[" + ", ".join(steps) + "]"


@st.composite
def carriers(draw) -> CarrierVersion:
    """Any carrier an operator could publish: face values, free amounts, packs, fees."""
    values = draw(st.sets(CENTS, max_size=6))
    least, span = draw(CENTS), draw(st.integers(0, 40_000))
    free = f"free = {{ min = {major(least)}, max = {major(least + span)}, step = {major(draw(st.integers(1, 999)))} }}"
    bonus = f'{{ amount = {major(draw(CENTS))}, bonus = [{{ asset = "CREDIT", amount = {major(draw(CENTS))} }}] }}'
    text = f"""
id = "acme"
names = {{ zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }}
country = "CN"
time_zone = "{draw(st.sampled_from(["Asia/Shanghai", "Pacific/Kiritimati", "America/New_York"]))}"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [{", ".join([*map(major, sorted(values)), bonus])}]
{free if draw(st.booleans()) else ""}
validity = {draw(st.sampled_from(['{ rule = "never" }', '{ rule = "days", days = 30, policy = "extend" }']))}
[fees]
product = {draw(st.sampled_from(["[]", "x"])).replace("x", draw(fee_steps()))}
payment = {{ card = {draw(fee_steps())} }}
[[packs]]
id = "pack"
names = {{ zh_Hans = "甲", zh_Hant = "甲", en = "Pack" }}
price = {major(draw(CENTS))}
grants = [{{ asset = "DATA", amount = "1 GiB" }}, {{ asset = "SMS", amount = 9 }}]
"""
    text = text.replace("product = []\n", "")
    file, mistakes = publishable(text)
    # Anything else would mean that this strategy, or the reader, is wrong.
    assert all("a second time" in words or "leaves no credit" in words for words in mistakes)
    assume(file is not None)
    return CarrierVersion("acme", 1, file.document)


def publishable(text: str) -> tuple[CarrierFile | None, list[str]]:
    try:
        return check_bytes(text.encode(), name="acme.toml"), []
    except CatalogueMistakes as found:
        return None, [mistake.reason for mistake in found.mistakes]


def check_adds_up(priced, expected: Money) -> None:
    assert priced.face == priced.total_before_fee == expected
    assert sum(line.amount.amount_minor for line in priced.lines) == expected.amount_minor
    assert [grant.index for grant in priced.grants] == list(range(len(priced.grants)))
    assert all(grant.amount > 0 for grant in priced.grants)
    assert all(line.amount.amount_minor > 0 for line in priced.lines)
    assert {line.amount.currency for line in priced.lines} == {"CNY"}
    assert all(fee >= 0 for fee in priced.fees.values())


@given(carriers(), CENTS)
def test_credit_adds_up_or_the_refusal_names_what_would_do(carrier, cents):
    amount = Money(cents, "CNY")
    try:
        priced = price(carrier, product=None, amount=amount, now=NOW)
    except Invalid as refusal:
        check_refusal(carrier, cents, refusal)
        return
    check_adds_up(priced, amount)
    kept = sum(line.amount.amount_minor for line in priced.lines if line.type is LineType.PRODUCT_FEE)
    assert priced.grants[0].amount + kept == cents
    assert (priced.grants[0].asset, priced.grants[0].kind) == ("CNY", "main")


def check_refusal(carrier: CarrierVersion, cents: int, refusal: Invalid) -> None:
    sides = {
        "amount_too_small": [refusal.parameters.get("minimum")],
        "amount_too_large": [refusal.parameters.get("maximum")],
        "amount_not_offered": refusal.parameters.get("nearest"),
    }[refusal.code]
    offered = [Money.from_major(text, "CNY") for text in sides]
    for amount in offered:
        assert price(carrier, product=None, amount=amount, now=NOW).face == amount
    if refusal.code == "amount_too_small":
        assert offered[0].amount_minor > cents
    elif refusal.code == "amount_too_large":
        assert offered[0].amount_minor < cents
    else:
        assert offered[0].amount_minor < cents < offered[1].amount_minor


@given(carriers())
def test_every_face_value_and_pack_can_be_bought_and_adds_up(carrier):
    for cents, value in carrier.face_values.items():
        amount = Money(cents, "CNY")
        priced = price(carrier, product=None, amount=amount, now=NOW)
        check_adds_up(priced, amount)
        assert len(priced.grants) == 1 + len(value.bonus)
    for pack in carrier.packs.values():
        check_adds_up(price(carrier, product=pack.id, amount=None, now=NOW), Money(pack.price_minor, "CNY"))


@given(carriers())
def test_a_stored_document_is_read_back_as_it_was(carrier):
    again = from_json(to_json(carrier.document))
    assert again == carrier.document
    assert fingerprint(again) == fingerprint(carrier.document)


def test_a_product_fee_is_taken_out_of_the_credit():
    text = demonstration_files()[0].read_text(encoding="utf-8")
    text = text.replace("[fees.payment]", '[fees]\nproduct = [{ permille = 20, rounding = "up" }]\n[fees.payment]')
    carrier = CarrierVersion("haiqiao", 1, check_bytes(text.encode(), name="haiqiao.toml").document)
    priced = price(carrier, product=None, amount=Money(5000, "CNY"), now=NOW)
    assert [(line.type, line.amount.amount_minor) for line in priced.lines] == [
        (LineType.FACE, 4900),
        (LineType.PRODUCT_FEE, 100),
    ]
    assert priced.fees["stripe"] == 30
    assert priced.grants[0].amount == 4900


def test_a_face_value_brings_its_bonus():
    priced = price(DEMONSTRATION["haiqiao"], product=None, amount=Money(10_000, "CNY"), now=NOW)
    credit, bonus = priced.grants
    assert (credit.asset, credit.amount, credit.validity.usable_until) == (
        "CNY",
        10_000,
        datetime(2027, 5, 4, 16, tzinfo=UTC),
    )
    assert (bonus.asset, bonus.amount, bonus.kind, bonus.scope) == ("DATA", 2**30, "bonus", "data")
    assert bonus.validity.usable_until == datetime(2026, 12, 5, 16, tzinfo=UTC)


def test_a_pack_grants_what_it_says_each_for_its_own_use():
    priced = price(DEMONSTRATION["qingfeng"], product="all-in-30d", amount=None, now=NOW)
    assert [(grant.asset, grant.amount, grant.scope) for grant in priced.grants] == [
        ("DATA", 20 * 2**30, "data"),
        ("VOICE", 12_000, "voice"),
        ("SMS", 100, "sms"),
    ]
    name = priced.lines[0].parameters["name"]
    assert (name["zh_Hans"], name["en"]) == ("30天全能包", "All-in for 30 days")


def test_the_sandbox_costs_nothing_and_a_card_does():
    priced = price(DEMONSTRATION["qingfeng"], product=None, amount=Money(5000, "CNY"), now=NOW)
    assert priced.fees == {"sandbox": 0, "stripe": 30}


def test_an_outside_carrier_hears_its_own_name_of_a_pack():
    abroad = DEMONSTRATION["lion-island"]
    assert price(abroad, product="travel-5gb-7d", amount=None, now=NOW).carrier_product == "TRAVEL5"
    assert price(abroad, product=None, amount=Money(1000, "SGD"), now=NOW).carrier_product == "credit"
    assert abroad.plugin == "external_demo"


@pytest.mark.parametrize(
    ("product", "amount", "code", "parameters"),
    [
        (None, None, "product_or_amount", {}),
        ("data-1gb-7d", Money(1000, "CNY"), "product_or_amount", {}),
        ("data-9gb", None, "product_unknown", {}),
        (None, Money(1000, "USD"), "currency_wrong", {"currency": "CNY"}),
        (None, Money(99, "CNY"), "amount_too_small", {"minimum": "1.00", "currency": "CNY"}),
        (None, Money(0, "CNY"), "amount_too_small", {"minimum": "1.00", "currency": "CNY"}),
        (None, Money(-5000, "CNY"), "amount_too_small", {"minimum": "1.00", "currency": "CNY"}),
        (None, Money(50_001, "CNY"), "amount_too_large", {"maximum": "500.00", "currency": "CNY"}),
    ],
)
def test_a_refusal_helps(product, amount, code, parameters):
    with pytest.raises(Invalid) as refusal:
        price(DEMONSTRATION["qingfeng"], product=product, amount=amount, now=NOW)
    assert (refusal.value.code, refusal.value.parameters) == (code, parameters)


def test_between_steps_of_free_amounts_both_neighbours_are_named():
    text = demonstration_files()[0].read_text(encoding="utf-8")
    text = text.replace('free = { min = 1, max = 500, step = "0.01" }', 'free = { min = 1, max = 9, step = "0.75" }')
    carrier = CarrierVersion("haiqiao", 1, check_bytes(text.encode(), name="haiqiao.toml").document)
    with pytest.raises(Invalid) as refusal:
        price(carrier, product=None, amount=Money(300, "CNY"), now=NOW)
    assert refusal.value.parameters["nearest"] == ["2.50", "3.25"]


def test_between_face_values_both_neighbours_are_named():
    with pytest.raises(Invalid) as refusal:
        price(DEMONSTRATION["lion-island"], product=None, amount=Money(1500, "SGD"), now=NOW)
    assert refusal.value.code == "amount_not_offered"
    assert refusal.value.parameters == {"nearest": ["10.00", "20.00"], "currency": "SGD"}
