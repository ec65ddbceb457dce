"""The servers of all kinds, the program in front of them, and what it takes and says meanwhile."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 15
# Each kind of provider and the path of its base address.
KINDS = {"openai": "/v1", "openai-compatible": "/v1", "xai": "/v1", "anthropic": "/v1", "gemini": "/v1beta",
         "ollama": ""}
SETTINGS = """
[server]
drain_seconds = 2
max_in_flight = 64
[balancing]
max_retries = 0
timeout_ms = 8000
connect_timeout_ms = 4000
first_token_timeout_ms = 5000
idle_timeout_ms = 4000
stream_timeout_ms = 8000
[probe]
mode = "off"
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def provider(slot: int, kind: str) -> str:
    return f"s{slot}-{kind}"


async def read_message(reader) -> tuple:
    """The first line, headers and body of an HTTP request."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return lines[0], headers, await reader.readexactly(int(headers.get("content-length") or 0))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return lines[0], headers, body


class Servers:
    """One listener for the providers of all slots; the path says whose request it is."""

    def __init__(self, slots: int):
        self.exchanges = [None] * slots

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer) -> None:
        try:
            first, _, body = await read_message(reader)
            path = first.split(" ")[1]
            _, slot, kind, rest = path.split("/", 3)
            exchange = self.exchanges[int(slot[1:])]
            try:
                asked = json.loads(body) if body else None
            except (ValueError, RecursionError):
                asked = None
            sent = exchange.answer_to(kind, "/" + rest, body, asked)
            await self.send(sent, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, OSError,
                asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def send(self, sent, writer) -> None:
        writer.write(sent.head)
        for pause, piece in sent.pieces:
            if pause:
                await asyncio.sleep(pause)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if sent.is_chunked else piece)
            await writer.drain()
        if sent.ending == "close" and sent.is_chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        if sent.ending == "hang":
            await asyncio.sleep(20)
        if sent.ending == "reset":
            writer.transport.abort()


class Gateway:
    """The program, as a child."""

    def __init__(self, binary: Path, folder: Path, port: int, core):
        self.binary, self.folder, self.port, self.core = binary, folder, port, core
        self.log = folder / "gateway.log"
        self.memory, self.calls, self.caller, self.watcher = [], [], None, None

    async def start(self, servers_port: int, slots: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = SETTINGS
        for slot in range(slots):
            for kind, path in KINDS.items():
                text += f'\n[[providers]]\nname = "{provider(slot, kind)}"\nkind = "{kind}"\n'
                text += f'base_url = "http://127.0.0.1:{servers_port}/s{slot}/{kind}{path}"\n'
                text += '' if kind == "ollama" else 'api_key_env = "FUZZ_KEY"\n'
                text += '[[providers.models]]\nid = "m"\ntypes = ["chat", "vision", "artifact"]\n'
                text += '[[providers.models]]\nid = "v"\ntypes = ["embedding"]\n'
        configuration = self.folder / "gateway.toml"
        configuration.write_text(text, encoding="utf-8")
        command = [str(self.binary), "serve", "--config", str(configuration), "--no-save",
                   "--listen", f"127.0.0.1:{self.port}", "--log-level", "warn"]
        if self.core is not None:
            command = ["taskset", "-c", str(self.core), *command]
        variables = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "FUZZ_KEY": "key", "NO_COLOR": "1",
                     "RUST_BACKTRACE": "1"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=variables, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.is_alive():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        raise RuntimeError(f"the program does not start: {self.log.read_text(errors='replace')[-800:]}")

    def is_alive(self) -> bool:
        return self.process.poll() is None

    async def stop(self) -> None:
        await self.unwatch()
        if self.is_alive():
            self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # ---- what it takes ----

    def watch(self) -> None:
        """Measures memory and the time of /healthz, which is asked by a process of its own."""
        script = Path(__file__).with_name("alive.py")
        self.caller = subprocess.Popen([sys.executable, str(script), str(self.port)], stdout=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL)
        self.watcher = asyncio.create_task(self.measure())

    async def measure(self) -> None:
        while self.is_alive():
            self.memory.append((time.monotonic(), self.kilobytes("VmRSS")))
            await asyncio.sleep(0.5)

    async def unwatch(self) -> None:
        if self.caller is None:
            return
        self.watcher.cancel()
        self.memory.append((time.monotonic(), self.kilobytes("VmRSS")))
        self.peak = self.kilobytes("VmHWM")
        self.caller.send_signal(signal.SIGTERM)
        out, _ = await asyncio.to_thread(self.caller.communicate)
        self.calls = sorted(float(line) for line in out.split())
        self.caller = None

    def kilobytes(self, name: str) -> int:
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
        return int(found[1]) if found else 0

    def slowest(self, share: float) -> float:
        """The time below which this share of calls stays, in milliseconds."""
        if not self.calls:
            return 0.0
        return self.calls[min(len(self.calls) - 1, int(len(self.calls) * share))]

    def measured(self) -> str:
        start = self.memory[0][0]
        first = max(size for at, size in self.memory if at - start <= 60)
        return (f"/healthz: {len(self.calls)} calls, p50 {self.slowest(0.5):.1f} ms, p99 {self.slowest(0.99):.1f} ms, "
                f"p99.9 {self.slowest(0.999):.1f} ms, longest {self.slowest(1):.1f} ms\n"
                f"memory: first minute at most {first // 1024} MB, peak {self.peak // 1024} MB, "
                f"idle {self.memory[-1][1] // 1024} MB")

    def faults(self, peak_mb=None, alive_ms=None) -> list:
        found = []
        text = self.log.read_text(errors="replace")
        if at := re.search(r"panick|handler panicked|overflow|fatal runtime", text):
            found.append(f"the log says: {text[max(0, at.start() - 600):at.start() + 1500]}")
        if not self.is_alive():
            found.append(f"the program ended with {self.process.returncode}: {text[-1500:]}")
        if peak_mb is not None and self.peak > peak_mb * 1024:
            found.append(f"it took {self.peak // 1024} MB, more than {peak_mb} MB")
        if self.calls and self.calls[-1] < 0 or peak_mb is not None and not self.calls:
            found.append("/healthz was not answered")
        if alive_ms is not None and self.slowest(0.999) > alive_ms:
            found.append(f"/healthz took {self.slowest(0.999):.0f} ms at p99.9, more than {alive_ms:.0f} ms")
        return found
