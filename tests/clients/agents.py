#!/usr/bin/env python3
"""Runs coding agents themselves through a gateway, in front of scripted vendors of every kind.

    python3 tests/clients/agents.py
    python3 tests/clients/agents.py --only claude-code,codex
    python3 tests/clients/agents.py --only codex:anthropic

Every agent gets one task per kind of vendor: write a file in a temporary folder. The vendor asks for
the agent's own tool that writes files, and ends with a text once it gets the result (`scripted.py`).
PASS: the file is right, the text arrived, and the agent ended well. Prints one line per agent and
kind, and exits with 1 if one failed, 2 if a requirement is missing.

Installs the agents from npm and PyPI below target/clients; one that cannot be installed is skipped
with the reason. Builds the program, or uses $AIBAL_BIN. No key is used. Each run has a HOME of its
own, and a proxy setting that keeps the agent off every address but loopback.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from installing import SCRIPTS, WORK, Missing, install_python, once, program, required
from scripted import FILE, FINAL, TEXT, Vendors

KINDS = {"openai": "/v1", "openai-compatible": "/v1", "anthropic": "", "gemini": "/v1beta", "ollama": ""}
# An agent needs some seconds for its start; one that takes longer than this hangs.
AGENT_SECONDS = 120
START_SECONDS = 60
AT_ONCE = 2
TOKEN = "any-token"
# The model of every vendor.
TARGET = "scripted-model"


@dataclass(frozen=True)
class Task:
    """One run of one agent: where it works, and what it is told."""

    home: Path
    folder: Path
    gateway: str
    model: str

    @property
    def prompt(self) -> str:
        return f"Write the line '{TEXT}' to the file {self.folder}/{FILE}, then say that it is done."


@dataclass(frozen=True)
class Agent:
    name: str
    # Its package in npm's registry, or in PyPI for a script of ours.
    package: str
    # The name of its program, or of the script.
    program: str
    # Writes its settings; returns its arguments and its variables.
    prepare: Callable[[Task], tuple]
    # How the names of its models begin. Agents give models that they know other tools and settings.
    family: str = "scripted"


def claude_code(task: Task) -> tuple:
    variables = {
        "ANTHROPIC_BASE_URL": task.gateway, "ANTHROPIC_AUTH_TOKEN": TOKEN,
        "ANTHROPIC_SMALL_FAST_MODEL": task.model, "ANTHROPIC_DEFAULT_HAIKU_MODEL": task.model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1",
    }
    return ["-p", task.prompt, "--model", task.model, "--permission-mode", "acceptEdits"], variables


def codex(task: Task) -> tuple:
    home = task.home / ".codex"
    home.mkdir()
    (home / "config.toml").write_text(
        f'model = "{task.model}"\nmodel_provider = "gateway"\ncheck_for_update_on_startup = false\n'
        "[analytics]\nenabled = false\n[feedback]\nenabled = false\n"
        f'[model_providers.gateway]\nname = "gateway"\nbase_url = "{task.gateway}/v1"\n'
        'env_key = "GATEWAY_TOKEN"\nwire_api = "responses"\n', encoding="utf-8")
    options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["exec", *options, task.prompt], {"CODEX_HOME": str(home), "GATEWAY_TOKEN": TOKEN}


def opencode(task: Task) -> tuple:
    settings = {
        "autoupdate": False, "share": "disabled", "permission": "allow",
        "enabled_providers": ["gateway"], "small_model": f"gateway/{task.model}",
        "provider": {"gateway": {
            "npm": "@ai-sdk/openai-compatible", "name": "gateway",
            "options": {"baseURL": f"{task.gateway}/v1", "apiKey": TOKEN},
            "models": {task.model: {"name": task.model}},
        }},
    }
    (task.folder / "opencode.json").write_text(json.dumps(settings), encoding="utf-8")
    variables = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1",
                 "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
    return ["run", "--pure", "-m", f"gateway/{task.model}", task.prompt], variables


def gemini_cli(task: Task) -> tuple:
    home = task.home / ".gemini"
    home.mkdir()
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    }
    (home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    variables = {"GEMINI_API_KEY": TOKEN, "GOOGLE_GEMINI_BASE_URL": task.gateway}
    options = ["--model", task.model, "--approval-mode", "yolo", "--skip-trust"]
    return [*options, "--prompt", task.prompt], variables


def genai(task: Task) -> tuple:
    return [task.gateway, task.model, task.prompt], {}


AGENTS = [
    Agent("claude-code", "@anthropic-ai/claude-code@2", "claude", claude_code, "claude-sonnet-4-5"),
    Agent("codex", "@openai/codex@0", "codex", codex),
    # For OpenAI's models, Codex and OpenCode write files with a patch, which is a text for Codex.
    Agent("codex-gpt", "@openai/codex@0", "codex", codex, "gpt-5.5"),
    Agent("opencode", "opencode-ai@1", "opencode", opencode),
    Agent("opencode-gpt", "opencode-ai@1", "opencode", opencode, "gpt-5.5"),
    Agent("gemini-cli", "@google/gemini-cli@0", "gemini", gemini_cli, "gemini-3-pro"),
    Agent("google-genai", "google-genai>=3,<4", "genai_agent.py", genai),
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Coding agents against vendors of every kind.")
    parser.add_argument("--only", metavar="NAMES", default="",
                        help="these agents or cells (agent:kind), with commas between; agents: "
                             + ", ".join(agent.name for agent in AGENTS) + "; kinds: " + ", ".join(KINDS))
    arguments = parser.parse_args()
    # So that TERM also ends all processes that this one started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        cells = chosen(arguments.only)
        binary = program()
        starts = {agent.name: installed(agent) for agent in dict.fromkeys(agent for agent, _ in cells)}
        words = run(binary, cells, starts)
    except (Missing, RuntimeError) as error:
        print(f"agents.py: {error}", file=sys.stderr)
        return 2
    print(f"\n{words.count('SKIP')} skipped\n{words.count('PASS')} passed, {words.count('FAIL')} failed")
    return 1 if "FAIL" in words else 0


def chosen(names: str) -> list:
    wanted = {name for name in names.split(",") if name}
    cells = [(agent, kind) for agent in AGENTS for kind in KINDS]
    known = {name for agent, kind in cells for name in (agent.name, f"{agent.name}:{kind}")}
    if unknown := sorted(wanted - known):
        raise Missing(f"--only names {', '.join(unknown)}, but known are {', '.join(sorted(known))}")
    return [(agent, kind) for agent, kind in cells
            if not wanted or wanted & {agent.name, f"{agent.name}:{kind}"}]


def installed(agent: Agent) -> tuple:
    """The agent's command and variables, or why it has none."""
    try:
        if agent.program.endswith(".py"):
            command, variables = install_python([agent.package])
            return [*command, str(SCRIPTS / agent.program)], variables, ""
        npm = required("npm", "install Node 20 with npm")
        folder = WORK / "agents" / agent.program
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        options = ["--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
        once(folder, [agent.package], [npm, "install", *options, agent.package])
        return [str(folder / "node_modules/.bin" / agent.program)], {}, ""
    except (Missing, subprocess.TimeoutExpired) as error:
        return [], {}, " ".join(str(error).split())


def run(binary: Path, cells: list, starts: dict) -> list:
    """Prints a line for each cell; returns their words."""
    logs = WORK / "run"
    logs.mkdir(parents=True, exist_ok=True)
    vendors, processes = Vendors(), []
    with tempfile.TemporaryDirectory(prefix="aibal-agents-") as place, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            gateway = start_gateway(binary, vendors, Path(place), logs, processes)

            def one(cell):
                return judge(*cell, starts[cell[0].name], gateway, vendors, Path(place), logs, processes)

            words = []
            for (agent, kind), (word, why) in zip(cells, pool.map(one, cells)):
                words.append(word)
                print(f"{word}  {agent.name:<13} {kind:<18} {why}", flush=True)
            return words
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                end(process)
            vendors.stop()


def start_gateway(binary: Path, vendors: Vendors, place: Path, logs: Path, processes: list) -> str:
    text = '[probe]\nmode = "off"\n[balancing]\nmax_retries = 0\n'
    for kind, path in KINDS.items():
        text += f'[[providers]]\nname = "{kind}"\nkind = "{kind}"\n'
        text += f'base_url = "{vendors.address}/{kind}{path}"\n'
        text += "" if kind == "ollama" else 'api_key_env = "SCRIPTED_KEY"\n'
        text += f'[[providers.models]]\nid = "{TARGET}"\ncontext_window = 1000000\n'
        text += "input_usd_per_1m = 1.0\noutput_usd_per_1m = 1.0\n"
        for family in sorted({agent.family for agent in AGENTS}):
            text += f'[[routes]]\nmodel = "{family}-{kind}"\ntargets = ["{kind}/{TARGET}"]\n'
    configuration = place / "gateway.toml"
    configuration.write_text(text, encoding="utf-8")
    log = logs / "agents-gateway.log"
    command = [str(binary), "serve", "--config", str(configuration), "--listen", "127.0.0.1:0", "--no-save"]
    process = start(command, place, place, {"SCRIPTED_KEY": "scripted"}, log, processes)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        told = [line.split("serving on ", 1)[1] for line in log.read_text().splitlines()
                if "serving on " in line]
        if told:
            address = told[0].split("/v1", 1)[0]
            urllib.request.urlopen(address + "/healthz", timeout=START_SECONDS).close()
            return address
        time.sleep(0.05)
    raise RuntimeError(f"the gateway did not start; it said: {log.read_text()[-600:]}")


def start(command: list, home: Path, folder: Path, variables: dict, log: Path, processes: list):
    """Starts a process in a group of its own, without anything of the user's environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    nowhere, loopback = "http://127.0.0.1:9", "127.0.0.1,localhost"
    closed = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "NO_PROXY": loopback}
    closed |= {name.lower(): value for name, value in closed.items()}
    quiet = {"NO_COLOR": "1", "TERM": "dumb", "DO_NOT_TRACK": "1", "TMPDIR": str(home)}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True, env={"HOME": str(home), **closed, **quiet, **kept, **variables})
    processes.append(process)
    return process


def end(process) -> None:
    """Ends the process and everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def judge(agent, kind, begin, gateway, vendors, place, logs, processes) -> tuple:
    """Lets the agent do the task; returns PASS, FAIL or SKIP, and the reason."""
    command, variables, missing = begin
    if missing:
        return "SKIP", missing
    name = f"{agent.name}-{kind}"
    home, folder = place / name / "home", place / name / "work"
    home.mkdir(parents=True)
    folder.mkdir()
    arguments, more = agent.prepare(Task(home, folder, gateway, f"{agent.family}-{kind}"))
    log, trace = logs / f"agent-{name}.log", logs / f"agent-{name}.json"
    began = time.monotonic()
    process = start([*command, *arguments], home, folder, {**variables, **more}, log, processes)
    try:
        code = process.wait(AGENT_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        end(process)
    seen = vendors.seen.get(str(folder), [])
    trace.write_text(json.dumps(seen, indent=1), encoding="utf-8")
    why = problem(code, folder / FILE, log.read_text(encoding="utf-8", errors="replace"), seen)
    shutil.rmtree(home, ignore_errors=True)
    if why:
        return "FAIL", f"{why} (see {log} and {trace})"
    tools = [exchange["answer"]["name"] for exchange in seen if "name" in exchange["answer"]]
    return "PASS", f"{tools[0]}, {len(seen)} requests, {time.monotonic() - began:.0f} s"


def problem(code, file: Path, said: str, seen: list) -> str:
    last = (said.strip().splitlines() or ["nothing"])[-1][:300]
    refused = [exchange["refused"] for exchange in seen if "refused" in exchange]
    if refused:
        return f"the vendor refused a request: {refused[0]}"
    if not seen:
        return f"no request reached the vendor; the agent said: {last}"
    if not any("name" in exchange["answer"] for exchange in seen):
        return f"the vendor was given no tool that writes files; the agent said: {last}"
    if not file.is_file():
        results = [result for exchange in seen for result in exchange.get("results", [])]
        return f"the file was not written; the tool's result: {(results or ['none'])[0][:300]}"
    if file.read_text(encoding="utf-8").strip() != TEXT:
        return f"the file has {file.read_text(encoding='utf-8')!r}"
    if code is None:
        return f"the agent was stopped after {AGENT_SECONDS} s; it said: {last}"
    if not any("results" in exchange for exchange in seen):
        return f"the tool's result did not reach the vendor; the agent said: {last}"
    if code != 0:
        return f"the agent ended with {code}; it said: {last}"
    return "" if FINAL in said else f"the last text did not arrive; the agent said: {last}"


if __name__ == "__main__":
    sys.exit(main())
