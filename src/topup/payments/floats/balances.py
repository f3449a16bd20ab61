"""What is in floats."""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.kernel.ids import AccountId, AgentId
from topup.ledger.queries import buckets
from topup.payments.floats.postings import KIND, holder
from topup.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Float:
    """An agent's float: minor units, and the bucket they are in; None where it was never filled."""

    minor: int = 0
    bucket_id: AccountId | None = None


async def floats_of(connection: Connection, wanted: Sequence[tuple[AgentId, str]]) -> dict[AgentId, Float]:
    """The floats of agents in their currencies. One query."""
    if not wanted:
        return {}
    found = await buckets(connection, [holder(agent_id) for agent_id, _ in wanted])
    return {
        agent_id: next(
            (
                Float(bucket.available, bucket.id)
                for bucket in found.get(holder(agent_id), ())
                if (bucket.kind, bucket.asset) == (KIND, currency)
            ),
            Float(),
        )
        for agent_id, currency in wanted
    }


async def float_of(connection: Connection, agent_id: AgentId, currency: str) -> Float:
    """One agent's float."""
    return (await floats_of(connection, [(agent_id, currency)]))[agent_id]
