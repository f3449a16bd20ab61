"""`python -m topup_simulators gateway|carrier|alipay|… …`: one simulator, in a process of its own."""

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from topup_simulators.process import Simulator, live

PROVIDERS: Final = {
    "alipay": "Alipay's open platform",
    "wechatpay": "WeChat Pay, API v3",
    "stripe": "Stripe",
}
"""Simulators of real providers: `topup_simulators.<name>.simulator.SIMULATOR` is made with a state directory and the
two factors, and needs nothing else: it makes its merchant's keys too, as the provider's portal would.
"""


def main(words: Sequence[str]) -> int:
    """Run what the command line asks for; gives the exit code."""
    parent = os.getppid()  # before anything that takes time: the parent may be killed at any moment
    wanted = _parser().parse_args(words)
    return asyncio.run(live(_make(wanted), port=wanted.port, parent=None if wanted.stay else parent))


def _make(wanted: argparse.Namespace) -> Simulator:
    """The simulator that is asked for, without loading the others; and httpx without its command line, which is half of
    it.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how to say "not to be imported"
    if wanted.kind == "gateway":
        from topup_simulators.gateway.simulator import Gateway  # noqa: PLC0415 - see above

        return Gateway(
            state_directory=wanted.state_dir,
            merchant_id=wanted.merchant_id,
            merchant_public_key=wanted.merchant_public_key,
            time_factor=wanted.time_factor,
            resend_factor=wanted.resend_factor,
            start=wanted.start,
        )
    if wanted.kind in PROVIDERS:
        module = importlib.import_module(f"topup_simulators.{wanted.kind}.simulator")
        made: Simulator = module.SIMULATOR(
            state_directory=wanted.state_dir,
            time_factor=wanted.time_factor,
            resend_factor=wanted.resend_factor,
        )
        return made
    if wanted.kind == "printer":
        from topup_simulators.printer.simulator import Printer  # noqa: PLC0415

        return Printer(state_directory=wanted.state_dir, paper_mm=wanted.paper_mm, printer_port=wanted.printer_port)
    from topup_simulators.carrier.simulator import Carrier  # noqa: PLC0415

    return Carrier(
        state_directory=wanted.state_dir,
        currency=wanted.currency,
        float_minor=wanted.float_minor,
        time_factor=wanted.time_factor,
        resend_factor=wanted.resend_factor,
    )


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 lets the system choose (default)")
    shared.add_argument("--state-dir", type=Path, required=True, help="where keys and store live")
    shared.add_argument("--time-factor", type=_factor, default=1.0, help="stretches every delay (default 1)")
    shared.add_argument(
        "--resend-factor",
        type=_factor,
        default=1 / 60,
        help="stretches the hours over which events are resent (default 1/60)",
    )
    shared.add_argument("--stay", action="store_true", help="do not end with the standard input or the parent")
    parser = argparse.ArgumentParser(prog="topup_simulators", description="What stands in for the outside world.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    gateway = kinds.add_parser("gateway", parents=[shared], help="a payment gateway with a pay page")
    gateway.add_argument("--merchant-id", default="demo", help="who the merchant is (default demo)")
    gateway.add_argument("--merchant-public-key", type=Path, required=True, help="its Ed25519 public key, PEM")
    gateway.add_argument(
        "--start",
        choices=("page", "call"),
        default="page",
        help="how topup is to begin payments: by the pay page's address alone, or by a call first (default page)",
    )
    carrier = kinds.add_parser("carrier", parents=[shared], help="a carrier of another country")
    carrier.add_argument("--currency", default="SGD", help="of the float (default SGD)")
    carrier.add_argument("--float-minor", type=int, default=100_000_000, help="the float at the first start")
    printer = kinds.add_parser("printer", parents=[shared], help="a receipt printer on the network (ESC/POS)")
    printer.add_argument("--paper-mm", type=int, choices=(58, 80), default=80, help="the paper's width (default 80)")
    printer.add_argument("--printer-port", type=int, default=0, help="where papers come in; 0: any (default)")
    for name, words in PROVIDERS.items():
        kinds.add_parser(name, parents=[shared], help=words)
    return parser


def _factor(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1000:  # noqa: PLR2004 - a thousand times slower is a day for a minute and a half
        raise argparse.ArgumentTypeError("a factor is between 0 and 1000")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
