"""The trees of decisions, as data: facts that are looked at, questions that are asked, and ends.

Promise: each end names who must act and one next step. Every branch of a fact is there, every question can be answered
by somebody who does not know. `tests/unit/care` walks all ways.

Texts are in the catalogue `care`: `ask.<id>` and `ask.<id>.<answer>`, `fact.<name>` and `fact.<name>.<value>`,
`end.<id>`, `end.<id>.why`, `end.<id>.step`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from topup.kernel.errors import WhoMustAct

YOU, US, CARRIER, WAIT = WhoMustAct.YOU, WhoMustAct.US, WhoMustAct.CARRIER, WhoMustAct.WAIT


class Action(StrEnum):
    """What the next step is, so that a channel can offer it as a button."""

    DO = "do"
    """Something to do with the phone, or with somebody else; there is nothing to press."""
    FIND_ORDER = "find_order"
    OPEN_ORDER = "open_order"
    """Pay, pay another way, or watch."""
    TOP_UP = "top_up"
    CALL_OFF = "call_off"
    RECALL = "recall"
    REFUND = "refund"
    TICKET = "ticket"
    PLACES = "places"
    OTHER_TREE = "other_tree"
    """On to the tree `no_network`."""


@dataclass(frozen=True, slots=True)
class Check:
    """A fact that is looked at: where each of its values leads; those not named, to `otherwise`."""

    fact: str
    branches: Mapping[str, str]
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, and where each answer leads, in the order they are offered."""

    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class End:
    """Who must act, and what the next step is."""

    who: WhoMustAct
    action: Action


Node = Check | Ask | End

NOT_ARRIVED: Final = "not_arrived"
NO_NETWORK: Final = "no_network"

_NOT_ARRIVED: Final[Mapping[str, Node]] = {
    NOT_ARRIVED: Check(
        "order",
        {
            "none": "have_order",
            "unpaid": "did_pay",
            "payment_open": "did_pay",
            "payment_declined": "declined",
            "payment_mismatched": "mismatched",
            "crediting": "being_credited",
            "late": "late_outage",
            "unresolved": "carrier_asked",
            "unresolved_long": "carrier_silent",
            "with_person": "with_person",
            "refunding": "refund_on_way",
            "refund_slow": "refund_slow",
            "refunded": "refund_seen",
            "refunded_long": "refund_seen_long",
            "ended_unpaid": "did_pay_ended",
            "delivered": "number_right",
        },
    ),
    "have_order": Ask(
        {
            "have_number": "find_order",
            "paid_no_order": "no_order",
            "other_seller": "other_seller",
            "not_paid": "start_again",
        }
    ),
    "did_pay": Ask({"no": "pay_now", "yes": "payment_age", "unsure": "look_at_bank"}),
    "payment_age": Check("payment_begun", {"long_ago": "payment_not_seen"}, otherwise="wait_for_payment"),
    "did_pay_ended": Ask({"no": "start_again", "yes": "payment_age_ended", "unsure": "look_at_bank"}),
    "payment_age_ended": Check("payment_begun", {"long_ago": "payment_not_seen"}, otherwise="late_payment"),
    "late_outage": Check("outage", {"now": "outage_delays"}, otherwise="late"),
    "refund_seen": Ask({"no": "refund_at_bank", "yes": "refunded"}),
    "refund_seen_long": Ask({"no": "refund_lost", "yes": "refunded"}),
    "number_right": Ask({"yes": "delivered_line", "no": "wrong_number"}),
    "delivered_line": Check(
        "line",
        {"barred": "line_barred", "one_way_blocked": "restoring", "two_way_blocked": "restoring", "gone": "line_gone"},
        otherwise="what_is_seen",
    ),
    "what_is_seen": Ask({"balance_same": "whose_network", "does_not_work": "to_network", "there_now": "solved"}),
    "whose_network": Check(
        "network", {"own": "books_differ", "other_fresh": "carrier_shows_later"}, otherwise="ask_carrier"
    ),
    "find_order": End(YOU, Action.FIND_ORDER),
    "no_order": End(US, Action.TICKET),
    "other_seller": End(YOU, Action.DO),
    "start_again": End(YOU, Action.TOP_UP),
    "pay_now": End(YOU, Action.OPEN_ORDER),
    "look_at_bank": End(YOU, Action.DO),
    "payment_not_seen": End(US, Action.TICKET),
    "wait_for_payment": End(WAIT, Action.OPEN_ORDER),
    "late_payment": End(WAIT, Action.OPEN_ORDER),
    "declined": End(YOU, Action.OPEN_ORDER),
    "mismatched": End(WAIT, Action.OPEN_ORDER),
    "being_credited": End(WAIT, Action.OPEN_ORDER),
    "outage_delays": End(CARRIER, Action.OPEN_ORDER),
    "late": End(US, Action.CALL_OFF),
    "carrier_asked": End(CARRIER, Action.OPEN_ORDER),
    "carrier_silent": End(US, Action.TICKET),
    "with_person": End(US, Action.OPEN_ORDER),
    "refund_on_way": End(WAIT, Action.OPEN_ORDER),
    "refund_slow": End(US, Action.TICKET),
    "refund_at_bank": End(WAIT, Action.OPEN_ORDER),
    "refund_lost": End(US, Action.TICKET),
    "refunded": End(YOU, Action.TOP_UP),
    "wrong_number": End(YOU, Action.RECALL),
    "line_barred": End(US, Action.TICKET),
    "line_gone": End(US, Action.TICKET),
    "restoring": End(CARRIER, Action.DO),
    "to_network": End(YOU, Action.OTHER_TREE),
    "solved": End(YOU, Action.DO),
    "books_differ": End(US, Action.TICKET),
    "carrier_shows_later": End(WAIT, Action.DO),
    "ask_carrier": End(CARRIER, Action.DO),
}

_NO_NETWORK: Final[Mapping[str, Node]] = {
    NO_NETWORK: Check("outage", {"now": "outage"}, otherwise="line_first"),
    "line_first": Check(
        "line",
        {
            "barred": "line_barred",
            "gone": "line_gone",
            "one_way_blocked": "blocked",
            "two_way_blocked": "blocked",
        },
        otherwise="card_first",
    ),
    "card_first": Check("card", {"blocked": "card_blocked", "replaced_lately": "new_card_in"}, otherwise="what_fails"),
    "new_card_in": Ask({"yes": "what_fails", "no": "old_card_stopped", "not_asked": "card_not_asked_for"}),
    "what_fails": Ask({"all": "sim_seen", "data": "data_left", "calls": "which_calls", "abroad": "roaming_on"}),
    "sim_seen": Ask({"no_sim": "sim_kind", "no_service": "restarted", "unsure": "restarted"}),
    "sim_kind": Ask({"card": "card_reset", "esim": "esim_on", "unsure": "restart"}),
    "card_reset": Ask({"no": "reseat_card", "yes": "other_phone"}),
    "esim_on": Ask({"no": "enable_esim", "yes": "esim_again"}),
    "restarted": Ask({"no": "restart", "yes": "where"}),
    "where": Ask({"here_only": "coverage", "everywhere": "other_phone", "unsure": "move"}),
    "other_phone": Ask(
        {"works_there": "phone_at_fault", "fails_there": "card_at_fault", "cannot_try": "network_ticket"}
    ),
    "data_left": Check("data", {"used_up": "buy_data", "left": "data_switch"}, otherwise="data_used"),
    "data_used": Ask({"no": "data_switch", "yes": "buy_data", "unsure": "look_at_data"}),
    "data_switch": Ask({"no": "switch_data_on", "yes": "generation"}),
    "generation": Ask({"modern": "data_restarted", "old": "phone_too_old", "unsure": "data_restarted"}),
    "data_restarted": Ask({"no": "restart", "yes": "access_point"}),
    "access_point": Ask({"no": "reset_access_point", "yes": "network_ticket"}),
    "which_calls": Ask({"out": "calls_out", "in": "calls_in", "both": "sim_seen"}),
    "calls_out": Check("line", {"low": "no_credit", "unknown": "credit_left"}, otherwise="volte"),
    "credit_left": Ask({"yes": "volte", "no": "no_credit", "unsure": "look_at_credit"}),
    "volte": Ask({"no": "switch_volte_on", "yes": "network_ticket"}),
    "calls_in": Ask({"no": "clear_forwarding", "yes": "network_ticket"}),
    "roaming_on": Ask({"no": "switch_roaming_on", "yes": "roaming_plan"}),
    "roaming_plan": Ask({"yes": "roaming_carrier", "no": "buy_roaming", "unsure": "buy_roaming"}),
    "roaming_carrier": Ask({"no": "choose_network", "yes": "network_ticket"}),
    "outage": End(CARRIER, Action.DO),
    "line_barred": End(US, Action.TICKET),
    "line_gone": End(US, Action.TICKET),
    "blocked": End(YOU, Action.TOP_UP),
    "card_blocked": End(US, Action.TICKET),
    "old_card_stopped": End(YOU, Action.DO),
    "card_not_asked_for": End(US, Action.TICKET),
    "reseat_card": End(YOU, Action.DO),
    "enable_esim": End(YOU, Action.DO),
    "esim_again": End(US, Action.TICKET),
    "restart": End(YOU, Action.DO),
    "move": End(YOU, Action.DO),
    "coverage": End(CARRIER, Action.TICKET),
    "phone_at_fault": End(YOU, Action.DO),
    "card_at_fault": End(YOU, Action.PLACES),
    "network_ticket": End(US, Action.TICKET),
    "buy_data": End(YOU, Action.TOP_UP),
    "look_at_data": End(YOU, Action.DO),
    "switch_data_on": End(YOU, Action.DO),
    "phone_too_old": End(YOU, Action.DO),
    "reset_access_point": End(YOU, Action.DO),
    "no_credit": End(YOU, Action.TOP_UP),
    "look_at_credit": End(YOU, Action.DO),
    "switch_volte_on": End(YOU, Action.DO),
    "clear_forwarding": End(YOU, Action.DO),
    "switch_roaming_on": End(YOU, Action.DO),
    "buy_roaming": End(YOU, Action.TOP_UP),
    "choose_network": End(YOU, Action.DO),
}

TREES: Final[Mapping[str, Mapping[str, Node]]] = {NOT_ARRIVED: _NOT_ARRIVED, NO_NETWORK: _NO_NETWORK}
"""By matter; each tree begins at the node of its own name."""
