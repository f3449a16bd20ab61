"""What a float is in the ledger.

A sale takes the price from the float to `clearing:agent_float` in the agent's lane, and the capture takes it from there
in the order's lane, as of any gateway: summed over the lanes the account is zero. Two steps, each under a key of its
own, each through its lane's clearing account. The commission comes of `commissions`, our cost, and goes back there with
a refund. What agents pay in comes of `agent_deposits`: the money that the bank got.
"""

from typing import Final

from topup.kernel.ids import AccountId, AgentId, LineId, PaymentId, RefundId, lane_of
from topup.kernel.money import Money
from topup.ledger import BucketSpec, Credit, Debit, Item

METHOD: Final = "agent_float"
CLEARING: Final = f"clearing:{METHOD}"
COMMISSIONS: Final = "commissions"
DEPOSITS: Final = "agent_deposits"
KIND: Final = "float"
SOLD: Final = "agent_sale"
EARNED: Final = "commission"
EARNED_BACK: Final = "commission_back"
GIVEN_BACK: Final = "agent_refund"
FILLED: Final = "float_top_up"

_BUCKET: Final = BucketSpec(kind=KIND, source=KIND, rule={"id": "agent_float"})
"""A float never ends: what was paid in is the agent's until it is sold."""


def holder(agent_id: AgentId) -> LineId:
    """The agent as the ledger knows whoever has buckets."""
    return LineId(agent_id)


def sold(
    *, payment_id: PaymentId, agent_id: AgentId, bucket_id: AccountId, price: Money, commission_minor: int
) -> list[Item]:
    """The price leaves the float, and the commission comes to it."""
    taken = Debit(
        lane=lane_of(agent_id),
        key=f"{payment_id}:float",
        purpose=SOLD,
        reference=payment_id,
        line_id=holder(agent_id),
        to_code=CLEARING,
        asset=price.currency,
        amount=price.amount_minor,
        bucket_id=bucket_id,
    )
    if not commission_minor:
        return [taken]
    earned = Money(commission_minor, price.currency)
    return [taken, _credit(COMMISSIONS, f"{payment_id}:commission", (EARNED, payment_id), agent_id, earned)]


def given_back(
    *,
    refund_id: RefundId,
    payment_id: PaymentId,
    agent_id: AgentId,
    bucket_id: AccountId,
    amount: Money,
    commission_minor: int,
) -> list[Item]:
    """What went back of a price comes to the float, and what was earned by it leaves: never more than came, so that it
    is there, whatever is sold beside.
    """
    back = _credit(CLEARING, f"{refund_id}:float", (GIVEN_BACK, payment_id), agent_id, amount)
    if not commission_minor:
        return [back]
    taken = Debit(
        lane=lane_of(agent_id),
        key=f"{refund_id}:commission",
        purpose=EARNED_BACK,
        reference=payment_id,
        line_id=holder(agent_id),
        to_code=COMMISSIONS,
        asset=amount.currency,
        amount=commission_minor,
        bucket_id=bucket_id,
    )
    return [back, taken]


def filled(*, top_up_id: str, agent_id: AgentId, amount: Money) -> Item:
    """What an agent paid comes to the float."""
    return _credit(DEPOSITS, f"{top_up_id}:float", (FILLED, top_up_id), agent_id, amount)


def _credit(from_code: str, key: str, why: tuple[str, str], agent_id: AgentId, money: Money) -> Credit:
    """`why` is the purpose and the reference."""
    purpose, reference = why
    return Credit(
        lane=lane_of(agent_id),
        key=key,
        purpose=purpose,
        reference=reference,
        from_code=from_code,
        line_id=holder(agent_id),
        bucket=_BUCKET,
        asset=money.currency,
        amount=money.amount_minor,
    )
