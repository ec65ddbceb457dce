#!/usr/bin/env python3
"""A long run under half of the possible load: does memory grow, is an answer wrong?

    cargo build --profile dist && cargo bench --bench load --no-run
    python3 benches/load/soak.py [--minutes 36] [--warm-up 16] [--rate REQUESTS_PER_SECOND]

There are two upstreams. One flaps: healthy, failing, healthy, dropping connections, 15 seconds each.
Of ten requests six ask for a whole answer, three for a stream, and one leaves in the middle of a
stream. Every answer is checked. The rate is half of what a short run with wrk reaches, at most 2000
per second, unless --rate is given. Memory and descriptors are read every five seconds; the slope is
a least-squares fit without the first sixteen minutes, in which the traffic recorded for
forecasts fills up. Exits with 1 if memory grows by more than 1 MiB in ten minutes, if the second half
has more descriptors than the first, if some stay open at the end, or if an answer was wrong.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import run

CONFIGURATION = """
[server]
listen = "{address}"
[[providers]]
name = "steady"
kind = "openai-compatible"
base_url = "http://{steady}/v1"
api_key_env = "LOAD_KEY"
[[providers]]
name = "flapping"
kind = "openai-compatible"
base_url = "http://{flapping}/v1"
api_key_env = "LOAD_KEY"
"""

MODELS = "".join(f"""
[[providers.models]]
id = "{model}"
types = ["chat"]
input_usd_per_1m = 1.0
output_usd_per_1m = 4.0
""" for model in ("mock", "paced"))


# Upstream connections that stay open for the next request.
KEPT = 20


class Soak(run.Bench):
    def pair(self):
        """The gateway in front of two upstreams."""
        flapping = run.free_address()
        run.wait_for(flapping, self.start("flapping", [self.load, "upstream", flapping, "flapping"]))
        address = run.free_address()
        head, steady, other = CONFIGURATION.format(
            address=address, steady=self.upstream, flapping=flapping).split("[[providers]]")
        path = self.folder / "soak.toml"
        path.write_text(f"{head}[[providers]]{steady}{MODELS}[[providers]]{other}{MODELS}")
        return self.gateway(path, address)


def slope(samples):
    """The growth of memory, in MiB per ten minutes."""
    count = len(samples)
    mean_at = sum(at for at, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    above = sum((at - mean_at) * (value - mean) for at, value in samples)
    return above / sum((at - mean_at) ** 2 for at, _ in samples) * 600


def watch(process, ours):
    began, samples = time.monotonic(), []
    while process.poll() is None:
        samples.append((time.monotonic() - began, ours.memory(), ours.descriptors()))
        if len(samples) % 24 == 0:
            at, memory, descriptors = samples[-1]
            print(f"  {at / 60:5.1f} min: {memory:.1f} MiB, {descriptors} descriptors", flush=True)
        time.sleep(5)
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui")
    parser.add_argument("--load", help="the load tool; default: the newest that cargo built")
    parser.add_argument("--minutes", type=float, default=36)
    parser.add_argument("--warm-up", type=float, default=16)
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()
    options.binary, options.seconds = pathlib.Path(options.binary).resolve(), 5
    with tempfile.TemporaryDirectory() as folder:
        bench = Soak(options, folder)
        try:
            ours = bench.pair()
            before = ours.descriptors()
            rate = options.rate
            if rate is None:
                most = bench.throughput(ours)["perSecond"]
                rate = min(most / 2, 2000)
                print(f"{most:.0f} requests/s are possible")
            print(f"{rate:.0f} requests/s for {options.minutes:g} minutes", flush=True)
            words = [bench.load, "mixed", ours.address, rate, int(options.minutes * 60)]
            process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
            samples = watch(process, ours)
            found = json.loads(process.stdout.read())
            time.sleep(2)
            after = ours.descriptors()
        finally:
            bench.stop()
    warm = [sample for sample in samples if sample[0] >= options.warm_up * 60]
    grown = slope([(at, memory) for at, memory, _ in warm])
    open_at = [descriptors for _, _, descriptors in warm]
    early, late = open_at[:len(open_at) // 2], open_at[len(open_at) // 2:]
    usual = [statistics.median(half) for half in (early, late)]
    print(f"{found['count']} whole answers timed, {found['wrong']} wrong; p50 {found['p50']:.2f} ms, p99 {found['p99']:.2f} ms")
    print(f"memory {warm[0][1]:.1f} to {warm[-1][1]:.1f} MiB, slope {grown:+.2f} MiB in 10 min; "
          f"descriptors usually {usual[0]:.0f} in the first half, {usual[1]:.0f} in the second "
          f"(at most {max(early)} and {max(late)}), {after} after, {before} before")
    is_well = found["wrong"] == 0 and grown <= 1.0 and usual[1] <= usual[0] * 1.1 + 5 and after <= before + KEPT
    print("nothing grows, nothing is wrong" if is_well else "NOT WELL")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
