"""Statements that do not wait for one another: on a batcher's connection they share a round trip where the driver lets
them. One that fetches holds the connection meanwhile (psycopg 3.3); sharing it by other means was measured, and is no
faster.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

from psycopg import errors

First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")
Fourth = TypeVar("Fourth")


@overload
async def together(
    first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second], /
) -> tuple[First, Second]: ...
@overload
async def together(
    first: Coroutine[Any, Any, First],
    second: Coroutine[Any, Any, Second],
    third: Coroutine[Any, Any, Third],
    /,
) -> tuple[First, Second, Third]: ...
@overload
async def together(
    first: Coroutine[Any, Any, First],
    second: Coroutine[Any, Any, Second],
    third: Coroutine[Any, Any, Third],
    fourth: Coroutine[Any, Any, Fourth],
    /,
) -> tuple[First, Second, Third, Fourth]: ...
@overload
async def together(*doings: Coroutine[Any, Any, Any]) -> tuple[Any, ...]: ...


async def together(*doings: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """The results of all, in order; their first statements go out in that order. All have ended when this does.

    Raises the error of the one that failed; what failed only because the pipeline was broken by it is not it.
    """
    results = await asyncio.gather(*doings, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise next((error for error in failures if not isinstance(error, errors.PipelineAborted)), failures[0])
    return tuple(results)
