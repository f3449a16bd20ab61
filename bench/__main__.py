"""`python -m bench [--quick]`: every measurement in one run on one cluster, written to bench/results/latest.json.

Absolute times say little on another machine; the ratios are to `pgbench -N` in the same run.
"""

import argparse
import asyncio
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import grown, ledger, orders, usage
from bench.server import serving
from topup.platform.embedded import EmbeddedServer

RESULTS: Final = Path(__file__).parent / "results" / "latest.json"
QUICK_S: Final = 2.0
LONG_S: Final = 15.0
USAGE: Final = 0.6
"""So much of that time for usage, which comes in thousands a second."""


async def measure(data_dir: Path, seconds: float, *, long: bool) -> dict[str, Any]:
    """All measurements, `seconds` for each; about ten times that in all, and in the `long` form seven minutes more.

    Orders and usage are measured with one web process for each of two cores, and with one alone.
    """
    async with serving(data_dir) as server:
        cold_s = server.start_s
    async with serving(data_dir) as server:
        warm_s = server.start_s
        secret = await usage.furnish_at(data_dir)
        alone = await orders.measure([server], data_dir, seconds)
        used_alone = await usage.measure([server], secret, seconds * USAGE)
        async with serving(data_dir, "web") as beside:
            topped_up = await orders.measure([server, beside], data_dir, seconds)
            used = await usage.measure([server, beside], secret, seconds * USAGE)
    # The server has left; the ledger and pgbench have the same cluster to themselves.
    embedded = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        posted = await ledger.measure(embedded.url, seconds / ledger.ROUNDS)
        if long:
            posted |= await grown.measure(embedded.url, seconds / ledger.ROUNDS)
    finally:
        await asyncio.to_thread(embedded.close)
    pgbench = posted["pgbench_n_per_s"]
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "ratios": {name: figure for name, figure in posted.items() if not name.endswith(("_per_s", "_ms"))}
        | {
            "orders_vs_pgbench_n": topped_up["orders_per_s"] / pgbench,
            "orders_one_process_vs_pgbench_n": alone["orders_per_s"] / pgbench,
            "usage_http_vs_pgbench_n": used["usage_updates_per_s"] / pgbench,
            "usage_one_process_vs_pgbench_n": used_alone["usage_updates_per_s"] / pgbench,
        },
        "seconds": {
            "event_to_delivered_p99_s": topped_up["event_to_delivered_p99_s"],
            "start_s": {"cold": cold_s, "warm": warm_s},
        },
        "rates": {"orders_per_s": topped_up["orders_per_s"], "orders_one_process_per_s": alone["orders_per_s"]}
        | used
        | {"usage_updates_one_process_per_s": used_alone["usage_updates_per_s"]}
        | {name: figure for name, figure in posted.items() if name.endswith(("_per_s", "_ms"))},
    }


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 50 seconds in all")
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
