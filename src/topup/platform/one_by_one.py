"""Work on many at once of which one that fails stops no other (G15)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from psycopg import errors

from topup.kernel.errors import Unavailable

T = TypeVar("T")
PASSING: Final = (Unavailable, errors.SerializationFailure, errors.DeadlockDetected)
"""What is no item's fault: whoever works on them, a sweep mostly, runs again."""


async def together_or_alone(
    items: Sequence[T],
    work: Callable[[Sequence[T]], Awaitable[None]],
    failed: Callable[[T, Exception], Awaitable[None]],
) -> None:
    """Have `work` done for all of them together; where that fails, for each `alone`. Raises what is no item's fault."""
    try:
        await work(items)
    except PASSING:
        raise
    except Exception:  # noqa: BLE001 - of whichever of them that is, it is seen when each is alone
        for item in items:
            await alone(item, work, failed)


async def alone(
    item: T, work: Callable[[Sequence[T]], Awaitable[None]], failed: Callable[[T, Exception], Awaitable[None]]
) -> None:
    """Have `work` done for one; `failed` hears of it where that fails. Raises what is no item's fault."""
    try:
        await work([item])
    except PASSING:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one of them provokes must not stop the others
        await failed(item, error)
