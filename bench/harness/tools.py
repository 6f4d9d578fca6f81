"""Peers that are installed for the benchmark alone, below its work folder."""

import importlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from .target import Unavailable

BENCH = Path(__file__).resolve().parent.parent
REQUIREMENTS = BENCH / "peers" / "requirements.txt"
CLIENT_REQUIREMENTS = BENCH / "clients" / "requirements.txt"


def python_tool(work: Path, name: str) -> Path:
    """A program from the Python peers' environment."""
    return _environment(work / "tools" / "venv", REQUIREMENTS, "the Python peers") / "bin" / name


def store_client(work: Path) -> list[str]:
    """The command that runs the stores' own clients, which have an environment for themselves."""
    venv = _environment(work / "tools" / "clients", CLIENT_REQUIREMENTS, "the stores' own clients")
    return [str(venv / "bin" / "python"), str(BENCH / "clients" / "store.py")]


def _environment(venv: Path, requirements: Path, what: str) -> Path:
    """A Python environment, which is made when it is missing or out of date."""
    wanted, stamp = requirements.read_text(), venv / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {what}", flush=True)
        _run([sys.executable, "-m", "venv", str(venv)])
        _run([str(venv / "bin" / "pip"), "install", "--quiet", "-r", str(requirements)])
        stamp.write_text(wanted)
    return venv


def sqlite(work: Path) -> ModuleType:
    """A `sqlite3` module that can write the server's full-text index, which wants SQLite 3.43 at least."""
    if sqlite3.sqlite_version_info >= (3, 43):
        return sqlite3
    venv = python_tool(work, "python").parent.parent
    packages = next((venv / "lib").glob("python*/site-packages"))
    if str(packages) not in sys.path:
        sys.path.append(str(packages))
    return importlib.import_module("pysqlite3.dbapi2")


def cargo_tool(work: Path, name: str, version: str) -> Path:
    """A program that cargo builds from source, once."""
    root = work / "tools" / "cargo"
    program = root / "bin" / name
    if not program.exists():
        print(f"building {name} {version}: this takes some minutes, once", flush=True)
        _run(["cargo", "install", name, "--version", version, "--locked", "--root", str(root)])
    return program


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"`{' '.join(command)}` failed: {error}") from error
