"""`python -m bench [--quick]`: every measurement in one run on one cluster, written to bench/results/latest.json.

Absolute times say little on another machine; the ratios are to `pgbench -N` in the same run.
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import (
    agents,
    events,
    grown,
    ledger,
    offers,
    orders,
    own_methods,
    pages,
    plans,
    reconciliation,
    schedules,
    usage,
)
from bench.server import serving
from topup.bootstrap import GENERATIONS
from topup.platform.embedded import EmbeddedServer

RESULTS: Final = Path(__file__).parent / "results" / "latest.json"
QUICK_S: Final = 1.5
QUICK_ROUNDS: Final = 2
LONG_S: Final = 15.0
ALONE: Final = ("orders_per_s", "usage_updates_per_s")
BURST: Final = 600
"""So many paid events at once for each second of that time."""
USAGE: Final = 0.6
"""So much of that time for usage, which comes in thousands a second."""
RENEWALS: Final = 20_000
QUICK_RENEWALS: Final = 2_000
"""So many plans are due in one night."""
QUICK_LOOKS: Final = 400
QUICK_DAY: Final = 1_000
"""So many automatic top-ups are looked at, and so many are due on an average day."""


async def measure(data_dir: Path, seconds: float, *, long: bool) -> dict[str, Any]:
    """All measurements, `seconds` for each; about ten times that in all, and in the `long` form seven minutes more.

    Orders and usage are measured with one web process for each of two cores; in the long form with one alone too.
    """
    alone: dict[str, float] = {}
    async with serving(data_dir) as server:
        cold_s = server.start_s
    async with serving(data_dir) as server:
        warm_s = server.start_s
        secret = await usage.furnish_at(data_dir)
        agent = await agents.furnish_at(data_dir)
        if long:
            alone = await orders.measure([server], data_dir, seconds)
            alone |= await usage.measure([server], secret, seconds * USAGE)
        async with serving(data_dir, "web") as beside:
            topped_up = await orders.measure([server, beside], data_dir, seconds)
            told = await events.measure([server, beside], data_dir, burst=round(seconds * BURST), paced_s=seconds)
            used = await usage.measure([server, beside], secret, seconds * USAGE)
            sold = await agents.measure([server, beside], agent, seconds)
            priced = await offers.measure([server, beside], data_dir, seconds)
    # The server has left; the ledger and pgbench have the same cluster to themselves.
    embedded = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        # Each turn of a round has a warm-up of its own: the quick form has fewer, longer ones for the same seconds.
        rounds = ledger.ROUNDS if long else QUICK_ROUNDS
        posted = await ledger.measure(embedded.url, seconds / rounds, rounds)
        renewed = await plans.renewed(embedded.url, RENEWALS if long else QUICK_RENEWALS)
        looks, average = (schedules.LOOKS, schedules.AVERAGE_DAY) if long else (QUICK_LOOKS, QUICK_DAY)
        ended = await schedules.measure(
            embedded.url, data_dir.parent / "schedule-keys", looks=looks, average_day=average
        )
        if long:
            posted |= await grown.measure(embedded.url, seconds / ledger.ROUNDS)
    finally:
        await asyncio.to_thread(embedded.close)
    # What it loads is in nobody's way in a directory of its own.
    place = data_dir.parent / "pages"
    await asyncio.to_thread(place.mkdir, mode=0o700)
    shown = await pages.measure(place, long=long)
    # In a process and a cluster of its own: its memory is a figure too.
    bills = await reconciliation.alone() if long else {}
    own = await own_methods.alone() if long else {}
    pgbench = posted["pgbench_n_per_s"]
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "ratios": {name: figure for name, figure in posted.items() if not name.endswith(("_per_s", "_ms"))}
        | {
            "orders_vs_pgbench_n": topped_up["orders_per_s"] / pgbench,
            "paid_events_vs_pgbench_n": told["paid_events_per_s"] / pgbench,
            "usage_http_vs_pgbench_n": used["usage_updates_per_s"] / pgbench,
            "agent_topups_vs_pgbench_n": sold["agent_topups_per_s"] / pgbench,
            "quotes_with_offers_vs_without": priced.pop("quotes_with_offers_vs_without"),
            "renewals_per_s_vs_pgbench_n": renewed["renewals_per_s"] / pgbench,
        }
        | {f"{name.removesuffix('_per_s')}_one_process_vs_pgbench_n": alone[name] / pgbench for name in ALONE if alone},
        "seconds": {
            "event_to_delivered_p99_s": topped_up["event_to_delivered_p99_s"],
            "paced_event_to_delivered_p99_s": told["paced_event_to_delivered_p99_s"],
            "start_s": {"cold": cold_s, "warm": warm_s},
        },
        "month_end": ended,
        "pages": shown,
        **({"bills": bills, "own_methods": own} if long else {}),
        "rates": {"orders_per_s": topped_up["orders_per_s"], "paid_events_per_s": told["paid_events_per_s"]}
        | used
        | {**sold, **priced}
        | renewed
        | {name: figure for name, figure in posted.items() if name.endswith(("_per_s", "_ms"))},
    }


def main() -> None:
    """Measure, print, and write the results."""
    gc.set_threshold(*GENERATIONS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute and a half in all")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the database's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        figures = _rounded(uvloop.run(measure(data_dir, QUICK_S if quick else LONG_S, long=not quick)))
    RESULTS.parent.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=2)
    RESULTS.write_text(f"{text}\n")
    print(text)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
