"""Prepares what `matrix.py` needs: the program, and the clients from their registries."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent.parent
# The folder for everything that is installed or written.
WORK = ROOT / "target" / "clients"
# Registries and builds from scratch can be slow.
INSTALL_SECONDS = 600
BUILD_SECONDS = 3600


class Missing(Exception):
    """A requirement is missing; the text says what to do."""


def program() -> Path:
    """$AIBAL_BIN, or the debug build that the tests use, brought up to date."""
    if given := os.environ.get("AIBAL_BIN"):
        path = Path(given).resolve()
        if not path.is_file():
            raise Missing(f"AIBAL_BIN is {given!r}, but there is no such file")
        return path
    cargo = required("cargo", "install Rust from https://rustup.rs, or set AIBAL_BIN")
    # Built together with a test, the dependencies have the same features as in tests, so that their
    # build is reused.
    command = [cargo, "build", "--locked", "--bin", "aibal-tui", "--test", "architecture",
               "--message-format", "json-render-diagnostics"]
    built = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=BUILD_SECONDS, check=False
    )
    if built.returncode != 0:
        raise Missing("the program does not build")
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    paths = [message["executable"] for message in messages
             if message.get("executable") and message["target"]["kind"] == ["bin"]]
    if not paths:
        raise Missing("cargo built no program")
    return Path(paths[-1])


def required(name: str, remedy: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is missing; {remedy}")
    return path


def install(scripts) -> dict:
    """Installs the packages of `{script: packages}`; returns how each script is started."""
    of_kind = lambda ending: {script: packages for script, packages in scripts.items()
                              if script.endswith(ending)}
    starts = {}
    if python := of_kind(".py"):
        interpreter, variables = install_python(union(python))
        starts |= {script: ([*interpreter, str(SCRIPTS / script)], variables) for script in python}
    if node := of_kind(".mjs"):
        folder = install_node(union(node))
        for name in [*node, "checking.mjs", "material.json"]:
            # Node looks for packages next to the script, not in the working directory.
            shutil.copy(SCRIPTS / name, folder / name)
        interpreter = required("node", "install Node 20")
        starts |= {script: ([interpreter, str(folder / script)], {}) for script in node}
    return starts


def union(scripts: dict) -> list:
    return sorted({package for packages in scripts.values() for package in packages})


def install_python(packages: list) -> tuple:
    """Returns the interpreter with these packages, and the variables it needs."""
    if not packages:
        return [sys.executable], {}
    folder = WORK / "python"
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        made = quiet([sys.executable, "-m", "venv", str(folder)])
        if made.returncode != 0:
            # Debian packages the support for virtual environments separately.
            shutil.rmtree(folder, ignore_errors=True)
            return install_beside(packages)
    pip_install([str(interpreter), "-m", "pip"], [], packages, folder)
    return [str(interpreter)], {}


def install_beside(packages: list) -> tuple:
    pip = [sys.executable, "-m", "pip"]
    if quiet([*pip, "--version"]).returncode != 0:
        raise Missing(
            "pip is missing, and so is what a virtual environment needs; install python3-venv "
            "or python3-pip (Debian: apt-get install python3-venv)"
        )
    folder = WORK / "python-packages"
    pip_install(pip, ["--target", str(folder), "--upgrade"], packages, folder)
    return [sys.executable], {"PYTHONPATH": str(folder)}


def pip_install(pip: list, options: list, packages: list, folder: Path) -> None:
    options = [*options, "--quiet", "--disable-pip-version-check", "--no-input"]
    once(folder, packages, [*pip, "install", *options, *packages])


def install_node(packages: list) -> Path:
    npm = required("npm", "install Node 20 with npm, or leave the JavaScript clients out with --only")
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    options = ["--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
    once(folder, packages, [npm, "install", *options, *packages])
    return folder


def once(folder: Path, packages: list, command: list) -> None:
    """Runs an installation unless an earlier run has done it."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed.json"
    before = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else []
    if set(packages) <= set(before):
        return
    installed = quiet(command)
    if installed.returncode != 0:
        said = installed.stdout.strip().splitlines()[-5:]
        raise Missing("\n  ".join([f"could not install {', '.join(packages)}", *said]))
    stamp.write_text(json.dumps(sorted(set(packages) | set(before))), encoding="utf-8")


def quiet(command: list) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=INSTALL_SECONDS, check=False,
    )
