"""A PostgreSQL server for one run: default settings, so every commit waits for the disk."""

import os
import re
import subprocess
import time
from pathlib import Path

from . import machine
from .target import Unavailable, current_user, free_port

# PostgreSQL refuses to run as root; Debian's packages bring this account.
ACCOUNT = "postgres"
DATABASE = "bench"
START_LIMIT_SECS = 60


def programs() -> Path:
    """Where PostgreSQL's programs are."""
    named = os.environ.get("CUMULI_BENCH_POSTGRES_BIN")
    places = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major)
    for place in reversed(places):
        if (place / "initdb").exists() and (place / "psql").exists():
            return place
    raise Unavailable("PostgreSQL is not installed: on Debian `apt install postgresql`, or CUMULI_BENCH_POSTGRES_BIN")


def _major(path: Path) -> int:
    found = re.search(r"(\d+)", path.parent.name)
    return int(found[1]) if found else 0


class Postgres:
    """The server, its one database and its one user."""

    def __init__(self, folder: Path) -> None:
        self._bin = programs()
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self._port}/{DATABASE}"

    def start(self) -> None:
        """Makes the cluster when it is not there, starts it and waits until it answers."""
        data = self._folder / "cluster"
        if not data.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            if current_user() == "root":
                subprocess.run(["chown", ACCOUNT, str(self._folder)], check=True)
            command = [self._bin / "initdb", "-D", data, "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
            subprocess.run(_as_account(command), check=True, stdout=subprocess.DEVNULL)
        options = ["-p", str(self._port), "-h", "127.0.0.1", "-k", str(self._folder)]
        with open(self._folder / "postgres.log", "ab") as log:
            command = _as_account([self._bin / "postgres", "-D", data, *options])
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_SECS
        while time.monotonic() < deadline:
            if self._psql("postgres", "SELECT 1").returncode == 0:
                if self._psql(DATABASE, "SELECT 1").returncode != 0:
                    self._psql("postgres", f"CREATE DATABASE {DATABASE}")
                return
            time.sleep(0.1)
        raise Unavailable(f"PostgreSQL did not start; see {self._folder / 'postgres.log'}")

    def _psql(self, database: str, sql: str) -> subprocess.CompletedProcess:
        return subprocess.run(self._command(database, sql), capture_output=True, text=True, check=False)

    def _command(self, database: str, sql: str) -> list[str]:
        place = ["-h", "127.0.0.1", "-p", str(self._port), "-U", ACCOUNT, "-d", database]
        return [str(self._bin / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *place, "-c", sql]

    def execute(self, sql: str) -> str:
        """Runs SQL and returns what it prints; an error is raised with PostgreSQL's words."""
        done = self._psql(DATABASE, sql)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def copy(self, target: str, lines) -> None:
        """Feeds lines of COPY's text format to `COPY target FROM STDIN`."""
        command = self._command(DATABASE, f"COPY {target} FROM STDIN")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as copying:
            copying.stdin.writelines(lines)
            copying.stdin.close()
            complaint = copying.stderr.read()
        if copying.returncode != 0:
            raise RuntimeError(complaint.strip())

    def pids(self) -> list[int]:
        return machine.tree(self._process.pid) if self._process else []

    def stop(self) -> None:
        if self._process is not None:
            # SIGINT is PostgreSQL's fast shutdown: it does not wait for connections to end.
            self._process.send_signal(2)
            self._process.wait(START_LIMIT_SECS)
            self._process = None


def _as_account(command: list) -> list[str]:
    words = [str(word) for word in command]
    if current_user() != "root":
        return words
    return ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", *words]
