#!/usr/bin/env python3
"""Does a request notice that a million old rows are deleted?

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/retention.py [--requests 1000000] [--rate 500] [--seconds 10] [--rounds 3]

Fills a store with made-up requests of 29 days (see history.py), then measures the latency of requests in
turns: with `rows_days = 30`, which keeps all, and with `rows_days = 1`, which deletes nearly all of them
while the requests run. Prints medians of p50 and p99 and the rows before and after each deletion.
"""

import argparse
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

import history
import run


def rows(database):
    """Number of old attempts that are still there; they are deleted before the requests."""
    sql = f"SELECT count(*) FROM attempts WHERE at < {int((time.time() - 2 * 86_400) * 1e6)}"
    if isinstance(database, history.Sqlite):
        connection = sqlite3.connect(database.path)
        count = connection.execute(sql).fetchone()[0]
        connection.close()
        return count
    found = subprocess.run(database.psql() + ["-t", "-c", sql], check=True, stdout=subprocess.PIPE, cwd=database.folder)
    return int(found.stdout)


def measure(bench, kind, folder):
    folder.mkdir()
    database = kind(folder)
    plain = run.OURS
    try:
        run.OURS = plain + f'[store]\nurl = "{database.url}"\n'
        path = folder / "aibal.toml"
        path.write_text(run.OURS.format(upstream=bench.upstream, address=run.free_address()))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOAD_KEY": "sk-load"}
        subprocess.run([str(bench.options.binary), "--config", str(path), "store", "migrate"], check=True,
                       env=environment, stdout=subprocess.DEVNULL)
        made = history.Made(bench.options.requests, 29, "made")
        if kind is history.Postgres:
            database.days(int(made.first // 86_400), int(made.now // 86_400))
        history.fill(database, made)
        print(f"\n{database.name}, {rows(database)} old attempts, {bench.options.rate} requests/s", flush=True)
        found = {30: [], 1: []}
        for _ in range(bench.options.rounds):
            for days, figures in found.items():
                run.OURS = plain + f'[store]\nurl = "{database.url}"\nrows_days = {days}\n'
                before = rows(database)
                ours = bench.ours()
                # The first deletion comes ten seconds after the start.
                time.sleep(12)
                figures.append(bench.rate(ours, bench.options.rate))
                ours.process.send_signal(signal.SIGTERM)
                ours.process.wait(20)
                print(f"  rows_days = {days:2}: p50 {figures[-1]['p50']:.3f} ms  p99 {figures[-1]['p99']:.3f} ms  "
                      f"old attempts {before} -> {rows(database)}", flush=True)
        ratio = run.median(found[1], "p99") / run.median(found[30], "p99")
        print(f"  p99 while rows are deleted: {ratio:.2f} of what it is without")
    finally:
        run.OURS = plain
        database.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    options = parser.parse_args()
    kinds = {"sqlite": [history.Sqlite], "postgres": [history.Postgres], "both": [history.Sqlite, history.Postgres]}
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        bench = run.Bench(options, folder)
        try:
            for kind in kinds[options.database]:
                measure(bench, kind, pathlib.Path(folder) / kind.name.lower())
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
