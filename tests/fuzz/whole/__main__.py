#!/usr/bin/env python3
"""Fuzzes the whole gateway: requests of all client protocols, answers of all provider protocols.

    python3 tests/fuzz/whole requests --seconds 30
    python3 tests/fuzz/whole answers --seconds 30 --seed 7
    python3 tests/fuzz/whole answers --seed 7 --only 1234

The program runs as a child. Its servers, of every kind, are in this process, so that each exchange
knows what was asked and what was answered. `requests` sends changed requests to healthy servers,
`answers` valid requests to servers whose answers are odd. Exchange N of a seed is always the same.

It fails if the program panics or ends, if a healthy server's answer reaches a client as a 5xx, if a
valid request is refused or its answer says something else, if an answer is not one of its protocol,
if a client waits for ever, or if the program takes too much memory. The failing exchanges are
printed, the request cut down to what matters. Needs Python 3.11, and no package.
"""

import argparse
import asyncio
import collections
import os
import random
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "clients"))

from installing import WORK, Missing, program  # noqa: E402
from playing import Exchange, play  # noqa: E402
from reducing import reduced, shown  # noqa: E402
from servers import Gateway, Servers, free_port  # noqa: E402

# Exchanges at once, each with providers of its own.
SLOTS = 8
# Faults of one kind that are printed.
SHOWN = 2
# Faults after which a run ends.
MOST_FAULTS = 60


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the whole gateway.")
    parser.add_argument("what", choices=["requests", "answers"])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--only", type=int, default=None, metavar="N", help="only exchange N, and show it")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="begin with exchange N")
    parser.add_argument("--most", type=int, default=sys.maxsize, metavar="N", help="at most this many exchanges")
    parser.add_argument("--core", type=int, default=None, help="pin the program to this core")
    parser.add_argument("--peak-mb", type=int, default=512, help="the most memory that the program may take")
    parser.add_argument("--alive-ms", type=float, default=None,
                        help="the longest that 99.9 %% of calls of /healthz may take; default: only printed")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    try:
        return asyncio.run(Run(arguments, program()).whole())
    except (Missing, RuntimeError) as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2


class Run:
    def __init__(self, arguments, binary):
        self.given, self.binary = arguments, binary
        self.counts, self.faults = collections.Counter(), {}
        self.number = arguments.first
        self.done = 0

    async def whole(self) -> int:
        given = self.given
        print(f"{given.what}, seed {given.seed}, {self.binary}")
        servers = Servers(SLOTS)
        folder = WORK / "whole" / f"{given.what}-{os.getpid()}"
        gateway = Gateway(self.binary, folder, free_port(), given.core)
        async with servers:
            await gateway.start(servers.port, SLOTS)
            try:
                return await self.with_gateway(servers, gateway)
            finally:
                await gateway.stop()

    async def with_gateway(self, servers, gateway) -> int:
        given = self.given
        if given.only is not None:
            exchange = Exchange.made(given.seed, given.only, given.what, 0)
            await play(exchange, servers, gateway)
            print(shown(exchange))
            print("\n".join(exchange.faults + gateway.faults()) or "no fault")
            return 1 if exchange.faults else 0
        self.until = time.monotonic() + given.seconds
        gateway.watch()
        await asyncio.gather(*(self.slot(slot, servers, gateway) for slot in range(SLOTS)))
        # What the program holds for requests that are over is free after a moment.
        await asyncio.sleep(min(5.0, given.seconds / 10))
        await gateway.unwatch()
        self.report(gateway)
        if self.faults and gateway.is_alive():
            await self.explain(servers, gateway)
        faults = gateway.faults(given.peak_mb, given.alive_ms)
        print("\n".join(f"FAULT: {fault}" for fault in faults))
        return 1 if self.faults or faults else 0

    async def slot(self, slot: int, servers, gateway) -> None:
        last = self.given.first + self.given.most
        while time.monotonic() < self.until and self.number < last and len(self.faults) < MOST_FAULTS:
            if not gateway.is_alive():
                return
            number, self.number = self.number, self.number + 1
            exchange = Exchange.made(self.given.seed, number, self.given.what, slot)
            await play(exchange, servers, gateway)
            self.done += 1
            asked = exchange.request
            valid = "valid" if asked.is_valid else "odd"
            self.counts[f"{asked.front:12} {valid:5} {exchange.got.status if exchange.got else 'left'}"] += 1
            for fault in exchange.faults:
                self.faults.setdefault(kind_of(fault, exchange), []).append(exchange)

    def report(self, gateway) -> None:
        print(f"{self.done} exchanges")
        for line, count in sorted(self.counts.items()):
            print(f"  {line} {count:6}")
        print(gateway.measured())

    async def explain(self, servers, gateway) -> None:
        print(f"\n{len(self.faults)} kinds of faults")
        for kind, exchanges in sorted(self.faults.items(), key=lambda pair: -len(pair[1]))[:25]:
            print(f"\n==== {len(exchanges)} times: {kind}")
            print("  exchanges " + " ".join(str(one.number) for one in exchanges[:8]))
            for exchange in exchanges[:SHOWN - 1]:
                smaller = await reduced(exchange, kind, kind_of, servers, gateway)
                print(shown(smaller))
        print(f"\nagain: python3 tests/fuzz/whole {self.given.what} --seed {self.given.seed} --only N")


def kind_of(fault: str, exchange) -> str:
    """Faults that are probably the same one."""
    words = fault.split(":")[0][:60]
    return f"{exchange.request.front} from {exchange.kind}: {words}"


if __name__ == "__main__":
    sys.exit(main())
