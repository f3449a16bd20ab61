"""What Stripe's simulated pages say beside the shared words, in the three languages."""

from typing import Final

from topup_simulators.payments.texts import Rows

OWN: Final[Rows] = {
    "title": ("模拟 Stripe 收银台", "模擬 Stripe 收銀台", "Simulated Stripe checkout"),
    "card": ("选择一张测试卡", "選擇一張測試卡", "Choose a test card"),
    "pay_by_card": ("用这张卡付款", "用這張卡付款", "Pay with this card"),
    "card_ok": ("付款成功", "付款成功", "Is charged"),
    "card_asks_always": (
        "每次付款都要通过银行验证（3-D Secure），验证后付款成功；自动付款会被拒绝",
        "每次付款都要通過銀行驗證（3-D Secure），驗證後付款成功；自動付款會被拒絕",
        "The bank asks each time (3-D Secure), then it is charged; automatic payments are declined",
    ),
    "card_asks_once": (
        "银行先验证身份（3-D Secure），验证后付款成功；保存后，自动付款也会成功",
        "銀行先驗證身分（3-D Secure），驗證後付款成功；儲存後，自動付款也會成功",
        "The bank asks now (3-D Secure), then it is charged; once kept, automatic payments are charged too",
    ),
    "card_asks_and_declines": (
        "银行先验证身份（3-D Secure），验证后仍然拒绝付款",
        "銀行先驗證身分（3-D Secure），驗證後仍然拒絕付款",
        "The bank asks first (3-D Secure), and declines it all the same",
    ),
    "card_declined": ("银行拒绝付款", "銀行拒絕付款", "Is declined"),
    "card_too_little": ("余额不足，付款失败", "餘額不足，付款失敗", "Is declined: not enough money"),
    "other": ("或者选择另一种结果", "或者選擇另一種結果", "Or choose what else happens"),
    "decline": (
        "延迟到账的付款最终失败",
        "延遲入帳的付款最終失敗",
        "A delayed payment that fails in the end",
    ),
    "refused_card": (
        "这张卡没有扣款成功，可以换一张再试。",
        "這張卡沒有扣款成功，可以換一張再試。",
        "This card was not charged. You can try another one.",
    ),
    "kept": (
        "付款后，这张卡会保存下来，供以后自动付款使用。",
        "付款後，這張卡會保存下來，供以後自動付款使用。",
        "This card will be kept for automatic payments later.",
    ),
    "bank_title": ("模拟银行验证", "模擬銀行驗證", "Simulated bank"),
    "bank": (
        "您的银行想确认是您本人在付款。",
        "您的銀行想確認是您本人在付款。",
        "Your bank wants to know that it is you who pays.",
    ),
    "bank_yes": ("是我本人，确认付款", "是我本人，確認付款", "Yes, it is me"),
    "bank_no": ("不是我，取消", "不是我，取消", "No, cancel"),
    "bank_failed": (
        "银行没有确认您的身份，没有扣款。可以换一张卡再试。",
        "銀行沒有確認您的身分，沒有扣款。可以換一張卡再試。",
        "The bank did not recognise you, and nothing was taken. You can try another card.",
    ),
}
