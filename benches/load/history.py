#!/usr/bin/env python3
"""Measures the views of an instance whose store holds a million requests.

    cargo build --profile dist
    python3 benches/load/history.py [--requests 1000000] [--days 30] [--database sqlite|postgres|both]

Makes a database with the program itself (`store migrate`), fills it with made-up rows and sums of the
last days (six targets, five clients, forty tags), starts the program on it, and asks for every view over
HTTP, each twenty times. Prints the median and the slowest in milliseconds. PostgreSQL is a private one,
started from Debian's package. `--binary` measures another program; `--keep FOLDER` leaves the database
there; `--most MS` exits with 1 if a median is above.
"""

import argparse
import glob
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

import run

TARGETS = [("ollama", "llama"), ("openai", "small"), ("openai", "large"), ("anthropic", "claude"),
           ("xai", "grok"), ("google", "gemini")]
CLIENTS = ["", "search", "mail", "batch", "support"]
TAGS = [""] + ["team-%d" % number for number in range(39)]
ERRORS = [("server", 503), ("timeout", 504), ("rate_limit", 429)]
COUNTED = ("succeeded", "failed", "latency_sum_ms", "cost_pico", "tokens")

CONFIGURATION = """
[server]
listen = "{address}"
metrics_cache_ms = 0
[probe]
mode = "off"
[store]
url = "{url}"
"""


def configuration(address, url):
    text = CONFIGURATION.format(address=address, url=url)
    for provider in dict.fromkeys(provider for provider, _ in TARGETS):
        text += f"""
[[providers]]
name = "{provider}"
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "LOAD_KEY"
"""
        for model in (model for owner, model in TARGETS if owner == provider):
            text += f"""[[providers.models]]
id = "{model}"
types = ["chat"]
input_usd_per_1m = 1.0
output_usd_per_1m = 4.0
"""
    return text


class Sqlite:
    name = "SQLite"

    def __init__(self, folder):
        self.path = folder / "aibal.db"
        self.url = f"sqlite:{self.path}"

    def fill(self, table, columns, rows):
        database = sqlite3.connect(self.path, isolation_level=None)
        database.execute("PRAGMA journal_mode = wal")
        database.execute("BEGIN")
        places = ",".join("?" * len(columns))
        database.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({places})", rows)
        database.execute("COMMIT")
        database.close()

    def finish(self):
        pass

    def stop(self):
        pass


class Postgres:
    name = "PostgreSQL"

    def __init__(self, folder):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            run.fail("PostgreSQL is not installed: apt-get install postgresql")
        self.programs = pathlib.Path(programs[-1])
        self.folder = folder / "cluster"
        self.folder.mkdir()
        # PostgreSQL refuses to run as root.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            for part in (folder, self.folder):
                shutil.chown(part, "postgres")
            os.chmod(folder, 0o755)
        self.call(self.programs / "initdb", "-D", self.folder, "-U", "postgres", "--auth=trust", "--no-sync")
        self.start()
        self.url = f"postgres://postgres@localhost/postgres?host={self.folder}"

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self.call(self.programs / "pg_ctl", "-D", self.folder, "-o", options, "-w", "-l", self.folder / "log", "start")

    def call(self, *words):
        words = self.user + [str(word) for word in words]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def psql(self):
        return self.user + [str(self.programs / "psql"), "-q", "-h", str(self.folder), "-U", "postgres",
                            "-v", "ON_ERROR_STOP=1"]

    def days(self, first, last):
        """Partitions that the program would have made on these days."""
        text = ""
        for day in range(first, last + 1):
            for table in ("attempts", "requests", "events"):
                begin, end = day * 86_400_000_000, (day + 1) * 86_400_000_000
                text += (f"CREATE TABLE IF NOT EXISTS {table}_{day} PARTITION OF {table} "
                         f"FOR VALUES FROM ({begin}) TO ({end});\n")
        subprocess.run(self.psql(), input=text.encode(), check=True, cwd=self.folder)

    def fill(self, table, columns, rows):
        words = self.psql() + ["-c", f"COPY {table} ({','.join(columns)}) FROM STDIN"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, cwd=self.folder)
        for row in rows:
            line = "\t".join("\\N" if value is None else str(value) for value in row)
            process.stdin.write(line.encode() + b"\n")
        process.stdin.close()
        if process.wait() != 0:
            run.fail(f"COPY {table} failed")

    def finish(self):
        subprocess.run(self.psql() + ["-c", "ANALYZE"], check=True, cwd=self.folder)

    def stop(self):
        self.call(self.programs / "pg_ctl", "-D", self.folder, "-m", "immediate", "stop")


def columns_of(table):
    """Columns as the schema of the program has them."""
    text = (run.ROOT / "src/store/tables.rs").read_text()
    part = text.split(f"pub(super) const {table.upper()}: Table", 1)[1]
    part = part.split("columns: &[", 1)[1].split("]", 1)[0]
    return [word.strip().strip('"') for word in part.split(",") if word.strip()]


class Made:
    """Made-up requests of some days, and the sums of them."""

    def __init__(self, count, days, instance):
        self.count, self.instance = count, instance
        self.now = time.time()
        self.first = self.now - days * 86_400
        self.random = random.Random(7)
        self.sums = {}

    def explanation(self):
        names = [list(target) for target in TARGETS]
        numbers = [0.123456789] * 14
        candidates = [{"t": place, "p": False, "v": numbers, "f": 3, "c": [1e-06, 4e-06]} for place in range(6)]
        turn = {"at": int(self.now * 1e6), "n": 1, "s": "adaptive", "g": [0.02, 0.01, 0.5, 0.02, 0.1],
                "w": [30.0, 40.0, 30.0, 10.0, 10.0], "v": 1, "c": ["chat", True], "io": [300.0, 200.0],
                "l": [0.5, 0.5], "x": 0, "y": 0, "k": candidates, "o": 0}
        return json.dumps({"t": names, "r": [turn], "a": []}, separators=(",", ":"))

    def rows(self):
        """Yields the values of each request by name."""
        text = self.explanation()
        for number in range(self.count):
            at = self.first + (self.now - 5 - self.first) * number / self.count
            provider, model = self.random.choices(TARGETS, (40, 20, 5, 15, 10, 10))[0]
            is_ok = self.random.random() > 0.01
            failure, status = ("", 200) if is_ok else self.random.choice(ERRORS)
            latency = self.random.lognormvariate(0.3, 0.6)
            micros = int(at * 1e6)
            row = {
                "instance": self.instance, "seq": number, "at": micros, "started": micros - int(latency * 1e6),
                "decision": "%016x" % (int(at / 2) % 2**20 << 44 | self.random.getrandbits(44)), "attempt": 1,
                "request_id": "made-%d" % number, "provider": provider, "model": model,
                "client": self.random.choice(CLIENTS), "tag": self.random.choice(TAGS), "model_asked": "auto",
                "outcome": "ok" if is_ok else "error", "failure": failure, "status": status,
                "message": "" if is_ok else "the provider answered with an error", "score": 0.8,
                "reason": "best score", "attempts": 1, "latency_us": int(latency * 1e6),
                "first_token_us": int(latency * 2e5), "input_tokens": 300, "output_tokens": 200, "cached_tokens": 0,
                "cost_pico": 1_100_000_000, "cost_basis": "exact", "dropped_fields": 0, "streamed": 1, "load": 0.5,
                "prompt": 300.0, "class": 3, "trial": 0, "client_deadline": 0, "silent_us": None,
                "explanation": text,
            }
            self.add(row, at, latency, is_ok)
            yield row

    def add(self, row, at, latency, is_ok):
        places = [("requests", "", "", "", ""), ("target", row["provider"], row["model"], "", ""),
                  ("client", row["provider"], row["model"], row["client"], row["tag"])]
        for scope, *names in places:
            for width in (60, 3_600, 86_400) if scope == "client" else (60, 3_600):
                key = (width, int(at) // width * width, self.instance, scope, *names)
                counts, latencies, firsts = self.sums.setdefault(key, ([0, 0, 0.0, 0, 0], {}, {}))
                counts[0 if is_ok else 1] += 1
                counts[2] += latency * 1e3
                counts[3] += row["cost_pico"]
                counts[4] += 500
                for cells, seconds in ((latencies, latency), (firsts, latency / 5)):
                    cell = min(140, max(0, int(seconds * 1e3).bit_length() * 7))
                    cells[cell] = cells.get(cell, 0) + 1

    def roll_ups(self, columns):
        def text(cells):
            return " ".join(f"{cell}:{count}" for cell, count in sorted(cells.items()))

        for (width, start, instance, *names), (counts, latencies, firsts) in sorted(self.sums.items()):
            count = counts[0] + counts[1]
            known = dict(zip(COUNTED, counts))
            known |= dict(zip(("scope", "provider", "model", "client", "tag"), names))
            known |= {"width_s": width, "start_s": start, "instance": instance, "counted": count,
                      "cost_exact": count, "metered": count, "latency": text(latencies), "first_token": text(firsts),
                      "failures": f"server:{counts[1]}" if counts[1] else ""}
            yield [known.get(column, 0) for column in columns]


def fill(database, made):
    columns = {table: columns_of(table) for table in ("attempts", "requests", "roll_ups")}
    block = {"attempts": [], "requests": []}
    for number, row in enumerate(made.rows(), 1):
        for table, rows in block.items():
            rows.append([row[column] for column in columns[table]])
        if number % 50_000 == 0 or number == made.count:
            for table, rows in block.items():
                database.fill(table, columns[table], rows)
                rows.clear()
    database.fill("roll_ups", columns["roll_ups"], made.roll_ups(columns["roll_ups"]))
    database.finish()


VIEWS = [
    *(f"/api/monitoring/performance?hours={hours}" for hours in (1, 24, 720, 8760)),
    *(f"/api/monitoring/performance?hours={hours}&{names}" for hours in (1, 24, 168, 720, 8760)
      for names in ("provider=openai", "model=claude", "token=mail", "tag=team-7")),
    "/api/monitoring/performance?hours=1&step=60",
    "/api/monitoring/performance?hours=24&step=300",
    "/api/monitoring/performance?hours=720&step=3600",
    "/api/monitoring/performance?hours=24&step=300&provider=openai",
    "/api/monitoring/performance?hours=720&step=3600&token=mail",
    *(f"/api/usage?by={by}&since={since}" for by in ("token", "provider", "tag") for since in ("1h", "24h", "7d", "30d")),
    *(f"/api/decisions?limit=100{more}" for more in (
        "", "&provider=google", "&model=large", "&client=mail", "&outcome=error", "&outcome=refused",
        "&provider=openai&outcome=error", "&client=nobody")),
    "/api/audit?limit=100",
    "/api/status",
]


def ask(connection, view):
    began = time.perf_counter()
    connection.request("GET", view)
    answer = connection.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - began) * 1e3
    if answer.status != 200:
        run.fail(f"{view}: {answer.status} {body[:200]!r}")
    return taken, body


def measure(address, times):
    connection = http.client.HTTPConnection(address, timeout=120)
    found = {}
    views = list(VIEWS)
    # Pages that memory does not hold: the last of a far one is where the next begins.
    _, page = ask(connection, "/api/decisions?limit=500")
    for _ in range(21):
        last = json.loads(page)["decisions"][-1]["decisionId"]
        _, page = ask(connection, f"/api/decisions?limit=500&before={last}")
    last = json.loads(page)["decisions"][-1]["decisionId"]
    views += [f"/api/decisions?limit=100&before={last}", f"/api/decisions/{last}"]
    for view in views:
        ask(connection, view)
        taken = sorted(ask(connection, view)[0] for _ in range(times))
        found[view] = {"median": statistics.median(taken), "slowest": taken[-1]}
        shown = urllib.parse.unquote(view)
        print(f"  {found[view]['median']:8.1f} {taken[-1]:8.1f}  {shown}", flush=True)
    return found


def report(options, kind, folder):
    folder.mkdir(parents=True, exist_ok=True)
    database = kind(folder)
    process = None
    try:
        address = run.free_address()
        path = folder / "aibal.toml"
        path.write_text(configuration(address, database.url))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOAD_KEY": "sk-load"}
        words = [str(options.binary), "--config", str(path)]
        subprocess.run(words + ["store", "migrate"], check=True, env=environment, stdout=subprocess.DEVNULL)
        host = os.uname().nodename if kind is Postgres else "local"
        made = Made(options.requests, options.days, f"{host}:{address.split(':')[1]}")
        if kind is Postgres:
            database.days(int(made.first // 86_400), int(made.now // 86_400))
        began = time.monotonic()
        fill(database, made)
        print(f"\n{database.name}: {options.requests} requests over {options.days} days, "
              f"{len(made.sums)} sums, made in {time.monotonic() - began:.0f} s")
        log = open(folder / "serve.log", "wb")
        began = time.monotonic()
        process = subprocess.Popen(words + ["serve"], env=environment, stdout=log, stderr=log)
        run.wait_for(address, process)
        print(f"start {time.monotonic() - began:.2f} s; median and slowest in ms:")
        return measure(address, options.times)
    finally:
        if process:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        database.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=run.ROOT / "target/dist/aibal-tui", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--days", type=float, default=29)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--most", type=float)
    options = parser.parse_args()
    kinds = {"sqlite": [Sqlite], "postgres": [Postgres], "both": [Sqlite, Postgres]}[options.database]
    slow = []
    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)
        base = options.keep or pathlib.Path(temporary)
        for kind in kinds:
            found = report(options, kind, base / kind.name.lower())
            slow += [view for view, figures in found.items() if options.most and figures["median"] > options.most]
    if slow:
        sys.exit("too slow: " + ", ".join(slow))


if __name__ == "__main__":
    main()
