"""Mirrors: what keeping folders in step asks of providers and of this machine, beside rclone's ways to do the same."""

import http.client
import json
import os
import subprocess
import time
import urllib.request
import zlib
from datetime import datetime
from pathlib import Path
from typing import Callable
from urllib.parse import urljoin, urlsplit

from . import load, machine
from .cumuli import POPULATE_CONNECTIONS, Cumuli
from .emulators import Moto
from .mirror_tree import huge
from .phases import SMALL_BYTES, Bench, first_start
from .providers import CLIENTS, EMAIL, FOLDERS, TOP, MotoS3, Sums, built, free_ports, run
from .target import REPOSITORY, Unavailable, output_of, plain_environment
from .wire import WireError, json_request, request

POLL_SECS = 0.1
# A round is over once nothing has happened for so long.
QUIET_SECS = 1.5
LIMIT_SECS = 3600
IDLE_SECS = 60
LAST_SETTING = "CUMULI_MICROSOFT_TOKEN_URL"
TRANSFERS = ["--transfers", "8", "--checkers", "8", "--retries", "1"]


class Clouds:
    """The fakes of Google Drive and OneDrive, with `many` items in each."""

    def __init__(self, folder: Path, environment: dict[str, str], many: int) -> None:
        self.first = free_ports()
        command = [str(built("fake_clouds")), "--listen", f"127.0.0.1:{self.first}", "--bare", "--auto-approve"]
        log = open(folder / "fakes.log", "ab")
        self._process = subprocess.Popen(
            [*command, "--many", str(many)], stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        )
        self.settings: dict[str, str] = {}
        while LAST_SETTING not in self.settings:
            name, found, text = self._process.stdout.readline().strip().partition("=")
            if not found:
                raise WireError(f"the fakes did not start; see {folder}")
            self.settings[name] = text

    def ask(self, kind: str, what: str, body: dict | None = None):
        url = f"http://127.0.0.1:{self.first + (kind == 'onedrive')}/_fake/{what}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[", b'"') else None

    def edit(self, kind: str, edit: dict):
        return self.ask(kind, "edit", {"email": EMAIL, "edit": edit})

    def tree(self, kind: str) -> dict:
        return self.ask(kind, f"tree?email={EMAIL}")

    def reset(self, kind: str) -> None:
        self.ask(kind, "reset", {})

    def sums(self, kind: str) -> Sums:
        told = self.ask(kind, "sums")
        return Sums(told["requests"], told["body_bytes"], told["answer_bytes"])

    def write(self, kind: str, path: str, text: str) -> None:
        """Somebody else writes a file anew."""
        edit = {"path": f"/{path}", "text": text} if kind == "onedrive" else {"id": self.tree(kind)[path], "text": text}
        self.edit(kind, {"write": edit})

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Mirrors(Cumuli):
    """A server of ours with stand-ins for the clouds that are linked to it."""

    name = "mirrors"
    summary = "folders kept in step with Google Drive, OneDrive and S3 (stand-ins), beside rclone"
    phases = ("mirrors",)
    clouds: Clouds | None = None

    @classmethod
    def install(cls, work: Path) -> None:
        super().install(work)
        build = ["cargo", "build", "--release", "--locked", "-p", "fake_clouds"]
        commands = [[str(REPOSITORY / ".ci" / "clients")], build]
        for command in commands if not os.environ.get("CUMULI_BENCH_BINARY") else []:
            try:
                subprocess.run(command, cwd=REPOSITORY, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable(f"`{' '.join(command)}` failed: {error}") from error
        Moto.install()

    @classmethod
    def version(cls, work: Path) -> str:
        return f"{super().version(work)}; {output_of(str(CLIENTS / 'rclone'), 'version')}; {Moto.version()}"

    def environment(self) -> dict[str, str]:
        back = {
            f"{name}_REDIRECT_URI": self.url(f"/auth/{name.lower()}/callback") for name in ("GOOGLE", "ONEDRIVE")
        }
        own = {"CUMULI_OUTBOUND_ALLOW": "127.0.0.0/8"}
        return super().environment() | own | back | (self.clouds.settings if self.clouds else {})

    def close(self) -> None:
        super().close()
        if self.clouds:
            self.clouds.stop()

    def get(self, path: str):
        self.refresh()
        return self.send(request("GET", path, self.headers()))

    def post(self, path: str, body: dict | None = None):
        self.refresh()
        return self.send(json_request("POST", path, self.headers(), body or {}))

    def link(self, kind: str) -> str:
        """Links an account in the way of a browser; answers the connection's id."""
        place, headers, cookies = self.url(f"/auth/{kind}/start"), self.headers(), {}
        while True:
            at = urlsplit(place)
            client = http.client.HTTPConnection(at.hostname, at.port)
            kept = "; ".join(f"{name}={text}" for name, text in cookies.items())
            target = at.path + (f"?{at.query}" if at.query else "")
            client.request("GET", target, headers={"Accept": "text/html", "Cookie": kept} | headers)
            answer = client.getresponse()
            body, headers = answer.read(), {}
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, text = cookie.split(";")[0].partition("=")
                cookies[name] = text
            if (after := answer.headers.get("Location")) is None:
                break
            place = urljoin(place, after)
        for connection in self.get("/api/v1/connections")["connections"]:
            if connection["kind"] == kind:
                return connection["id"]
        raise WireError(f"{kind} was not linked: {answer.status} at {place}: {body[:200]!r}")

    def mirror(self, connection: str, folder: str, there: dict) -> str:
        body = {"folder_path": folder, "connection_id": connection, "most_deletes": 1_000_000} | there
        return self.post("/api/v1/mirrors", body)["id"]

    def wait(self, mirror: str, connection: str, since: float, is_looked_at: bool = True) -> float:
        """Waits until a mirror has nothing to do after what began then; answers when that was."""
        quiet_at, before = 0.0, None
        while time.time() - since < LIMIT_SECS:
            own, other = self.get(f"/api/v1/mirrors/{mirror}"), self.get(f"/api/v1/connections/{connection}")
            is_idle = all(own[name] == 0 for name in ("pending", "waiting", "deletes")) and own["complete"]
            is_new = _later(own["last_run_at"], since) and not other["looking"]
            is_new = is_new and (not is_looked_at or _later(other["as_of"], since))
            if is_idle and is_new and own["behind_seconds"] is None:
                if before == own["last_run_at"]:
                    if time.time() - quiet_at > QUIET_SECS:
                        return _secs(before)
                else:
                    before, quiet_at = own["last_run_at"], time.time()
            time.sleep(POLL_SECS)
        raise WireError(f"the mirror is not in step: {own}")

    def seen(self, connection: str, since: float) -> None:
        """Waits until it was looked what there is."""
        while not _later(self.get(f"/api/v1/connections/{connection}")["as_of"], since):
            time.sleep(POLL_SECS)

    def run(self, mirror: str) -> None:
        self.post(f"/api/v1/mirrors/{mirror}/run")


def _secs(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _later(moment: str | None, since: float) -> bool:
    return moment is not None and _secs(moment) >= since


class Desk:
    """What is measured, and against whose counters."""

    def __init__(self, target: Mirrors, reset: Callable[[], None], sums: Callable[[], Sums]) -> None:
        self.target, self.reset, self.sums = target, reset, sums

    def ours(self, mirror: str, connection: str, step: Callable[[], object] = lambda: None, runs: bool = True) -> dict:
        """A round of a mirror, after `step`."""
        self.reset()
        began = time.time()
        with machine.Meter(self.target.pids) as meter:
            step()
            if runs:
                self.target.run(mirror)
            ended = self.target.wait(mirror, connection, began, runs)
        return self._told(ended - began, meter.peak_mib, meter) | {"cpu_secs": round(meter.server_cpu_secs, 3)}

    def rclone(self, arguments: list[str], environment: dict[str, str]) -> dict:
        self.reset()
        with machine.Meter(lambda: []) as meter:
            ran = run([str(CLIENTS / "rclone"), *arguments, *TRANSFERS], environment)
        return self._told(ran.wall_secs, ran.peak_mib, meter)

    def _told(self, wall_secs: float, peak_mib: float, meter: machine.Meter) -> dict:
        sums = self.sums()
        return {
            "calls": sums.calls, "sent_bytes": sums.sent_bytes, "received_bytes": sums.received_bytes,
            "wall_secs": round(wall_secs, 3), "peak_mib": round(peak_mib, 1),
            "other_cores": round(meter.other_cores, 2),
        }


def mirrors(bench: Bench, target: Mirrors) -> dict[str, object]:
    """First rounds, rounds with nothing to do, a change in a big tree, and many mirrors at once."""
    sizes = bench.sizes
    target.clouds = Clouds(target.folder, plain_environment(target.folder), sizes.mirror_cloud + FOLDERS)
    first_start(target)
    figures: dict[str, object] = {
        "files": sizes.mirror_files, "cloud_files": sizes.mirror_cloud, "count": sizes.mirror_count,
    }
    bench.wait()
    figures["s3"] = _bucket(bench, target)
    for kind in ("google", "onedrive"):
        bench.wait()
        figures[kind] = _cloud(target, kind)
    bench.wait()
    figures["many"] = _many(bench, target)
    bench.wait()
    figures["huge"] = huge(bench, target)
    return figures


def _bucket(bench: Bench, target: Mirrors) -> dict[str, object]:
    """As many small files here as rclone has in a folder; both to the same emulator."""
    count = bench.sizes.mirror_files
    folder = target.folder / "s3"
    folder.mkdir()
    local = folder / "local"
    for number in range(count):
        path = local / f"{number % FOLDERS:02}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SMALL_BYTES))
    print("  s3: files here", flush=True)
    top = target.make_folder("Local")
    folders = [target.post("/api/v1/folders", {"name": f"{n:02}", "parent_id": top})["id"] for n in range(FOLDERS)]

    def put(name: str, body: bytes) -> bytes:
        return target.put_request(folders[zlib.crc32(name.encode()) % FOLDERS], name, body)

    sent = load.run(load.Load(target.port, put, count, POPULATE_CONNECTIONS, SMALL_BYTES), lambda: None)
    if sent.errors:
        raise WireError(f"filling a folder failed: {sent.errors[0]}")
    provider = MotoS3(folder, plain_environment(folder))
    try:
        return _first(target, provider, local)
    finally:
        provider.stop()


def _first(target: Mirrors, provider: MotoS3, local: Path) -> dict[str, object]:
    desk = Desk(target, provider.reset, provider.sums)
    connection = target.post("/api/v1/connections", provider.connection())["id"]
    target.seen(connection, 0)
    figures: dict[str, dict] = {"first": {}, "again": {}, "change": {}}
    print("  s3: first round", flush=True)
    made: dict[str, str] = {}
    began = time.time()
    provider.reset()
    with machine.Meter(target.pids) as meter:
        made["id"] = target.mirror(connection, "Local", {"remote_path": "/by-cumuli", "make_remote": True})
        ended = target.wait(made["id"], connection, began)
    cpu = {"cpu_secs": round(meter.server_cpu_secs, 3)}
    figures["first"]["cumuli"] = desk._told(ended - began, meter.peak_mib, meter) | cpu
    print("  s3: nothing to do, one change", flush=True)
    figures["again"]["cumuli"] = desk.ours(made["id"], connection)
    path = "/api/v1/paths/Local/00/changed.txt"
    change = request("PUT", path, target.headers(), os.urandom(SMALL_BYTES))
    figures["change"]["cumuli"] = desk.ours(made["id"], connection, lambda: target.send(change), False)
    target.post(f"/api/v1/mirrors/{made['id']}/pause")
    config = provider.folder / "rclone.conf"
    config.write_text(f"[cloud]\n{provider.remote()}")
    own = ["--workdir", str(provider.folder / "bisync")]
    for words, way in (("rclone sync", ["sync"]), ("rclone bisync", ["bisync", *own])):
        print(f"  s3: {words}", flush=True)
        there = f"{provider.base()}by-{words.replace(' ', '-')}"
        command = [*way, str(local), there, "--config", str(config)]
        first = [*command, "--resync"] if way[0] == "bisync" else command
        figures["first"][words] = desk.rclone(first, provider.environment)
        figures["again"][words] = desk.rclone(command, provider.environment)
        (local / "00" / "changed.txt").write_bytes(os.urandom(SMALL_BYTES))
        figures["change"][words] = desk.rclone(command, provider.environment)
    return figures


def _cloud(target: Mirrors, kind: str) -> dict[str, object]:
    """A first round from there to here, one with nothing to do, and one change on each side."""
    clouds = target.clouds
    desk = Desk(target, lambda: clouds.reset(kind), lambda: clouds.sums(kind))
    print(f"  {kind}: first round", flush=True)
    connection = target.link(kind)
    target.seen(connection, 0)
    began = time.time()
    mirror = target.mirror(connection, f"From {kind}", {"remote_path": f"/{TOP}"})
    target.wait(mirror, connection, began)
    print(f"  {kind}: nothing to do, one change", flush=True)
    figures = {"again": desk.ours(mirror, connection)}
    there = f"{TOP}/00/000000.txt"
    figures["change_there"] = desk.ours(mirror, connection, lambda: clouds.write(kind, there, "by somebody else"))
    # Looking at the whole tree of the fake is no call of ours.
    path = f"/api/v1/paths/From%20{kind}/01/000001.txt"
    change = request("PUT", path, target.headers(), b"written here")
    figures["change_here"] = desk.ours(mirror, connection, lambda: target.send(change), False)
    target.post(f"/api/v1/mirrors/{mirror}/pause")
    complaints = clouds.ask(kind, "violations")
    if complaints:
        raise WireError(f"{kind} complains: {complaints[0]}")
    return figures


def _many(bench: Bench, target: Mirrors) -> dict[str, object]:
    """Many mirrors of one account: how they are made, what they cost at rest, and a round of all."""
    clouds, count = target.clouds, bench.sizes.mirror_count
    print(f"  {count} mirrors", flush=True)
    connection = next(c["id"] for c in target.get("/api/v1/connections")["connections"] if c["kind"] == "google")
    # A person may have a thousand, which are made here.
    for mirror in target.get("/api/v1/mirrors")["mirrors"]:
        target.send(request("DELETE", f"/api/v1/mirrors/{mirror['id']}", target.headers()))
    root = clouds.ask("google", "account", {"email": EMAIL})["root"]
    for number in range(count):
        clouds.edit("google", {"folder": {"parent": root, "name": f"M{number:04}"}})
    tree = clouds.tree("google")
    for number in range(count):
        clouds.edit("google", {"file": {"parent": tree[f"M{number:04}"], "name": "a.txt", "text": str(number)}})
    began = time.time()
    target.post(f"/api/v1/connections/{connection}/refresh")
    target.seen(connection, began)
    made_at = time.time()
    ids = [target.mirror(connection, f"Mirrors/{n:04}", {"remote_id": tree[f"M{n:04}"]}) for n in range(count)]
    making_secs = time.time() - made_at
    _all_later(target, ids, made_at)
    in_step_secs = time.time() - made_at
    machine.settle()
    clouds.reset("google")
    with machine.Meter(target.pids) as idle:
        time.sleep(IDLE_SECS)
    idle_calls, idle_mib = clouds.sums("google").calls, machine.pss_mib(target.pids())
    clouds.reset("google")
    with machine.Meter(target.pids) as meter:
        began = time.time()
        for mirror in ids:
            target.run(mirror)
        asked_secs = time.time() - began
        ended = _all_later(target, ids, began)
    figures = {
        "making_secs": round(making_secs, 2), "in_step_secs": round(in_step_secs, 2),
        "idle_cores": round(idle.server_cpu_secs / idle.wall_secs, 4), "idle_calls": idle_calls,
        "idle_mib": round(idle_mib, 1), "round_secs": round(ended - began, 2), "asked_secs": round(asked_secs, 2),
        "round_cpu_secs": round(meter.server_cpu_secs, 2), "round_calls": clouds.sums("google").calls,
        "peak_mib": round(meter.peak_mib, 1), "other_cores": round(meter.other_cores, 2),
    }
    for mirror in ids:
        target.send(request("DELETE", f"/api/v1/mirrors/{mirror}", target.headers()))
    return figures


def _all_later(target: Mirrors, ids: list[str], since: float) -> float:
    """Waits until all of these mirrors are in step since then; answers when that was."""
    wanted = set(ids)
    while time.time() - since < LIMIT_SECS:
        rows = [row for row in target.get("/api/v1/mirrors")["mirrors"] if row["id"] in wanted]
        if all(_later(row["last_run_at"], since) and row["complete"] and row["behind_seconds"] is None for row in rows):
            return max(_secs(row["last_run_at"]) for row in rows)
        time.sleep(POLL_SECS * 4)
    raise WireError("not all mirrors are in step")
