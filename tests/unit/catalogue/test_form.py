"""What a carrier's file may say, and the sentence for what it may not."""

import pytest

from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.documents import CarrierDocument, FeeStep
from topup.catalogue.grant_rules import ValidityRule

BASE = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138", "+86139"]
[credit]
face_values = [10, "48.50"]
"""


def document(text: str) -> CarrierDocument:
    return check_bytes(text.encode(), name="acme.toml").document


def complaints(text: str) -> list[str]:
    with pytest.raises(CatalogueMistakes) as caught:
        document(text)
    return [f"{mistake.line}: {mistake.reason}" for mistake in caught.value.mistakes]


def test_amounts_are_written_in_major_units():
    assert [value.amount_minor for value in document(BASE).credit.face_values] == [1000, 4850]


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 10), ("CNY", 1000), ("KWD", 10_000)])
def test_amounts_follow_the_currency(currency, minor):
    text = BASE.replace("CNY", currency).replace(', "48.50"', "")
    assert document(text).credit.face_values[0].amount_minor == minor


def test_credit_never_ends_where_nothing_is_said():
    assert document(BASE).credit.validity == ValidityRule("never")


def test_what_is_left_out_has_its_default():
    found = document(BASE)
    assert not found.opens_lines_on_first_credit
    assert found.numbering.portability == "none"
    assert found.confirmation.large_amount_minor is None
    assert found.confirmation.duplicate_window_s == 600


def test_quantities_have_units():
    pack = """
[[packs]]
id = "all"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "All" }
price = "9.90"
grants = [
    { asset = "DATA", amount = "1.5 GiB" },
    { asset = "DATA", amount = "1 GB" },
    { asset = "VOICE", amount = "90 min" },
    { asset = "SMS", amount = 20 },
    { asset = "CREDIT", amount = "2.50", kind = "bonus" },
]
"""
    [found] = document(BASE + pack).packs
    granted = [(grant.asset, grant.amount) for grant in found.grants]
    assert granted == [("DATA", 3 * 2**29), ("DATA", 10**9), ("VOICE", 5400), ("SMS", 20), ("CNY", 250)]


def test_fees_are_exact_parts_per_million():
    text = BASE + '[fees.payment]\ncard = [{ fixed = "0.30", permille = "3.8" }, { from = 100, permille = 6 }]\n'
    steps = document(text).fees.payment["card"]
    assert steps == (FeeStep(0, 30, 3800, "half_up"), FeeStep(10_000, 0, 6000, "half_up"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"48.50"', "48.50", '10: credit.face_values[2] must be written in quotes, as in "48.5"'),
        ('"48.50"', '"48.505"', "10: credit.face_values[2] is not an amount of CNY: more decimals"),
        ('"48.50"', '"-1"', "10: credit.face_values[2] must be an amount"),
        ('"48.50"', '"4e1"', "10: credit.face_values[2] must be an amount"),
        ('"48.50"', '"1_0"', "10: credit.face_values[2] must be an amount"),
        ('"48.50"', "0", "10: credit.face_values[2] must be at least 0.01"),
        ('"48.50"', "true", "10: credit.face_values[2] must be an amount"),
        ('"48.50"', "999999999999999999", "10: credit.face_values[2] is not an amount of CNY"),
        ('"48.50"', "10", "10: credit.face_values[2] is 10 a second time"),
        ('[10, "48.50"]', "[]", "9: credit offers nothing"),
        ('"Asia/Shanghai"', '"Asia"', "4: time_zone must be an IANA time zone"),
        ('"Asia/Shanghai"', '"../etc/passwd"', "4: time_zone must be an IANA time zone"),
        ('"CNY"', '"RMB"', "5: currency must be an ISO 4217 currency"),
        ('"CN"', '"CHN"', "3: country must be an ISO 3166 country"),
        ('"own"', '"external"', '6: network must be "own", or "external:"'),
        ('"own"', '"external:a"\nopens_lines_on_first_credit = true', "7: opens_lines_on_first_credit must be false"),
        ('"acme"', '"Acme!"', "1: id must be a short name in lower case"),
        (', en = "Acme"', "", "2: names has no en"),
        ('"+86139"', '"+861381"', "8: numbering.ranges[2] overlaps +86138"),
        ('"+86139"', '"+658"', "8: numbering.ranges[2] is +658, but numbers of CN begin with +86"),
        ('"+86139"', '"86139"', "8: numbering.ranges[2] must be the beginning of a number"),
        ("[credit]", 'example = "+8613700137000"\n[credit]', "9: numbering.example lies in none of the ranges"),
        ("[credit]", 'example = "13800138000"\n[credit]', "9: numbering.example must be written as +8613800138000"),
        ("[credit]", '[credit]\nvalidity = { rule = "days" }', "10: credit.validity has no days"),
        ("[credit]", '[credit]\nvalidity = { rule = "never", days = 3 }', "10: credit.validity.days is unknown"),
        ("[credit]", "[credit]\nfree = { min = 5, max = 4, step = 1 }", "10: credit.free.max is below min"),
        ("[credit]", "[credit]\nfree = { min = 5, max = 9, step = 0 }", "10: credit.free.step must be at least 0.01"),
        ("[credit]", "[fees]\nproduct = [{ fixed = 10 }]\n[credit]", "10: fees.product leaves no credit of 10 CNY"),
        (
            "[credit]",
            "[fees]\nproduct = [{ permille = 1000 }]\n[credit]",
            "10: fees.product[1].permille must be a rate",
        ),
        ("[credit]", "[fees.payment]\ncard = [{}, {}]\n[credit]", "10: fees.payment.card[2].from must be above"),
        ("[credit]", "[fees.payment]\nCard = [{}]\n[credit]", "10: fees.payment.Card is no payment method's name"),
        (
            "[credit]",
            "[confirmation]\nlarge_amonut = 3\n[credit]",
            "10: confirmation.large_amonut is unknown; did you mean",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(old, new, complaint):
    assert BASE.count(old) == 1
    found = complaints(BASE.replace(old, new))
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_two_packs_of_one_id_are_a_mistake():
    pack = """[[packs]]
id = "all"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "All" }
price = 9
grants = [{ asset = "SMS", amount = 1 }]
"""
    assert complaints(BASE + pack + pack) == ['17: packs[2].id is "all" a second time']


def test_a_grant_without_a_meaningful_quantity_is_a_mistake():
    pack = """[[packs]]
id = "all"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "All" }
price = 9
grants = [
    { asset = "DATA", amount = "1 Gib" },
    { asset = "SMS", amount = "5 min" },
    { asset = "VOICE", amount = 0 },
    { asset = "DATA", amount = "0.3 KiB" },
    { asset = "CREDIT", amount = 0 },
]
"""
    assert [complaint.split(" must")[0] for complaint in complaints(BASE + pack)] == [
        f"{16 + index}: packs[1].grants[{1 + index}].amount" for index in range(5)
    ]


def test_a_free_amount_that_the_fee_would_eat_is_a_mistake():
    free = """[credit]
free = { min = "0.30", max = 20, step = "0.10" }
[fees]
product = [{ from = "0.25", fixed = "0.30" }]
"""
    found = complaints(BASE.replace('[credit]\nface_values = [10, "48.50"]\n', free))
    assert found == ["12: fees.product leaves no credit of 0.30 CNY"]
