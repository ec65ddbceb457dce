#!/usr/bin/env python3
"""Measures what a dashboard costs the requests: none, attached, stalled, killed, in turns.

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/dashboard.py [--rounds 5] [--seconds 5] [--rate 500]

Attached: `attach` in a terminal of 120x40 that is read. Stalled: the same in a terminal that is not
read. Killed: ended with SIGKILL in the middle of the measurement. Prints the median p50 and p99 of
each, and their ratio to the values without a dashboard.
"""

import argparse
import fcntl
import os
import pathlib
import pty
import signal
import statistics
import struct
import subprocess
import tempfile
import termios
import threading
import time

import run


class Terminal:
    """A dashboard in a terminal of its own."""

    def __init__(self, binary, url, is_read):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": "/nonexistent"}
        self.process = subprocess.Popen([str(binary), "attach", url], stdin=slave, stdout=slave,
                                        stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
        os.close(slave)
        self.seen = 0
        # A stalled terminal is read until the first frame; before that, nothing would stall.
        reader = threading.Thread(target=self.read, args=(None if is_read else 2000,), daemon=True)
        reader.start()
        if not is_read:
            reader.join(10)

    def read(self, most):
        try:
            while most is None or self.seen < most:
                self.seen += len(os.read(self.master, 65536))
        except OSError:
            pass

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


def measure(bench, ours, state):
    rate = bench.options.rate
    if state == "none":
        return bench.rate(ours, rate)
    terminal = Terminal(bench.options.binary, f"http://{ours.address}", state != "stalled")
    time.sleep(1)
    if state == "killed":
        threading.Timer(bench.options.seconds / 2, lambda: terminal.process.send_signal(signal.SIGKILL)).start()
    try:
        return bench.rate(ours, rate)
    finally:
        terminal.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load", help="the load tool; default: the newest that cargo built")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=500)
    options = parser.parse_args()
    options.binary = pathlib.Path(options.binary).resolve()
    states = ("none", "attached", "stalled", "killed")
    found = {state: [] for state in states}
    with tempfile.TemporaryDirectory() as folder:
        bench = run.Bench(options, folder)
        try:
            ours = bench.ours()
            bench.rate(ours, options.rate)
            for _ in range(options.rounds):
                for state in states:
                    found[state].append(measure(bench, ours, state))
        finally:
            bench.stop()
    base = {key: statistics.median(one[key] for one in found["none"]) for key in ("p50", "p99")}
    for state, rounds in found.items():
        p50, p99 = (statistics.median(one[key] for one in rounds) for key in ("p50", "p99"))
        print(f"{state:9} p50 {p50:.3f} ms ({p50 / base['p50']:.2f})  p99 {p99:.3f} ms ({p99 / base['p99']:.2f})")


if __name__ == "__main__":
    main()
