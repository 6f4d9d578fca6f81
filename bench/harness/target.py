"""What a target is: a server that can be started, spoken to and stopped."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .wire import Connection, WireError, request

REPOSITORY = Path(__file__).resolve().parent.parent.parent
USER = "bench@example.com"
PASSWORD = "bench-password-77"
START_LIMIT_SECS = 120
STOP_LIMIT_SECS = 30
POLL_SECS = 0.001
LISTED_BYTES = 100


class Unavailable(Exception):
    """The target cannot run on this machine; the text says what is missing."""


@dataclass
class Listing:
    """What listing a folder gave."""

    entry_count: int
    size_bytes: int
    page_ms: list[float]


class Target:
    """A server under test. A subclass says how to start it and how to speak to it.

    A target lives for one run: its data are in a new folder of its own and are never reused.
    """

    name = ""
    summary = ""
    # Phases that this target takes part in, and the connections of its small uploads.
    phases: tuple[str, ...] = ("start", "small", "big", "list")
    connection_counts: tuple[int, ...] = (8,)

    def __init__(self, work: Path) -> None:
        self.tools = work / "tools"
        self.folder = work / "runs" / f"{self.name}-{time.time_ns()}"
        self.folder.mkdir(parents=True)
        self.root = self.folder / "root"
        self.root.mkdir()
        self.port = free_port()
        self._process: subprocess.Popen | None = None
        self._started_at = 0.0

    # What each target says of itself.

    @classmethod
    def install(cls, work: Path) -> None:
        """Gets what is missing into `work/tools`; raises Unavailable if it cannot."""

    @classmethod
    def version(cls, work: Path) -> str:
        """The version under test."""
        return ""

    def command(self) -> list[str]:
        """The command that starts it in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Environment variables on top of a plain environment."""
        return {}

    def sign_up(self) -> None:
        """Makes the account, on a server that has just started for the first time."""

    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request."""
        return {}

    def probe(self) -> bytes:
        """A cheap request that only a signed-in user may make."""
        return request("GET", "/", self.headers())

    def is_up(self, connection: Connection) -> bool:
        """Whether a server that has no account yet answers."""
        return connection.send(self.probe()).is_success

    def make_folder(self, name: str) -> str:
        """Makes a folder and returns what the other methods call it."""
        raise NotImplementedError

    def put_request(self, folder: str, name: str, body: bytes) -> bytes:
        """The request that uploads a small file."""
        raise NotImplementedError

    def big_upload(self, folder: str, path: Path) -> list[str]:
        """Arguments for curl to upload the file at `path`."""
        raise NotImplementedError

    def big_download(self, folder: str, name: str) -> list[str]:
        """Arguments for curl to download it."""
        raise NotImplementedError

    def populate(self, count: int) -> str:
        """Fills a new folder with small files, in the quickest way; returns what it is called."""
        folder = self.root / "listed"
        folder.mkdir()
        for at in range(count):
            (folder / f"file-{at:05d}.txt").write_bytes(b"x" * LISTED_BYTES)
        return "listed"

    def list_folder(self, connection: Connection, folder: str) -> Listing:
        """Lists the folder completely."""
        raise NotImplementedError

    # The same for every target.

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Starts the process; does not wait until it answers."""
        self._started_at = time.perf_counter()
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=plain_environment(self.folder) | self.environment(), start_new_session=True,
            )

    def wait_until_up(self, is_first: bool = False) -> float:
        """Waits for the first good answer; returns the milliseconds since the start."""
        while time.perf_counter() - self._started_at < START_LIMIT_SECS:
            try:
                with Connection(self.port) as connection:
                    good = self.is_up(connection) if is_first else connection.send(self.probe()).is_success
                if good:
                    return (time.perf_counter() - self._started_at) * 1e3
            except OSError:
                pass
            if self._process is not None and self._process.poll() is not None:
                raise WireError(f"{self.name} ended with {self._process.returncode}; {self.log_tail()}")
            time.sleep(POLL_SECS)
        raise WireError(f"{self.name} did not answer within {START_LIMIT_SECS} s; {self.log_tail()}")

    def stop(self) -> None:
        """Stops the process in the way it likes, by force if it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_SECS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stops everything that belongs to the target; harmless when nothing runs."""
        self.stop()

    def pids(self) -> list[int]:
        """Its processes."""
        return machine.tree(self._process.pid) if self._process else []

    def log_tail(self) -> str:
        """The last lines of its log, for an error message."""
        path = self.folder / "log"
        lines = path.read_text(errors="replace").splitlines()[-5:] if path.exists() else []
        return "its log ends: " + " | ".join(lines)

    def curl_headers(self) -> list[str]:
        return [part for name, value in self.headers().items() for part in ("-H", f"{name}: {value}")]

    def send(self, data: bytes):
        """One request on a connection of its own; a JSON answer."""
        with Connection(self.port) as connection:
            return connection.send(data).json()


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain_environment(folder: Path) -> dict[str, str]:
    """The same small environment for every target; temporary files go to the measured disk."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return keep | {"TMPDIR": str(temporary)}


def find_program(name: str, hint: str) -> str:
    """Where a program is; says how to get it when it is not there."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"`{name}` is not installed: {hint}")
    return found


def current_user() -> str:
    return getpass.getuser()


def output_of(*command: str) -> str:
    """The first line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""
