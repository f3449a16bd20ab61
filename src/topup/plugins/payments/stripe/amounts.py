"""Amounts as Stripe counts them, which is not everywhere as ISO 4217 does; docs.stripe.com/currencies is the source.

Whatever cannot be said exactly is refused, never rounded.
"""

from typing import Final

from topup.kernel.money import InvalidMoney, Money, exponent
from topup.payments.ports import Unfit

# Beside the zero decimals that ISO 4217 has too: MGA is counted in whole ariary; ISK and UGX have no decimals and are
# written with two, which are always 00.
_OWN_EXPONENTS: Final = {"MGA": 0, "ISK": 2, "UGX": 2}
_STEPS: Final = {"ISK": 100, "UGX": 100} | dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10)
"""What an amount in Stripe's units must be a multiple of; the card networks want the third decimal to be 0."""
_LARGEST: Final = 99_999_999
"""Eight digits, which every kind of card and every currency allows."""

CURRENCIES: Final = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY "  # noqa: SIM905 - a table
    "COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK "
    "JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD "
    "SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW".split()
)

_SMALLEST: Final = {
    **dict.fromkeys("ARS AUD BRL CAD CHF COP EUR IDR ILS INR NZD PHP SGD USD ZAR".split(), 50),  # noqa: SIM905 - a table
    "AED": 200,
    "CZK": 1500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17_500,
    "JPY": 50,
    "KRW": 50,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "THB": 1000,
}
"""In Stripe's units. Other currencies have the equivalent in the account's own, which only Stripe knows."""


def to_units(money: Money) -> int:
    """The amount in Stripe's units. Raises InvalidMoney for what Stripe cannot take exactly."""
    difference = _own_exponent(money.currency) - exponent(money.currency)
    if difference < 0:
        units, rest = divmod(money.amount_minor, _power(-difference))
    else:
        units, rest = money.amount_minor * _power(difference), 0
    if rest or units % _STEPS.get(money.currency, 1):
        raise InvalidMoney("more decimals than Stripe takes for this currency")
    return units


def from_units(units: int, currency: str) -> Money:
    """Money of what Stripe says, its currency in lower case. Raises InvalidMoney where that is no whole minor unit."""
    if not (currency.isascii() and currency.islower()):
        raise InvalidMoney("Stripe writes currencies in lower case")
    code = currency.upper()
    difference = exponent(code) - _own_exponent(code)
    if difference < 0:
        minor, rest = divmod(units, _power(-difference))
    else:
        minor, rest = units * _power(difference), 0
    if rest:
        raise InvalidMoney("a fraction of the minor unit")
    return Money(minor, code)


def unfit_amount(money: Money) -> Unfit | None:
    """Why Stripe does not take this amount, as far as one can know before asking."""
    if money.currency not in CURRENCIES:
        return Unfit.CURRENCY
    try:
        units = to_units(money)
    except InvalidMoney:
        return Unfit.CURRENCY
    if units < max(1, _SMALLEST.get(money.currency, 1)):
        return Unfit.AMOUNT_TOO_SMALL
    return Unfit.AMOUNT_TOO_LARGE if units > _LARGEST else None


def step_minor(currency: str) -> int:
    """Of which minor units an amount must be a multiple, for Stripe to take it exactly."""
    difference = exponent(currency) - _own_exponent(currency)
    own = _STEPS.get(currency, 1)
    return own * _power(difference) if difference >= 0 else max(1, own // _power(-difference))


def _own_exponent(currency: str) -> int:
    return _OWN_EXPONENTS.get(currency, exponent(currency))


def _power(of_ten: int) -> int:
    return int(10**of_ten)
