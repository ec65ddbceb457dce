#!/usr/bin/env python3
"""Kills a gateway with a budget again and again, and counts at the vendor what was spent.

    python3 tests/kill/spending.py [--kills 50] [--url postgres://…] [--seed N]

The vendor is a server of this script: it answers chat requests after some milliseconds and adds up what
they cost. Clients ask all the time; at random moments the gateway gets SIGKILL and is started again on
the same store. At the end:

- the vendor's sum is at most the budget, whatever was killed when;
- the gateway knows of at least what the vendor billed.

Exit code 0 if all of it holds, else 1.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fuzz" / "whole"))
from installing import program  # noqa: E402
from servers import free_port, read_message  # noqa: E402

# USD per token. Output is dearer, so that a reservation is far more than most answers cost.
INPUT_PRICE, OUTPUT_PRICE = 1e-6, 4e-6
MAX_TOKENS = 400
CLIENTS = 12
START_SECONDS = 60
# Money is counted in pico-dollars; sums of floats may differ by a little more.
ROUNDING = 1e-9


class Vendor:
    """Answers chat requests and adds up their cost. What was asked is billed, even if no client waits."""

    def __init__(self, luck: random.Random):
        self.luck, self.billed, self.requests = luck, 0.0, 0

    async def serve(self, reader, writer) -> None:
        try:
            while True:
                _, _, body = await read_message(reader)
                asked = json.loads(body)
                tokens = self.luck.randint(1, asked["max_tokens"])
                prompt = max(1, len(body) // 8)
                self.billed += prompt * INPUT_PRICE + tokens * OUTPUT_PRICE
                self.requests += 1
                await asyncio.sleep(self.luck.uniform(0.001, 0.05))
                answer = json.dumps({
                    "id": "c", "object": "chat.completion", "created": 1, "model": asked["model"],
                    "choices": [{"index": 0, "finish_reason": "stop",
                                 "message": {"role": "assistant", "content": "x " * tokens}}],
                    "usage": {"prompt_tokens": prompt, "completion_tokens": tokens,
                              "total_tokens": prompt + tokens}}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                             + str(len(answer)).encode() + b"\r\n\r\n" + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The gateway was killed, or this script ends.
            pass
        finally:
            writer.close()


class Gateway:
    """The program, started and killed on one store."""

    def __init__(self, binary: Path, folder: Path, vendor_port: int, budget: float, store: str):
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.child = None
        (folder / "aibal.toml").write_text(f"""
[balancing]
max_retries = 0
[probe]
mode = "off"
[budget]
usd_per_day = {budget}
[store]
url = "{store}"
[[providers]]
name = "vendor"
kind = "openai-compatible"
base_url = "http://127.0.0.1:{vendor_port}/v1"
[[providers.models]]
id = "m"
input_usd_per_1m = {INPUT_PRICE * 1e6}
output_usd_per_1m = {OUTPUT_PRICE * 1e6}
""", encoding="utf-8")

    def environment(self) -> dict:
        return {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"),
                "PATH": os.environ["PATH"], "NO_COLOR": "1", "AIBAL_URL": f"http://127.0.0.1:{self.port}"}

    async def start(self) -> None:
        log = (self.folder / "gateway.log").open("ab")
        command = [str(self.binary), "serve", "--config", str(self.folder / "aibal.toml"), "--no-save",
                   "--listen", f"127.0.0.1:{self.port}", "--log-level", "warn"]
        self.child = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.child.poll() is not None:
                raise RuntimeError(f"the gateway ended with {self.child.returncode}, see {self.folder}/gateway.log")
            try:
                if (await self.get("/readyz"))[0] == 200:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.02)
        raise RuntimeError("the gateway is not ready")

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
                         f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        head, _, rest = answer.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)
        if len(status) < 2:
            raise ConnectionError("no answer")
        return int(status[1]), rest

    async def get(self, path: str) -> tuple:
        return await self.ask("GET", path)

    async def spent(self) -> float:
        status, body = await self.get("/api/status")
        text = body[body.index(b"{"):body.rindex(b"}") + 1]
        return json.loads(text)["budget"]["day"]["spentUsd"] if status == 200 else 0.0

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(timeout=60)


async def client(gateway: Gateway, luck: random.Random, counts: dict) -> None:
    while True:
        body = json.dumps({"model": "vendor/m", "max_tokens": luck.randint(20, MAX_TOKENS),
                           "messages": [{"role": "user", "content": "word " * luck.randint(1, 60)}]}).encode()
        try:
            status, _ = await gateway.ask("POST", "/v1/chat/completions", body)
            counts[status] = counts.get(status, 0) + 1
            if status == 429:
                await asyncio.sleep(0.05)
        except OSError:
            await asyncio.sleep(0.02)


async def run(given) -> int:
    luck = random.Random(given.seed)
    vendor = Vendor(random.Random(given.seed + 1))
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # Enough for all but the last few rounds at the usual pace, so that the budget is reached.
    budget = given.budget or given.kills * 0.12
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(program(), Path(folder), port, budget, given.url or "sqlite:kill.db")
        counts: dict = {}
        await gateway.start()
        clients = [asyncio.create_task(client(gateway, random.Random(luck.random()), counts))
                   for _ in range(CLIENTS)]
        faults = []
        for _ in range(given.kills):
            await asyncio.sleep(luck.uniform(0.05, 1.0))
            gateway.kill()
            await gateway.start()
            if vendor.billed > budget + ROUNDING:
                faults.append(f"the vendor billed ${vendor.billed:.6f} of ${budget:.6f}")
                break
        await asyncio.sleep(1)
        for task in clients:
            task.cancel()
        await asyncio.sleep(1)
        known = await gateway.spent()
        if known + ROUNDING < vendor.billed:
            faults.append(f"the gateway knows of ${known:.6f}, and the vendor billed ${vendor.billed:.6f}")
        if vendor.billed > budget + ROUNDING:
            faults.append(f"the vendor billed ${vendor.billed:.6f} of ${budget:.6f}")
        gateway.stop()
        print(f"{given.kills} kills, {vendor.requests} requests, answers {dict(sorted(counts.items()))}: "
              f"billed ${vendor.billed:.4f}, known ${known:.4f} of ${budget:.4f}")
        for fault in faults:
            print(f"FAULT: {fault}")
        return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--url", help="the store; default: SQLite in a temporary folder")
    parser.add_argument("--budget", type=float, help="USD; default: by the number of kills")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    return asyncio.run(run(given))


if __name__ == "__main__":
    sys.exit(main())
