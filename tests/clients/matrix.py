#!/usr/bin/env python3
"""Runs real clients against a gateway in front of simulated vendors of every protocol.

    python3 tests/clients/matrix.py
    python3 tests/clients/matrix.py --only openai-python,anthropic

Builds the program (or uses $AIBAL_BIN), installs the clients from PyPI and npm below
target/clients, starts the vendors of `aibal-tui demo --vendors` and gateways in front of them on
free ports, and runs every client's script against all targets. Prints a table of client, check and
target, the reasons of failures and of checks that do not apply, and the counts. Exits with 1 if a
check failed, 2 if a requirement is missing. Uses no network besides the two registries.

Needs Python 3.11 with pip, a Rust toolchain, Node 20 with npm for the JavaScript clients, and curl.
A new client is one script and one line in `CLIENTS`.
"""

import argparse
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from installing import WORK, Missing, install, program
from world import World

# A client that takes longer than this for all its checks hangs. A client that starts a process for
# every call is slow on a busy machine.
CLIENT_SECONDS = 600
# Clients mostly wait for vendors, so more of them run at once than the machine has cores.
AT_ONCE = 4


@dataclass(frozen=True)
class Client:
    name: str
    script: str
    # Its package names; the script's language decides the registry.
    packages: tuple = ()


CLIENTS = [
    Client("openai-python", "openai_python.py", ("openai>=3,<4",)),
    Client("anthropic", "anthropic_python.py", ("anthropic>=2,<3",)),
    Client("langchain", "langchain_python.py", ("langchain-openai>=1.7,<1.8",)),
    Client("llm", "llm_cli.py", ("llm>=0.32,<0.33",)),
    Client("openai-node", "openai_node.mjs", ("openai@6", "zod@4")),
    Client("vercel-ai", "vercel_ai.mjs", ("ai@6", "@ai-sdk/openai@3", "@ai-sdk/openai-compatible@2",
                                          "@ai-sdk/anthropic@3", "zod@4")),
    Client("google-genai", "genai_python.py", ("google-genai>=3,<4",)),
    Client("ollama", "ollama_python.py", ("ollama>=0.6,<0.7",)),
    Client("curl", "curl_shell.py"),
]


@dataclass(frozen=True)
class Outcome:
    """One line of a script: ok, FAILED or n/a, the target, the check, and the reason."""

    word: str
    target: str
    check: str
    time: str
    why: str


def main() -> int:
    parser = argparse.ArgumentParser(description="Real clients against every protocol.")
    parser.add_argument("--only", metavar="NAMES", default="",
                        help="these clients, with commas between: "
                             + ", ".join(client.name for client in CLIENTS))
    parser.add_argument("--seed", type=int, default=1, help="the seed of the simulated vendors")
    arguments = parser.parse_args()
    # So that TERM also ends all processes that this one started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        clients = chosen(arguments.only)
        started = time.monotonic()
        binary = program()
        say(f"program: {binary}", started)
        starts = install({client.script: client.packages for client in clients})
        say("clients are installed", started)
        outcomes = run(binary, clients, starts, arguments.seed)
        say("clients are done", started)
    except (Missing, RuntimeError) as error:
        print(f"matrix.py: {error}", file=sys.stderr)
        return 2
    for client in clients:
        print(table(client, *outcomes[client.name]))
    words = [outcome.word for _, lines in outcomes.values() for outcome in lines]
    print(f"\n{words.count('n/a')} checks do not apply to their client or target (n/a)")
    print(f"{words.count('ok')} passed, {words.count('FAILED')} failed")
    return 1 if "FAILED" in words else 0


def chosen(names: str) -> list:
    wanted = [name for name in names.split(",") if name]
    unknown = sorted(set(wanted) - {client.name for client in CLIENTS})
    if unknown:
        known = ", ".join(client.name for client in CLIENTS)
        raise Missing(f"--only names {', '.join(unknown)}, but known are {known}")
    return [client for client in CLIENTS if not wanted or client.name in wanted]


def run(binary, clients: list, starts: dict, seed: int) -> dict:
    """Returns each client's version and outcomes."""
    names = [client.name for client in clients]
    world = World(binary, WORK / "run", names, seed)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            said = pool.map(lambda client: run_client(world, client, *starts[client.script]), clients)
            return dict(zip(names, said))
        finally:
            # After an interruption scripts still run; they are not waited for.
            pool.shutdown(wait=False, cancel_futures=True)
            world.stop()


def run_client(world: World, client: Client, command: list, variables: dict) -> tuple:
    script = world.run(client.name, [*command, str(world.plan(client.name))], variables)
    try:
        code = script.process.wait(CLIENT_SECONDS)
        end = f"its script ended with {code}"
    except subprocess.TimeoutExpired:
        code, end = None, f"its script was stopped after {CLIENT_SECONDS} s"
    finally:
        script.stop()
    lines = script.out.read_text(encoding="utf-8", errors="replace").splitlines()
    outcomes = [Outcome(*line.split("\t", 4)) for line in lines if line.count("\t") >= 4]
    # Targets report concurrently; the table has one order.
    order = ["all", *(target["name"] for target in world.targets(client.name))]
    outcomes.sort(key=lambda outcome: order.index(outcome.target))
    closing = lines[-1] if lines and lines[-1].endswith(")") and "\t" not in lines[-1] else ""
    if code not in (0, 1) or not closing:
        said = script.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = f"{end}; {said[-1] if said else 'it said nothing'} (see {script.log})"
        outcomes.append(Outcome("FAILED", "all", "the script works through all checks", "", why))
    version = closing[closing.find("(") + 1:-1] if closing else "unknown version"
    return version, outcomes


def table(client: Client, version: str, outcomes: list) -> str:
    """One client's checks by target, and below them everything that is not ok."""
    checks = list(dict.fromkeys(outcome.check for outcome in outcomes))
    targets = list(dict.fromkeys(outcome.target for outcome in outcomes))
    cells = {(outcome.check, outcome.target): outcome for outcome in outcomes}
    title = f"{client.name} ({version})"
    width = max(len(title), *(len(check) + 2 for check in checks))
    columns = [max(len(target), 6) for target in targets]
    row = lambda name, words: "  ".join(
        [name.ljust(width), *(word.ljust(column) for word, column in zip(words, columns))]).rstrip()
    lines = ["", row(title, targets)]
    for check in checks:
        words = [cells[check, target].word if (check, target) in cells else "" for target in targets]
        lines.append(row("  " + check, words))
    for word in ["n/a", "FAILED"]:
        of = {}
        for outcome in outcomes:
            if outcome.word == word:
                of.setdefault((outcome.check, outcome.why), []).append(outcome.target)
        lines += [f"  {word}: {check} ({', '.join(who)}): {why}" for (check, why), who in of.items()]
    return "\n".join(lines)


def say(what: str, since: float) -> None:
    print(f"{time.monotonic() - since:6.1f} s  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
