"""The environment of `matrix.py`: simulated vendors, and two gateways in front of them.

The open gateway has the vendors' own keys and needs no token. The guarded one needs a token, has
wrong keys for all vendors, and has each vendor a second time behind a limit that is always exceeded:
there a small server answers with that vendor's recorded 429.
"""

import hashlib
import json
import os
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from installing import ROOT

START_SECONDS = 60
STOP_SECONDS = 15
TOKEN = "token-of-the-matrix"
# The most APIs that one client uses; each may try a failing provider once.
APIS_PER_CLIENT = 4
# The folder with the recorded 429 of a kind; OpenAI-compatible vendors use OpenAI's.
RECORDED = {"openai-compatible": "openai", "vertex": "gemini"}


class Running:
    """A process that writes to files, and is ended together with its children."""

    def __init__(self, name: str, command: list, folder: Path, variables: dict):
        self.name, self.log, self.out = name, folder / f"{name}.log", folder / f"{name}.out"
        with open(self.log, "wb") as log, open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment(folder, variables), stdin=subprocess.DEVNULL,
                stdout=out, stderr=log, start_new_session=True,
            )

    def wait_for(self, condition, what: str):
        """Returns the first value of `condition` that is true."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := condition():
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
        raise RuntimeError(f"{self.name}: {what} never came; it said:\n{said}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def environment(folder: Path, variables: dict) -> dict:
    """The environment without anything that a gateway or a client would act on."""
    kept = {name: os.environ[name] for name in ["PATH", "LANG", "LD_LIBRARY_PATH"] if name in os.environ}
    return {"HOME": str(folder), "NO_COLOR": "1", **kept, **variables}


class World:
    """The whole environment, from `__init__` until `stop`."""

    def __init__(self, program: Path, folder: Path, clients: list, seed: int):
        self.folder, self.parts, self.limits = folder, [], None
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.start(str(program), clients, seed)
        except BaseException:
            self.stop()
            raise

    def start(self, program: str, clients: list, seed: int) -> None:
        vendors = self.run("vendors", [program, "demo", "--vendors", "--seed", str(seed)], {})
        vendors.wait_for(lambda: "vendors are up" in vendors.log.read_text(), "the vendors' start")
        text = vendors.out.read_text(encoding="utf-8")
        exports = dict(line.removeprefix("# export ").split("=", 1)
                       for line in text.splitlines() if line.startswith("# export "))
        self.providers = tomllib.loads(text)["providers"]
        self.limits = start_limits(self.providers)

        self.gateway = self.serve(program, "open", text, exports)
        self.wait_until_ready()
        wrong = {name: "wrong-key" for name in exports}
        guarded = guarded_configuration(self.providers, clients, self.limits.server_port)
        self.guarded = self.serve(program, "guarded", guarded, wrong)

    def run(self, name: str, command: list, variables: dict) -> Running:
        part = Running(name, command, self.folder, variables)
        self.parts.append(part)
        return part

    def serve(self, program: str, name: str, configuration: str, variables: dict) -> str:
        """Starts a gateway with this configuration; returns its address."""
        path = self.folder / f"{name}.toml"
        path.write_text(configuration, encoding="utf-8")
        options = ["--config", str(path), "--listen", "127.0.0.1:0", "--no-save"]
        gateway = self.run(name, [program, "serve", *options], variables)
        mark = "serving on "

        def address():
            lines = gateway.log.read_text(encoding="utf-8").splitlines()
            told = [line.split(mark, 1)[1] for line in lines if mark in line]
            return told and told[0].split("/v1", 1)[0]

        return gateway.wait_for(address, "its address")

    def wait_until_ready(self) -> None:
        def is_ready():
            try:
                with urllib.request.urlopen(self.gateway + "/readyz", timeout=5) as answer:
                    return answer.status == 200
            except urllib.error.URLError:
                return False

        self.parts[-1].wait_for(is_ready, "a usable target")

    def targets(self, client: str) -> list:
        """`auto` and a model of every provider, as the scripts read them."""
        pinned = [target(provider, client) for provider in self.providers]
        has_vectors = any(target["embedding"] for target in pinned)
        everything = {
            "name": "auto", "kind": None, "model": "auto",
            "types": sorted({word for target in pinned for word in target["types"]}),
            "embedding": "auto" if has_vectors else None, "wrong_key": [], "limited": [],
        }
        return [everything, *pinned]

    def plan(self, client: str) -> Path:
        """Writes the plan that a client's script is started with."""
        path = self.folder / f"{client}.json"
        plan = {"gateway": self.gateway, "guarded": self.guarded, "token": TOKEN,
                "targets": self.targets(client)}
        path.write_text(json.dumps(plan, indent=2), encoding="utf-8")
        return path

    def stop(self) -> None:
        for part in reversed(self.parts):
            part.stop()
        if self.limits is not None:
            self.limits.shutdown()


def target(provider: dict, client: str) -> dict:
    name, models = provider["name"], provider["models"]
    model = next(model for model in models if "embedding" not in model["types"])
    embedding = [model["id"] for model in models if "embedding" in model["types"]]
    own = [f"for-{client}-{number}" for number in range(APIS_PER_CLIENT)]
    return {
        "name": name,
        "kind": provider["kind"],
        "model": f"{name}/{model['id']}",
        "types": model["types"],
        "embedding": f"{name}/{embedding[0]}" if embedding else None,
        "wrong_key": [f"{name}/{model}" for model in own] if "api_key_env" in provider else [],
        "limited": [f"{name}-limited/{model}" for model in own],
    }


def guarded_configuration(providers: list, clients: list, limits_port: int) -> str:
    """Each client has models of its own, so that no check meets a cooldown that another caused."""
    token = hashlib.sha256(TOKEN.encode()).hexdigest()
    text = (
        "[balancing]\nmax_retries = 0\n[probe]\nmode = \"off\"\n"
        f"[[auth.tokens]]\nname = \"matrix\"\nsha256 = \"{token}\"\nrole = \"client\"\n"
    )
    for provider in providers:
        name, address = provider["name"], provider["base_url"]
        path = "/".join(address.split("/")[3:])
        limited = f"http://127.0.0.1:{limits_port}/{name}/{path}"
        for name, address in [(name, address), (f"{name}-limited", limited)]:
            text += f"\n[[providers]]\nname = \"{name}\"\nkind = \"{provider['kind']}\"\n"
            text += f"base_url = \"{address}\"\n"
            if "api_key_env" in provider:
                text += f"api_key_env = \"{provider['api_key_env']}\"\n"
            for client in clients:
                for number in range(APIS_PER_CLIENT):
                    text += f"[[providers.models]]\nid = \"for-{client}-{number}\"\n"
                    text += "input_usd_per_1m = 1.0\noutput_usd_per_1m = 1.0\n"
    return text


def start_limits(providers: list) -> ThreadingHTTPServer:
    """A server that answers `/PROVIDER/…` with the recorded 429 of the provider's kind."""
    recorded = {}
    manifest = json.loads((ROOT / "tests/fixtures/manifest.json").read_text(encoding="utf-8"))
    for provider in providers:
        case = RECORDED.get(provider["kind"], provider["kind"]) + "/err429"
        headers = next(entry["upstream"]["headers"] for entry in manifest["cases"] if entry["id"] == case)
        body = (ROOT / "tests/fixtures" / case / "response.json").read_bytes()
        recorded[provider["name"]] = (headers, body)

    class Limit(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            headers, body = recorded[self.path.split("/")[1]]
            self.send_response(429)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Limit)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
