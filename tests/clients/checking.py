"""Shared by the Python client scripts: the targets, how checks run, and how results are printed.

A script calls `run` with its client's name and version, a type that is constructed for one target,
and its checks: functions that take such an object, are named by a sentence, and return what they saw
or raise. All targets run at the same time, each from the first check to the last.

The one argument is a gateway's address, such as http://127.0.0.1:8080, or the plan that `matrix.py`
writes: a JSON file that lists all targets, and a second, guarded gateway. The guarded gateway needs a
token, has wrong provider keys, and its `-limited` providers answer everything with a 429.

Each check is one line on stdout: outcome, target, check, time and what was seen, separated by tabs.
The last line has the counts. The exit code is 1 if a check failed, 2 if the client is not installed.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# Longer than any simulated vendor takes, and short enough to wait for.
TIMEOUT_SECONDS = 30
# Requests and expectations of the checks; the scripts in other languages read the same file.
MATERIAL = json.loads(Path(__file__).with_name("material.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Target:
    """One model name that the checks request, and its properties."""

    name: str
    # The provider's kind, or None for `auto`.
    kind: str | None
    # The request's `model`: `auto` or `provider/model`.
    model: str
    # What the model can do: chat, vision, reasoning.
    types: frozenset
    # The model for embeddings, or None.
    embedding: str | None
    # Models of the guarded gateway: with a provider that rejects the gateway's key, and with a
    # provider over its limit. Each fails once as expected and is then excluded for a while, so each
    # check uses one that no other check uses.
    wrong_key: list
    limited: list


@dataclass(frozen=True)
class Plan:
    """The gateways' addresses without `/v1`, and the targets."""

    gateway: str
    # The guarded gateway and its token, or None.
    guarded: str | None
    token: str
    targets: list

    @classmethod
    def read(cls, argument: str) -> "Plan":
        if not argument.endswith(".json"):
            gateway = argument.rstrip("/").removesuffix("/v1")
            auto = Target("auto", None, "auto", frozenset(["chat", "vision"]), None, [], [])
            key = os.environ.get("OPENAI_API_KEY") or "local"
            return cls(gateway, None, key, [auto])
        plan = json.loads(Path(argument).read_text(encoding="utf-8"))
        targets = [Target(**{**target, "types": frozenset(target["types"])})
                   for target in plan["targets"]]
        return cls(plan["gateway"], plan["guarded"], plan["token"], targets)


class NotApplicable(Exception):
    """Raised by a check that does not apply; the text says why."""


def require(fact, otherwise: str) -> None:
    # Not `assert`, which `python3 -O` removes.
    if not fact:
        raise AssertionError(otherwise)


def require_vision(target: Target) -> None:
    if "vision" not in target.types:
        raise NotApplicable("the model sees no pictures")


def require_guarded(plan: Plan) -> None:
    if plan.guarded is None:
        raise NotApplicable("no guarded gateway is in the plan")


def guarded_model(plan: Plan, models: list) -> str:
    """One of these models of the guarded gateway, if it has any."""
    require_guarded(plan)
    if not models:
        raise NotApplicable("the target has no such provider")
    return models[0]


def near_miss(name: str) -> str:
    """The name with a wrong last letter."""
    return name[:-1] + ("y" if name.endswith("x") else "x")


def require_arguments(name: str, arguments) -> dict:
    """Returns a tool call's arguments, after checking them against the schema."""
    values = json.loads(arguments) if isinstance(arguments, str) else arguments
    tools = {tool["name"]: tool["parameters"] for tool in MATERIAL["tools"]}
    require(name in tools, f"{name!r} is called, but only {sorted(tools)} are there")
    missing = set(tools[name]["required"]) - set(values)
    require(not missing, f"{name} is called without {sorted(missing)}")
    return values


def require_vectors(vectors, texts) -> str:
    require(len(vectors) == len(texts), f"{len(vectors)} vectors for {len(texts)} texts")
    sizes = {len(vector) for vector in vectors}
    require(len(sizes) == 1 and sizes != {0}, f"the vectors have {sorted(sizes)} numbers")
    require(all(isinstance(number, float) for number in vectors[0]), "a number is none")
    require(list(vectors[0]) != list(vectors[1]), "two texts have the same vector")
    return f"{sizes.pop()} numbers"


def run(client: str, subject, checks) -> int:
    """Runs all checks on all targets; `subject(plan, target)` makes the argument of a check."""
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} http://HOST:PORT | PLAN.json", file=sys.stderr)
        return 2
    plan = Plan.read(sys.argv[1])
    with ThreadPoolExecutor(len(plan.targets)) as pool:
        work = lambda target: run_target(subject(plan, target), target, checks)
        outcomes = [outcome for target in pool.map(work, plan.targets) for outcome in target]
    failed = outcomes.count("FAILED")
    print(f"{outcomes.count('ok')} passed, {failed} failed ({client})", flush=True)
    return 1 if failed else 0


def run_target(subject, target: Target, checks) -> list:
    return [run_check(check, subject, target) for check in checks]


def run_check(check, subject, target: Target) -> str:
    started = time.monotonic()
    try:
        outcome, detail = "ok", check(subject) or ""
    except NotApplicable as reason:
        outcome, detail = "n/a", str(reason)
    except Exception as error:  # Whatever a client's library raises is a finding.
        outcome, detail = "FAILED", f"{type(error).__name__}: {error}"
    detail = " ".join(str(detail).split())[:400]
    seconds = time.monotonic() - started
    name = check.__name__.replace("_", " ")
    # One write, so that lines of different targets do not mix.
    sys.stdout.write(f"{outcome}\t{target.name}\t{name}\t{seconds:.1f} s\t{detail}\n")
    sys.stdout.flush()
    return outcome
