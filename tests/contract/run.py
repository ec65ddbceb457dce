#!/usr/bin/env python3
"""Sends what the description of the API allows, and what it does not, to a live demo.

    python3 tests/contract/run.py [--examples N] [--seed N] [--binary target/debug/aibal-tui]

schemathesis reads `/openapi.json` of the demo and calls every call of the management API. A call
fails with a status of 500 or more that is not part of the contract, and with an answer that has another type or shape than described.
Model traffic is left out: its shapes are those of other APIs, and `tests/fuzz` covers it. So are event
streams, which do not end, and calls that are meant to take long.
Needs Python 3.11 with pip; schemathesis comes into a folder below `target`.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMATHESIS = "schemathesis==4.32.5"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]
CONFIG = ROOT / "tests" / "contract" / "schemathesis.toml"
# An event stream does not end, and these two compute for seconds at each call.
LEFT_OUT = ["/api/events", "/api/what-if", "/api/advise"]


def schemathesis() -> pathlib.Path:
    """Installs it once."""
    folder = ROOT / "target" / "contract"
    program = folder / "bin" / "schemathesis"
    if not program.exists():
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", SCHEMATHESIS]
        subprocess.run(pip, check=True)
    return program


def start(binary: pathlib.Path, home: str) -> tuple[subprocess.Popen, str]:
    """A demo with some history, and its address."""
    command = [binary, "demo", "--headless", "--listen", "127.0.0.1:0", "--rps", "20"]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=home)
    for line in demo.stderr:
        found = re.search(r"serving on (http://[0-9.:]+)", line)
        if found:
            return demo, found.group(1)
    sys.exit("the demo ended before it served")


def operator_token(url: str) -> str:
    """With the first token every request needs one, and the calls of tokens are tried too."""
    body = json.dumps({"name": "contract", "role": "operator"}).encode()
    request = urllib.request.Request(f"{url}/api/tokens", data=body, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["token"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=20, help="generated requests of each call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/debug/aibal-tui")
    options = parser.parse_args()
    program = schemathesis()
    with tempfile.TemporaryDirectory() as home:
        demo, url = start(options.binary.resolve(), home)
        # Nothing may block on a full pipe.
        reader = subprocess.Popen(["cat"], stdin=demo.stderr, stdout=subprocess.DEVNULL)
        try:
            token = operator_token(url)
            command = [program, "--config-file", CONFIG, "run", f"{url}/openapi.json", "--include-tag", "management"]
            command += ["-H", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS)]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed)]
            command += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "30"]
            command += ["--warnings", "off", "--suppress-health-check", "all"]
            for path in LEFT_OUT:
                command += ["--exclude-path", path]
            # It would end the token that the run uses.
            command += ["--exclude-path-regex", "^/api/tokens/"]
            return subprocess.run(command, cwd=home).returncode
        finally:
            demo.terminate()
            demo.wait()
            reader.wait()


if __name__ == "__main__":
    sys.exit(main())
