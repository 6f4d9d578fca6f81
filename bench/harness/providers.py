"""Stand-ins for providers, which count what is asked of them, and clients that are run on them."""

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .emulators import BUCKET, TOOLS, Moto, S3s
from .relay import Relay
from .target import REPOSITORY, free_port
from .wire import WireError

CLIENTS = TOOLS / "clients" / "bin"
TLS_PROXY = REPOSITORY / "crates" / "fake_clouds" / "tests" / "clients" / "tlsproxy.py"
EMAIL = "ada@gmail.com"
# What `--many` of the fakes makes.
TOP, FOLDERS = "Many", 100
# A rise of memory is missed only where it comes that shortly before the end.
WATCH_SECS = 0.01
LIMIT_SECS = 900
FAR = "2099-01-01T00:00:00Z"


def built(name: str) -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release" / name


@dataclass
class Sums:
    """What a client asked: calls, and the bytes in their bodies."""

    calls: int
    sent_bytes: int
    received_bytes: int


class Provider:
    """A stand-in that counts what is asked of it."""

    kind = ""
    # What rclone has to be told to list everything at once.
    fast = ["--fast-list"]

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.tls: list[str] = []

    def ours(self) -> list[str]:
        """What the example needs to reach it."""
        raise NotImplementedError

    def root(self) -> str:
        """What our connector calls its top folder."""
        raise NotImplementedError

    def remote(self) -> str:
        """What rclone has to know of it."""
        raise NotImplementedError

    def base(self) -> str:
        """Where in rclone's remote the drive begins."""
        return "cloud:"

    def reset(self) -> None:
        """Counts from here on."""
        raise NotImplementedError

    def sums(self) -> Sums:
        raise NotImplementedError

    def change_one(self, text: str) -> None:
        """Somebody else writes one of the listed files anew."""
        raise NotImplementedError

    def complaints(self) -> list[str]:
        """What no honest client does."""
        return []

    def pids(self) -> list[int]:
        """Its processes."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class Fake(Provider):
    """One of the fakes of `crates/fake_clouds`."""

    hosts: tuple[str, ...] = ()
    step = 0

    def __init__(self, folder: Path, environment: dict[str, str], many: int, keeps_bytes: bool) -> None:
        super().__init__(folder, environment)
        port = free_ports()
        command = [str(built("fake_clouds")), "--listen", f"127.0.0.1:{port}", "--bare", "--many", str(many)]
        log = open(folder / "fake.log", "ab")
        self._fake = subprocess.Popen(
            [*command, *([] if keeps_bytes else ["--discard"])], stdout=subprocess.PIPE, stderr=log, env=environment
        )
        if not self._fake.stdout.readline():
            raise WireError(f"the fake did not start; see {folder}")
        self.url = f"http://127.0.0.1:{port + self.step}"
        self.account = self._ask("account", {"email": EMAIL})
        authority = folder / "authority.pem"
        proxy = [str(CLIENTS / "python"), str(TLS_PROXY), str(authority)]
        proxy += [f"{host}={self.url.removeprefix('http://')}" for host in self.hosts]
        self._proxy = subprocess.Popen(proxy, stdout=subprocess.PIPE, stderr=log, env=environment)
        listens = int(self._proxy.stdout.readline())
        self.environment = environment | {"HTTPS_PROXY": f"http://127.0.0.1:{listens}", "NO_PROXY": "127.0.0.1"}
        self.tls = ["--ca-cert", str(authority)]

    def _ask(self, what: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_fake/{what}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else None

    def root(self) -> str:
        return self.account["root"]

    def ours(self) -> list[str]:
        return [self.kind, "--url", self.api(), "--token", self.account["access_token"]]

    def api(self) -> str:
        return self.url

    def token(self) -> str:
        kept = {"access_token": self.account["access_token"], "token_type": "Bearer", "expiry": FAR}
        return json.dumps(kept | {"refresh_token": self.account["refresh_token"]})

    def reset(self) -> None:
        self._ask("reset", {})

    def sums(self) -> Sums:
        told = self._ask("sums")
        return Sums(told["requests"], told["body_bytes"], told["answer_bytes"])

    def complaints(self) -> list[str]:
        return self._ask("violations")

    def listed_file(self) -> str:
        return f"{TOP}/00/000000.txt"

    def edit(self, edit: dict) -> None:
        self._ask("edit", {"email": EMAIL, "edit": edit})

    def pids(self) -> list[int]:
        return [self._fake.pid, self._proxy.pid]

    def stop(self) -> None:
        for process in (self._proxy, self._fake):
            process.kill()
            process.wait()


class Google(Fake):
    kind = "google"
    hosts = ("www.googleapis.com", "oauth2.googleapis.com")

    def remote(self) -> str:
        return f"type = drive\nscope = drive\nclient_id = any\nclient_secret = any\ntoken = {self.token()}\n"

    def change_one(self, text: str) -> None:
        tree = self._ask(f"tree?email={EMAIL}")
        self.edit({"write": {"id": tree[self.listed_file()], "text": text}})


class OneDrive(Fake):
    kind = "onedrive"
    hosts = ("graph.microsoft.com", "login.microsoftonline.com")
    step = 1
    fast = ["--fast-list", "--onedrive-delta"]

    def api(self) -> str:
        return f"{self.url}/v1.0"

    def remote(self) -> str:
        return (
            f"type = onedrive\nclient_id = any\nclient_secret = any\ntoken = {self.token()}\n"
            f"drive_id = {self.account['drive_id']}\ndrive_type = personal\n"
        )

    def change_one(self, text: str) -> None:
        self.edit({"write": {"path": f"/{self.listed_file()}", "text": text}})


class S3(Provider):
    """s3s-fs, with something in between that counts."""

    kind = "s3"

    def __init__(self, folder: Path, environment: dict[str, str], many: int, keeps_bytes: bool) -> None:
        super().__init__(folder, environment)
        self._store = S3s(folder)
        for number in range(many - FOLDERS if many else 0):
            place = self._place(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(str(number))
        self._store.start()
        self._relay = Relay(self._store.port)
        self._probed = "{}"
        self._probed = json.dumps({name: is_so for name, is_so in ask_ours(self, ["probe"]).items() if name != "peak_kib"})

    def _place(self, number: int) -> Path:
        return self._store.objects / BUCKET / TOP / f"{number % FOLDERS:02}" / f"{number:06}.txt"

    def ours(self) -> list[str]:
        keys = f"{self._store.ACCESS_KEY}:{self._store.SECRET_KEY}"
        reach = ["--url", self._relay.url, "--bucket", BUCKET, "--token", keys]
        return [self.kind, *reach, "--probed", self._probed]

    def root(self) -> str:
        return "/"

    def remote(self) -> str:
        return (
            f"type = s3\nprovider = Other\nendpoint = {self._relay.url}\nregion = us-east-1\n"
            f"access_key_id = {self._store.ACCESS_KEY}\nsecret_access_key = {self._store.SECRET_KEY}\n"
        )

    def base(self) -> str:
        return f"cloud:{BUCKET}/"

    def reset(self) -> None:
        self._relay.reset()

    def sums(self) -> Sums:
        return Sums(*self._relay.sums())

    def change_one(self, text: str) -> None:
        self._place(0).write_text(text)

    def pids(self) -> list[int]:
        return self._store.pids()

    def stop(self) -> None:
        self._relay.stop()
        self._store.stop()


class MotoS3(S3):
    """The same on moto, which is slower, and lists what s3s-fs does not."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        Provider.__init__(self, folder, environment)
        self._store = Moto(folder)
        self._store.start()
        self._relay = Relay(self._store.port)

    def connection(self) -> dict[str, str]:
        """What the product has to know of it."""
        keys = {"access_key": self._store.ACCESS_KEY, "secret_key": self._store.SECRET_KEY}
        return {"kind": "s3", "bucket": BUCKET, "endpoint": self._relay.url} | keys


def free_ports() -> int:
    """The first of three free ports in a row, where the fakes listen."""
    while True:
        first = free_port()
        try:
            for port in (first + 1, first + 2):
                socket.create_server(("127.0.0.1", port)).close()
        except (OSError, OverflowError):
            continue
        return first


@dataclass
class Ran:
    """A client that has ended."""

    output: str
    wall_secs: float
    peak_mib: float


def ask_ours(provider: Provider, arguments: list[str]) -> dict:
    return json.loads(run_ours(provider, arguments).output)


def run_ours(provider: Provider, arguments: list[str]) -> Ran:
    # What it talks to is on this machine and needs no proxy.
    environment = {name: value for name, value in provider.environment.items() if name != "HTTPS_PROXY"}
    ran = run([str(built("examples/work")), *provider.ours(), *arguments], environment)
    # It may have ended before anybody looked.
    ran.peak_mib = json.loads(ran.output)["peak_kib"] / 1024
    return ran


def run(command: list[str], environment: dict[str, str]) -> Ran:
    """Runs a client to its end, and watches its memory by the kernel's high-water mark."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_SECS):
            peak[0] = max(peak[0], machine.peak_mib(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        output, errors = process.communicate(timeout=LIMIT_SECS)
    finally:
        took_secs = time.perf_counter() - began
        ended.set()
        process.kill()
        watcher.join()
    if process.returncode != 0:
        raise WireError(f"{Path(command[0]).name} {command[1]}: {errors.strip()[-800:]}")
    return Ran(output, took_secs, peak[0])
