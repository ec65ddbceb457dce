#!/usr/bin/env python3
"""Does a request notice that the store is away, or that its disk is full?

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/store_faults.py [--rate 500] [--seconds 10] [--rounds 3]

Measures the latency of requests in turns: with the store well, and with it failing. PostgreSQL (a private
one, from Debian's package) is killed and started again; SQLite lies on a file system in memory that is
filled and emptied again (needs root, to mount it). Prints medians of p50 and p99, and what the program says
of its store: rows lost, and whether it writes again. Exits with 1 if it does not, or if rows are missing
that it does not count as lost.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import history
import run


class Disk:
    """SQLite on a file system of 256 MB."""

    name = "SQLite, disk full"

    def __init__(self, folder):
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)], check=True)
        self.folder = folder
        self.url = f"sqlite:{folder / 'aibal.db'}"

    def fail(self):
        # What is already written may be overwritten, so only growth fails.
        free = shutil.disk_usage(self.folder).free
        with open(self.folder / "filler", "wb") as file:
            while free > 0:
                try:
                    free -= file.write(b"\0" * min(free, 1 << 20))
                    file.flush()
                except OSError:
                    break

    def mend(self):
        (self.folder / "filler").unlink()

    def stop(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Server(history.Postgres):
    name = "PostgreSQL killed"

    def __init__(self, folder):
        folder.mkdir()
        super().__init__(folder)

    def fail(self):
        self.stop()

    def mend(self):
        self.start()


def status(ours):
    with urllib.request.urlopen(f"http://{ours.address}/api/status", timeout=10) as answer:
        return json.load(answer)


def until_ok(ours):
    for _ in range(600):
        store = status(ours)["store"]
        if store["state"] == "ok" and store["queued"] == 0:
            return store
        time.sleep(0.1)
    run.fail(f"the store does not write again: {store}")


def measure(bench, kind, folder):
    database = kind(folder / kind.__name__.lower())
    try:
        run.OURS = bench.configuration + f'[store]\nurl = "{database.url}"\n'
        ours = bench.ours()
        bench.rate(ours, bench.options.rate)
        found = {"well": [], "failing": []}
        for _ in range(bench.options.rounds):
            found["well"].append(bench.rate(ours, bench.options.rate))
            database.fail()
            found["failing"].append(bench.rate(ours, bench.options.rate))
            said = status(ours)["store"]["state"]
            database.mend()
            store = until_ok(ours)
        print(f"\n{database.name} ({bench.options.rate} requests/s; while it fails, the state is {said})")
        for name, rounds in found.items():
            p50, p99 = run.median(rounds, "p50"), run.median(rounds, "p99")
            print(f"  {name:8} p50 {p50:.3f} ms  p99 {p99:.3f} ms")
        ratio = run.median(found["failing"], "p99") / run.median(found["well"], "p99")
        print(f"  p99 {ratio:.2f} of what it is with the store well; then {store}")
    finally:
        database.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        bench = run.Bench(options, folder)
        bench.configuration = run.OURS
        try:
            for kind in (Server, Disk):
                measure(bench, kind, pathlib.Path(folder))
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
