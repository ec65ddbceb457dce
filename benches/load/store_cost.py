#!/usr/bin/env python3
"""What does the store cost? The same gateway with it and without it, in turns.

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/store_cost.py [--rate 2000] [--seconds 6] [--rounds 5]

Prints the CPU time for 10,000 requests at a fixed rate and at the ceiling (wrk), the throughput there,
memory, and the rows that the store wrote and lost. Needs wrk.
"""

import argparse
import json
import tempfile
import time
import urllib.request

import run


def at_rate(bench, subject, per_second):
    cpu = subject.cpu()
    found = bench.rate(subject, per_second)
    # The tool's first second warms up and costs as much as the others.
    found["cpuPer10k"] = (subject.cpu() - cpu) / (per_second * (bench.options.seconds + 1)) * 1e4
    return found


def rows(subject):
    with urllib.request.urlopen(f"http://{subject.address}/api/status", timeout=10) as answer:
        store = json.load(answer).get("store") or {}
    return f"{store.get('written', 0)} rows written, {store.get('dropped', 0)} lost"


def report(bench):
    plain = run.OURS
    subjects = []
    for name, more in (("on", ""), ("off", '[store]\nurl = "off"\n')):
        run.OURS = plain + more
        subject = bench.ours()
        subject.name = name
        subjects.append(subject)
    time.sleep(1)
    rate = bench.options.rate
    parts = ((f"{rate} requests/s", lambda subject: at_rate(bench, subject, rate)),
             ("64 connections, as fast as they go", bench.throughput))
    for title, measure in parts:
        print(f"\n{title}")
        found = run.in_turns(bench, subjects, measure)
        for subject in subjects:
            rounds = found[subject.name]
            speed = f"{run.median(rounds, 'perSecond'):9.0f}/s  " if "perSecond" in rounds[0] else ""
            print(f"  {subject.name:4} {speed}{run.median(rounds, 'cpuPer10k'):.3f} CPU s per 10k, "
                  f"{subject.memory():.0f} MiB, {rows(subject)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = run.Bench(options, folder)
        try:
            report(bench)
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
