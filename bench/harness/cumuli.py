"""Cumuli itself: as shipped, without flushing, on PostgreSQL, and with each of the stores."""

import os
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from . import load, tools
from .emulators import Azurite, Emulator, Gcs, S3s
from .postgres import Postgres, programs
from .target import (
    LISTED_BYTES, PASSWORD, REPOSITORY, USER, Listing, Target, Unavailable, output_of, plain_environment,
)
from .wire import Connection, json_request, request

# An access token lives 15 minutes; a phase is shorter than the rest of that.
TOKEN_SECS = 300
PAGE_ITEMS = 1000
POPULATE_CONNECTIONS = 64


def binary() -> Path:
    """The release binary: CUMULI_BENCH_BINARY, or where cargo puts it."""
    named = os.environ.get("CUMULI_BENCH_BINARY")
    if named:
        return Path(named).resolve()
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release" / "cumuli"


class Cumuli(Target):
    """As shipped: SQLite and a local folder, and every upload on the disk before it is acknowledged."""

    name = "cumuli"
    summary = "Cumuli as shipped: SQLite, every acknowledged write flushed"
    phases = ("start", "small", "big", "list", "stores", "tus", "zip", "million", "crowd")
    connection_counts = (8, 64)

    # Where its contents are.
    store_kind = "local"

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._token = ""
        self._token_at = 0.0

    @classmethod
    def install(cls, work: Path) -> None:
        if os.environ.get("CUMULI_BENCH_BINARY"):
            return
        command = ["cargo", "build", "--release", "--locked", "-p", "cumuli"]
        try:
            subprocess.run(command, cwd=REPOSITORY, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"`{' '.join(command)}` failed: {error}") from error

    @classmethod
    def version(cls, work: Path) -> str:
        commit = output_of("git", "-C", str(REPOSITORY), "describe", "--always", "--dirty")
        return f"{output_of(str(binary()), '--version')} ({commit})"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command(self) -> list[str]:
        return [str(binary()), "serve"]

    def environment(self) -> dict[str, str]:
        return {"CUMULI_LISTEN": f"127.0.0.1:{self.port}", "CUMULI_DATA": str(self.data)}

    def is_up(self, connection: Connection) -> bool:
        return connection.send(request("GET", "/health", {})).is_success

    def sign_up(self) -> None:
        account = {"email": USER, "password": PASSWORD, "full_name": "Bench"}
        self._keep_token(self.send(json_request("POST", "/auth/register", {}, account)))

    def _keep_token(self, answer: dict) -> None:
        self._token, self._token_at = answer["access_token"], time.monotonic()

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def refresh(self) -> None:
        """Signs in again when the token is getting old; called before each phase."""
        if time.monotonic() - self._token_at > TOKEN_SECS:
            credentials = {"email": USER, "password": PASSWORD}
            self._keep_token(self.send(json_request("POST", "/auth/login", {}, credentials)))

    def probe(self) -> bytes:
        return self.children_request("root", limit=1)

    def make_folder(self, name: str) -> str:
        return self.send(json_request("POST", "/api/v1/folders", self.headers(), {"name": name}))["id"]

    def put_request(self, folder: str, name: str, body: bytes) -> bytes:
        headers = self.headers() | {"Content-Type": "application/octet-stream"}
        return request("PUT", f"/api/v1/folders/{folder}/files/{name}", headers, body)

    def big_upload(self, folder: str, path: Path) -> list[str]:
        return ["-T", str(path), self.url(f"/api/v1/folders/{folder}/files/{path.name}")]

    def big_download(self, folder: str, name: str) -> list[str]:
        items = self.send(self.children_request(folder))["items"]
        file_id = next(item["id"] for item in items if item["name"] == name)
        return [self.url(f"/api/v1/files/{file_id}/content")]

    def populate(self, count: int) -> str:
        """Real uploads, like anybody's."""
        folder = self.make_folder("listed")

        def put(name: str, body: bytes) -> bytes:
            return self.put_request(folder, name, body)

        sent = load.run(load.Load(self.port, put, count, POPULATE_CONNECTIONS, LISTED_BYTES), lambda: None)
        if sent.errors:
            raise RuntimeError(f"filling a folder failed: {sent.errors[0]}")
        return folder

    def children_request(
        self, folder: str, limit: int = PAGE_ITEMS, cursor: str | None = None, more: str = ""
    ) -> bytes:
        """One page of a folder; `more` is further parameters of the query."""
        place = f"&cursor={quote(cursor, safe='')}" if cursor else ""
        return request("GET", f"/api/v1/folders/{folder}/children?limit={limit}{place}{more}", self.headers())

    def list_folder(self, connection: Connection, folder: str) -> Listing:
        listing, cursor = Listing(0, 0, []), None
        while True:
            began = time.perf_counter()
            reply = connection.send(self.children_request(folder, cursor=cursor))
            listing.page_ms.append((time.perf_counter() - began) * 1e3)
            page = reply.json()
            listing.entry_count += len(page["items"])
            listing.size_bytes += len(reply.body)
            cursor = page["next_cursor"]
            if cursor is None:
                return listing

    def fsck(self) -> dict[str, object]:
        """Runs `cumuli fsck` on a stopped server's data."""
        began = time.perf_counter()
        environment = plain_environment(self.folder) | self.environment()
        command = [str(binary()), "fsck"]
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        said = (done.stdout + done.stderr).strip().splitlines()
        return {
            "is_clean": done.returncode == 0,
            "secs": round(time.perf_counter() - began, 2),
            "said": said[-1][:300] if said else "",
        }


class CumuliUnsafe(Cumuli):
    """With the switch that exists for this comparison alone: nothing waits for the disk."""

    name = "cumuli-unsafe"
    summary = "Cumuli with CUMULI_UNSAFE_NO_FLUSH=1: what peers do, for comparison only"
    phases = ("start", "small", "big", "list")

    def environment(self) -> dict[str, str]:
        return super().environment() | {"CUMULI_UNSAFE_NO_FLUSH": "1"}


class CumuliPostgres(Cumuli):
    """On PostgreSQL with its default settings; its processes count as the server's."""

    name = "cumuli-postgres"
    summary = "Cumuli on PostgreSQL (default settings), every acknowledged write flushed"
    phases = ("start", "small", "list", "million", "crowd")

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.postgres = Postgres(self.folder / "postgres")

    @classmethod
    def install(cls, work: Path) -> None:
        programs()
        super().install(work)

    @classmethod
    def version(cls, work: Path) -> str:
        return f"{super().version(work)} on {output_of(str(programs() / 'postgres'), '--version')}"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"DATABASE_URL": self.postgres.url}

    def start(self) -> None:
        """The database first, unless it runs; it stays up when Cumuli stops."""
        if not self.postgres.pids():
            self.postgres.start()
        super().start()

    def pids(self) -> list[int]:
        return super().pids() + self.postgres.pids()

    def close(self) -> None:
        super().close()
        self.postgres.stop()


class CumuliStore(Cumuli):
    """With its contents in an object store, for which a stand-in runs beside it."""

    emulator_kind: type[Emulator] = Emulator
    phases = ("stores",)

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.emulator = self.emulator_kind(self.folder)
        self.store_kind = self.emulator.kind

    @classmethod
    def install(cls, work: Path) -> None:
        cls.emulator_kind.install()
        tools.store_client(work)
        super().install(work)

    @classmethod
    def version(cls, work: Path) -> str:
        return f"{super().version(work)} on {cls.emulator_kind.version()}"

    def environment(self) -> dict[str, str]:
        return super().environment() | self.emulator.settings()

    def start(self) -> None:
        """The store first, unless it runs; it stays up when Cumuli stops."""
        if not self.emulator.pids():
            self.emulator.start()
        super().start()

    def close(self) -> None:
        super().close()
        self.emulator.stop()


class CumuliS3(CumuliStore):
    """On S3."""

    name = "cumuli-s3"
    summary = "Cumuli with its contents in S3 (s3s-fs)"
    emulator_kind = S3s
    phases = ("stores", "tus", "transfers")


class CumuliAzure(CumuliStore):
    """On Azure Blob Storage."""

    name = "cumuli-azure"
    summary = "Cumuli with its contents in Azure Blob Storage (Azurite)"
    emulator_kind = Azurite


class CumuliGcs(CumuliStore):
    """On Google Cloud Storage."""

    name = "cumuli-gcs"
    summary = "Cumuli with its contents in Google Cloud Storage (gcp-storage-emulator)"
    emulator_kind = Gcs
