"""Docs that are drawn from the code: states, capabilities of plugins, permissions, and who may act.

`python -m tools.generated` writes them; `--check` only says whether they are true to the code.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from topup.care.states import TICKET
from topup.catalogue.publishing.states import PUBLICATION
from topup.charging.adjustments import ADJUSTMENT
from topup.charging.sessions.rows import SESSION
from topup.charging.sharing.states import SHARE
from topup.fulfilment.ports import CarrierCapability
from topup.fulfilment.states import ATTEMPT
from topup.kernel.transitions import Transitions
from topup.lines.cards.states import CARD
from topup.lines.plans.states import PLAN
from topup.offers.batches.states import BATCH
from topup.offers.states import RESERVATION
from topup.orders.schedules.states import RUN, SCHEDULE
from topup.orders.states import ORDER, Cause
from topup.payments.floats.method import AgentFloat
from topup.payments.methods.balance import Balance
from topup.payments.methods.bank_transfer import BankTransfer
from topup.payments.methods.card_terminal import CardTerminal
from topup.payments.methods.cash import Cash
from topup.payments.methods.voucher import Vouchers
from topup.payments.ports import Capability
from topup.payments.states import PAYMENT, REFUND
from topup.payments.vouchers.states import VOUCHER
from topup.people.agents.states import AGENT
from topup.people.permissions import NEEDS_FRESH, PERMISSIONS, Permission
from topup.platform.plugs import discover
from topup.shops.printing.ports import DeviceCapability
from topup.shops.printing.states import PRINT
from topup.shops.stock.gift_states import GIFT
from topup.work.states import APPROVAL

DOCS: Final = Path(__file__).parent.parent / "docs"
_HEAD: Final = "<!-- Drawn from the code by `python -m tools.generated`; edit the code. -->\n\n"
_MACHINES: Final[Mapping[str, Transitions[Any]]] = {
    "An order": ORDER,
    "An attempt to pay": PAYMENT,
    "A refund": REFUND,
    "A top-up that runs by itself": SCHEDULE,
    "One run of it": RUN,
    "An offer promised to an order": RESERVATION,
    "A gift that goes with an order": GIFT,
    "A batch of an offer's codes": BATCH,
    "A voucher": VOUCHER,
    "An attempt to deliver through another carrier": ATTEMPT,
    "Credit shared between lines": SHARE,
    "The plan of a line": PLAN,
    "A SIM card": CARD,
    "An adjustment": ADJUSTMENT,
    "A session of usage": SESSION,
    "What needs two people": APPROVAL,
    "A ticket": TICKET,
    "A paper to print": PRINT,
    "An agent": AGENT,
    "A publication of a carrier's file": PUBLICATION,
}


def states() -> str:
    """Every state machine: its diagram and what each state means."""
    parts = ["# States\n"]
    for title, machine in _MACHINES.items():
        parts.append(f"## {title}\n\n```mermaid\n{machine.mermaid()}\n```\n")
        parts.append(_table(("state", "meaning"), _meanings(type(machine.initial))))
    parts.append("## Why an order changed its state\n")
    parts.append(_table(("cause", "meaning"), _meanings(Cause)))
    return "\n".join(parts)


def capabilities() -> str:
    """What each plugin can do."""
    payments = {name: plug.capabilities for name, plug in discover("topup.plugins.payments").items()}
    ours = (Balance, BankTransfer, CardTerminal, Cash, Vouchers, AgentFloat)
    own = {method.name: method.capabilities for method in ours}
    carriers = {name: plug.capabilities for name, plug in discover("topup.plugins.carriers").items()}
    devices = {name: plug.capabilities for name, plug in discover("topup.plugins.devices").items()}
    return "\n".join(
        [
            "# Capabilities of plugins\n",
            "## Payment gateways\n",
            _matrix("gateway", Capability, payments),
            "## Ways to pay of the house itself\n",
            _matrix("method", Capability, own),
            "## Carriers\n",
            _matrix("carrier", CarrierCapability, carriers),
            "## Devices\n",
            _matrix("device", DeviceCapability, devices),
        ]
    )


def permissions() -> str:
    """What each role of an API key may do."""
    roles = {role.value: frozenset(granted) for role, granted in PERMISSIONS.items()}
    return "\n".join(
        [
            "# Permissions\n",
            _matrix("role", Permission, roles),
            _table(
                ("permission", "what it allows", "a fresh proof"),
                [(name, text, "yes" if name in NEEDS_FRESH else "") for name, text in _meanings(Permission)],
            ),
        ]
    )


GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "states.md": states,
    "capabilities.md": capabilities,
    "permissions.md": permissions,
}


def _meanings(enum: type[StrEnum]) -> list[tuple[str, str]]:
    """Each member with the text that stands below it in the source."""
    lines = [line.strip() for line in inspect.getsource(enum).splitlines()]
    found: dict[str, list[str]] = {}
    member = ""
    inside = False
    for line in lines:
        name = line.partition(" = ")[0]
        if not inside and name in enum.__members__:
            member = name
            found[member] = []
        elif member and (inside or line.startswith('"""')):
            opened = line.count('"""')
            found[member].append(line.replace('"""', "").strip())
            inside = inside != (opened == 1)
    return [(enum[name].value, " ".join(filter(None, texts))) for name, texts in found.items()]


def _matrix(corner: str, columns: type[StrEnum], rows: Mapping[str, frozenset[str]]) -> str:
    names = [member.value for member in columns]
    marked = [(row, *("yes" if name in have else "" for name in names)) for row, have in rows.items()]
    return _table((corner, *names), marked)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the docs, or say which are not true any more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, draw in GENERATED.items():
        text = _HEAD + draw()
        path = DOCS / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text)
    if check and stale:
        print(f"docs not true to the code: {', '.join(stale)}; run `python -m tools.generated`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
