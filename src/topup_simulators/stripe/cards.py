"""The cards of Stripe's test mode (docs.stripe.com/testing), and what each does."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `on_session` and `off_session` are why it is refused, empty where it is charged; `challenged` says
    that its bank wants to see the payer first. `does` names the sentence that says all this on the page.
    """

    number: str
    brand: str
    does: str = "ok"
    on_session: str = ""
    off_session: str = ""
    challenged: bool = False

    @property
    def grouped(self) -> str:
        """As it is printed on the card."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))

    @property
    def last4(self) -> str:
        """What may be shown of it."""
        return self.number[-4:]


CARDS: Final = {
    card.number: card
    for card in (
        Card("4242424242424242", "visa"),
        Card("5555555555554444", "mastercard"),
        Card("6200000000000005", "unionpay"),
        Card("4000002760003184", "visa", "asks_always", challenged=True, off_session="authentication_required"),
        Card("4000002500003155", "visa", "asks_once", challenged=True),
        Card("4000000000000002", "visa", "declined", on_session="generic_decline", off_session="generic_decline"),
        Card(
            "4000000000009995", "visa", "too_little", on_session="insufficient_funds", off_session="insufficient_funds"
        ),
        Card(
            "4000008400001629",
            "visa",
            "asks_and_declines",
            challenged=True,
            on_session="generic_decline",
            off_session="authentication_required",
        ),
    )
}
DEFAULT: Final = "4242424242424242"


def error_of(decline: str) -> dict[str, str]:
    """The error of a card that was refused."""
    code = "authentication_required" if decline == "authentication_required" else "card_declined"
    message = {
        "authentication_required": "Your card was declined. This transaction requires authentication.",
        "insufficient_funds": "Your card has insufficient funds.",
    }.get(decline, "Your card was declined.")
    return {"type": "card_error", "code": code, "decline_code": decline, "message": message}
