"""What the pay page says, in the three languages of the people who pay."""

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_MOST_TAGS: Final = 16
LANGUAGES: Final = ("zh_Hans", "zh_Hant", "en")

Rows = Mapping[str, tuple[str, str, str]]
"""Sentences by name, each in LANGUAGES."""
NOTHING: Final[Rows] = MappingProxyType({})

_ROWS: Final[dict[str, tuple[str, str, str]]] = {
    "title": ("模拟收银台", "模擬收銀台", "Simulated checkout"),
    "band": ("模拟器 · 不会真的扣款", "模擬器 · 不會真的扣款", "SIMULATOR · no real money moves"),
    "to_pay": ("应付金额", "應付金額", "Amount to pay"),
    "payee": ("收款方", "收款方", "Paid to"),
    "purpose": ("付款说明", "付款說明", "For"),
    "number": ("付款编号", "付款編號", "Payment number"),
    "until": ("请在此之前付款", "請在此之前付款", "Pay before"),
    "zone": ("北京时间", "北京時間", "China time, UTC+8"),
    "choose": ("选择这笔付款的结果", "選擇這筆付款的結果", "Choose what happens"),
    "pay": ("付款", "付款", "Pay"),
    "decline": ("拒绝付款", "拒絕付款", "Decline"),
    "late": ("过一会儿才付款", "過一會兒才付款", "Pay late"),
    "twice": ("付两次", "付兩次", "Pay twice"),
    "silent": ("付款，但不通知商户", "付款，但不通知商戶", "Pay, but never tell the shop"),
    "back": ("不付款，返回商户", "不付款，返回商戶", "Go back without paying"),
    "back_yourself": (
        "请回到显示二维码的页面。",
        "請回到顯示二維碼的頁面。",
        "Go back to the page that shows the QR code.",
    ),
    "unheard": (
        "没有付款，也没有扣款。真正的钱包不会告诉商户：商户只看到还没有付款。可以再试一次，或者回到商户换一种方式付款、取消订单。",
        "沒有付款，也沒有扣款。真正的錢包不會告訴商戶：商戶只看到還沒有付款。可以再試一次，或者回到商戶換一種方式付款、取消訂單。",
        (
            "You did not pay, and nothing was taken. A real wallet tells the shop nothing of it: the shop only sees "
            "that this is not paid yet. Try again, or go back to the shop to pay another way or to call it off."
        ),
    ),
    "return": ("返回商户", "返回商戶", "Back to the shop"),
    "magic": ("特殊金额：这笔付款会有意出错。", "特殊金額：這筆付款會有意出錯。", "Magic amount: it will misbehave."),
    "over_title": ("这笔付款不能再付了", "這筆付款不能再付了", "This payment is over"),
    "over_paid": ("已经付过了，无需再付。", "已經付過了，無需再付。", "It has been paid. There is nothing to do."),
    "over_declined": ("付款已被拒绝，没有扣款。", "付款已被拒絕，沒有扣款。", "It was declined. Nothing was taken."),
    "over_closed": (
        "付款已关闭或已过期，没有扣款。请回到商户重新下单。",
        "付款已關閉或已過期，沒有扣款。請回到商戶重新下單。",
        "It was closed or its time ran out. Nothing was taken. Please order again at the shop.",
    ),
    "over_waiting": (
        "付款正在处理，请回到商户查看结果。",
        "付款正在處理，請回到商戶查看結果。",
        "It is being processed. See the result at the shop.",
    ),
    "refused_title": ("无法打开这笔付款", "無法開啟這筆付款", "This payment cannot be opened"),
    "refused": (
        "商户发来的付款请求没有通过检查，没有扣款。请联系商户，并告知代码：",
        "商戶發來的付款請求沒有通過檢查，沒有扣款。請聯絡商戶，並告知代碼：",
        "The shop's request did not pass our checks. Nothing was taken. Please tell the shop this code:",
    ),
}


def language_of(locale: str) -> str:
    """The language of these texts that is nearest to a locale; simplified Chinese for one we do not speak."""
    plain = locale.replace("-", "_").lower()
    if plain.startswith("en"):
        return "en"
    return "zh_Hant" if any(mark in plain for mark in ("hant", "tw", "hk", "mo")) else "zh_Hans"


def preferred(accept_language: str) -> str:
    """The one of LANGUAGES that a browser prefers (RFC 9110, 12.5.4); simplified Chinese where it names none."""
    best, language = 0.0, LANGUAGES[0]
    for part in accept_language.split(",")[:_MOST_TAGS]:
        tag, _, weight = part.strip().partition(";")
        if tag.lower().split("-")[0] not in ("en", "zh"):
            continue
        with contextlib.suppress(ValueError):
            wish = float(weight.strip().removeprefix("q=") or 1)
            if wish > best:
                best, language = wish, language_of(tag)
    return language


def texts(language: str, own: Rows = NOTHING) -> dict[str, str]:
    """Every sentence in one of LANGUAGES; `own` are a provider's, in place of the shared ones."""
    column = LANGUAGES.index(language)
    return {name: row[column] for name, row in {**_ROWS, **own}.items()}
