"""In which order the ways to pay are offered, by where the payer is; the first is what is chosen unless they choose.

What credits the line within a minute comes first; then what needs something that the payer must have (a card with a
PIN, credit on a line, notes); last what takes days. Among those of a kind the cheapest is first, and of equal cost the
one that is the least trouble there. docs/guides/payments.md says the same to operators.
"""

from collections.abc import Mapping
from typing import Final

from topup.orders.views import MethodView
from topup.payments.ports import Scene

_LEAST_TROUBLE: Final[Mapping[Scene, tuple[str, ...]]] = {
    # The page opens the wallet that is on this phone.
    Scene.PHONE: ("alipay", "wechatpay", "stripe"),
    # A code to scan, or a card to type.
    Scene.DESKTOP: ("alipay", "wechatpay", "stripe"),
    # Its own browser pays with its own wallet.
    Scene.WALLET: ("wechatpay", "alipay", "stripe"),
    Scene.SCREEN: ("wechatpay", "alipay"),
    Scene.COUNTER: ("wechatpay", "alipay"),
    Scene.UNATTENDED: ("stripe", "balance"),
}
_TO_HAVE: Final = ("balance", "voucher", "cash")


def place_of_method(view: MethodView, scene: Scene, *, takes_days: bool) -> tuple[bool, int, int, int]:
    """What the ways to pay are sorted by; those that are alike stay as the operator lists them."""
    kind = 2 if takes_days else 1 if view.method in _TO_HAVE and scene is not Scene.UNATTENDED else 0
    names = _TO_HAVE if kind else _LEAST_TROUBLE[scene]
    trouble = names.index(view.method) if view.method in names else len(names)
    return view.unavailable is not None, kind, view.total.amount_minor, trouble
