#!/usr/bin/env python3
"""Measures what the gateway costs, next to nginx as a plain reverse proxy and to a direct connection.

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/run.py [--rounds 3] [--seconds 5] [--only throughput,rates,streams,open]

Needs nginx and wrk (Debian: apt-get install nginx wrk). Starts everything on free loopback ports,
measures direct, nginx and ours in turns, and prints medians and ratios. Compare the ratios: machines
differ and are noisy, and load generator, upstream and gateway share one machine.

`--binary` measures another gateway binary; `--json FILE` writes the figures to a file.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PARTS = ("throughput", "rates", "streams", "open")

BODY = json.dumps({
    "model": "mock",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Tell me in one sentence what the quick brown fox does."},
    ],
    "max_tokens": 64,
})

WRK = """
wrk.method = "POST"
wrk.body = [==[%s]==]
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer client"
""" % BODY

NGINX = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    upstream mock {{ server {upstream}; keepalive 128; keepalive_requests 1000000; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""

OURS = """
[server]
listen = "{address}"
[balancing]
max_retries = 1
[[providers]]
name = "mock"
kind = "openai-compatible"
base_url = "http://{upstream}/v1"
api_key_env = "LOAD_KEY"
[[providers.models]]
id = "mock"
types = ["chat"]
input_usd_per_1m = 1.0
output_usd_per_1m = 4.0
[[providers.models]]
id = "paced"
types = ["chat"]
[[providers.models]]
id = "slow"
types = ["chat"]
"""


def fail(text):
    sys.exit(text)


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def wait_for(address, process):
    host, port = address.split(":")
    for _ in range(2000):
        if process.poll() is not None:
            fail(f"{process.args[0]} ended with {process.returncode}")
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return
        except OSError:
            time.sleep(0.002)
    fail(f"nothing listens on {address}")


def children(pid):
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in file.read().split():
                found += children(int(child))
    except FileNotFoundError:
        pass
    return found


class Subject:
    """A process to measure: its address and its cost."""

    def __init__(self, name, address, process=None):
        self.name, self.address, self.process = name, address, process

    def pids(self):
        return children(self.process.pid) if self.process else []

    def cpu(self):
        seconds = 0.0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            seconds += (int(fields[11]) + int(fields[12])) / TICK
        return seconds

    def memory(self):
        """Resident MiB."""
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * PAGE / 2**20

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.load = newest_load(options.load)
        self.running = []
        upstream = free_address()
        wait_for(upstream, self.start("upstream", [self.load, "upstream", upstream]))
        self.upstream = upstream
        self.direct = Subject("direct", upstream)
        (self.folder / "post.lua").write_text(WRK)

    def start(self, name, words, **extra):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log, **extra)
        self.running.append(process)
        return process

    def nginx(self):
        address = free_address()
        text = NGINX.format(folder=self.folder, upstream=self.upstream, address=address)
        (self.folder / "nginx.conf").write_text(text)
        words = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", self.folder / "nginx.conf", "-g", "daemon off;"]
        process = self.start("nginx", words)
        wait_for(address, process)
        return Subject("nginx", address, process)

    def ours(self):
        address = free_address()
        path = self.folder / "aibal.toml"
        path.write_text(OURS.format(upstream=self.upstream, address=address))
        return self.gateway(path, address)

    def gateway(self, path, address):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LOAD_KEY": "sk-load"}
        words = [self.options.binary, "--config", path, "serve"]
        began = time.monotonic()
        process = self.start("ours", words, env=environment, cwd=self.folder)
        wait_for(address, process)
        subject = Subject("ours", address, process)
        subject.start = time.monotonic() - began
        return subject

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()

    def tool(self, *words):
        words = [str(self.load), *(str(word) for word in words)]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def throughput(self, subject):
        cpu = subject.cpu()
        seconds = self.options.seconds
        words = ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", self.folder / "post.lua",
                 f"http://{subject.address}/v1/chat/completions"]
        text = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=True).stdout.decode()
        count = int(re.search(r"(\d+) requests in", text)[1])
        if wrong := re.search(r"Non-2xx.*|Socket errors.*", text):
            fail(f"{subject.name}: {wrong[0]}")
        per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
        return {"perSecond": per_second, "cpuPer10k": (subject.cpu() - cpu) / count * 1e4}

    def rate(self, subject, per_second):
        return checked(subject, self.tool("rate", subject.address, per_second, self.options.seconds))

    def streams(self, subject, model):
        cpu = subject.cpu()
        found = checked(subject, self.tool("streams", subject.address, model, 32, self.options.seconds))
        # The tool's first second warms up and costs as much as the others.
        made = found["perSecond"] * (self.options.seconds + 1)
        found["cpuPer1k"] = (subject.cpu() - cpu) / made * 1e3
        return found

    def open(self, subject, count):
        cpu, before = subject.cpu(), subject.memory()
        words = [str(self.load), "open", subject.address, str(count)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        most = before
        while process.poll() is None:
            most = max(most, subject.memory())
            time.sleep(0.2)
        found = json.loads(process.stdout.read())
        found["kibPerStream"] = (most - before) * 1024 / count
        found["cpu"] = subject.cpu() - cpu
        return found


def checked(subject, found):
    if found["wrong"]:
        fail(f"{subject.name}: {found['wrong']} wrong answers of {found['count'] + found['wrong']}")
    return found


def newest_load(given):
    if given:
        return pathlib.Path(given).resolve()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = [path for path in target.glob("release/deps/load-*") if path.suffix == "" and os.access(path, os.X_OK)]
    if not found:
        fail("the load tool is not built: cargo bench --bench load --no-run")
    return max(found, key=lambda path: path.stat().st_mtime)


def median(rounds, key):
    return statistics.median(found[key] for found in rounds)


def in_turns(bench, subjects, measure):
    """Measures each subject in every round, so that a slow minute affects all of them."""
    found = {subject.name: [] for subject in subjects}
    for _ in range(bench.options.rounds):
        for subject in subjects:
            found[subject.name].append(measure(subject))
    return found


def report(bench):
    direct, nginx, ours = bench.direct, bench.nginx(), bench.ours()
    parts = bench.options.only
    figures = {"startSeconds": ours.start}
    time.sleep(1)
    figures["idleMib"] = {subject.name: subject.memory() for subject in (nginx, ours)}
    print(f"start {ours.start * 1e3:.0f} ms; idle {ours.memory():.1f} MiB, nginx {nginx.memory():.1f} MiB")
    if "throughput" in parts:
        found = in_turns(bench, (direct, nginx, ours), bench.throughput)
        figures["throughput"] = found
        base = median(found["nginx"], "perSecond")
        print("\n64 connections, short answers")
        for name, rounds in found.items():
            rate, cpu = median(rounds, "perSecond"), median(rounds, "cpuPer10k")
            print(f"  {name:8} {rate:9.0f}/s  {rate / base:5.2f} of nginx  {cpu:5.2f} CPU s per 10k")
        print(f"  loaded {ours.memory():.1f} MiB")
        figures["loadedMib"] = ours.memory()
    if "rates" in parts:
        for rate in (200, 1000):
            found = in_turns(bench, (direct, nginx, ours), lambda subject: bench.rate(subject, rate))
            figures[f"rate{rate}"] = found
            base = median(found["direct"], "p50")
            print(f"\n{rate} requests/s")
            for name, rounds in found.items():
                p50, p99 = median(rounds, "p50"), median(rounds, "p99")
                print(f"  {name:8} p50 {p50:.3f} ms ({p50 - base:+.3f} over direct)  p99 {p99:.3f} ms")
    if "streams" in parts:
        for model, what in (("mock", "chunks at once"), ("paced", "chunks 10 ms apart")):
            found = in_turns(bench, (direct, nginx, ours), lambda subject: bench.streams(subject, model))
            figures[f"streams-{model}"] = found
            base = {key: median(found["direct"], key) for key in ("perSecond", "p50")}
            print(f"\nstreams of 64 chunks, 32 clients, {what}")
            for name, rounds in found.items():
                rate, cpu = median(rounds, "perSecond"), median(rounds, "cpuPer1k")
                p50, p99 = median(rounds, "p50"), median(rounds, "p99")
                print(f"  {name:8} {rate:7.0f}/s {rate / base['perSecond']:5.2f} of direct  {cpu:5.2f} CPU s per 1k"
                      f"  first byte p50 {p50:.3f} ms ({p50 - base['p50']:+.3f}), p99 {p99:.3f} ms")
    if "open" in parts:
        print("\n2000 streams open at once, a chunk a second")
        figures["open"] = {}
        for subject in (nginx, ours):
            found = bench.open(subject, 2000)
            figures["open"][subject.name] = found
            print(f"  {subject.name:8} {found['count']} whole, {found['wrong']} wrong, "
                  f"{found['kibPerStream']:.1f} KiB a stream, {found['cpu']:.2f} CPU s")
        print(f"  after: {ours.memory():.1f} MiB, {ours.descriptors()} descriptors")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load", help="the load tool; default: the newest that cargo built")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=PARTS)
    parser.add_argument("--json", help="also write the figures there")
    options = parser.parse_args()
    options.binary = pathlib.Path(options.binary).resolve()
    if not options.binary.exists():
        fail("the gateway is not built: cargo build --profile dist")
    for needed in ("wrk", "nginx"):
        if not (shutil.which(needed) or pathlib.Path("/usr/sbin", needed).exists()):
            fail(f"{needed} is missing (Debian: apt-get install nginx wrk)")
    if unknown := set(options.only) - set(PARTS):
        fail(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        bench = Bench(options, folder)
        try:
            figures = report(bench)
        finally:
            bench.stop()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
