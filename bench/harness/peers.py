"""The peers. To add one: a class here, in the order of its siblings, and a line in `targets.py`."""

import base64
import json
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from . import tools
from .target import PASSWORD, USER, Listing, Target, current_user, find_program, output_of
from .wire import Connection, WireError, json_request, request

LOGIN = "bench"


class FileServer(Target):
    """A server that shows a folder of the disk by its paths, with one PUT for a file."""

    def headers(self) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()}

    def make_folder(self, name: str) -> str:
        with Connection(self.port) as connection:
            reply = connection.send(request("MKCOL", f"/{quote(name)}/", self.headers()))
        if not reply.is_success:
            raise WireError(f"MKCOL answered {reply.status}")
        return name

    def put_request(self, folder: str, name: str, body: bytes) -> bytes:
        return request("PUT", f"/{folder}/{name}", self.headers(), body)

    def big_upload(self, folder: str, path: Path) -> list[str]:
        return ["-T", str(path), self.url(f"/{folder}/{path.name}")]

    def big_download(self, folder: str, name: str) -> list[str]:
        return [self.url(f"/{folder}/{name}")]

    def list_folder(self, connection: Connection, folder: str) -> Listing:
        began = time.perf_counter()
        reply = connection.send(self.list_request(folder))
        took_ms = (time.perf_counter() - began) * 1e3
        if not reply.is_success:
            raise WireError(f"the listing answered {reply.status}")
        return Listing(self.count_entries(reply.body), len(reply.body), [took_ms])

    def list_request(self, folder: str) -> bytes:
        """The cheapest machine-readable listing that the server has."""
        raise NotImplementedError

    def count_entries(self, body: bytes) -> int:
        """How many entries such a listing holds."""
        raise NotImplementedError


class Nginx(FileServer):
    """nginx with its own WebDAV module; listings by autoindex as JSON."""

    name = "nginx"
    summary = "nginx, dav module, basic authentication, autoindex as JSON"

    @classmethod
    def install(cls, work: Path) -> None:
        find_program("nginx", "on Debian `apt install nginx-light`")

    @classmethod
    def version(cls, work: Path) -> str:
        return output_of(find_program("nginx", ""), "-v")

    def command(self) -> list[str]:
        (self.folder / "users").write_text(f"{LOGIN}:{{PLAIN}}{PASSWORD}\n")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "\n".join(f"    {kind}_temp_path {self.folder}/tmp/{kind};" for kind in kinds)
        user = f"user {current_user()};" if current_user() == "root" else ""
        (self.folder / "nginx.conf").write_text(f"""
{user}
daemon off;
worker_processes auto;
pid {self.folder}/pid;
error_log {self.folder}/log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
{paths}
    server {{
        listen 127.0.0.1:{self.port};
        root {self.root};
        client_max_body_size 0;
        auth_basic bench;
        auth_basic_user_file {self.folder}/users;
        dav_methods PUT DELETE MKCOL COPY MOVE;
        autoindex on;
        autoindex_format json;
    }}
}}
""")
        return [find_program("nginx", ""), "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "log")]

    def list_request(self, folder: str) -> bytes:
        return request("GET", f"/{folder}/", self.headers())

    def count_entries(self, body: bytes) -> int:
        return len(json.loads(body))


class Dufs(FileServer):
    """dufs, built by cargo; listings by its JSON form."""

    name = "dufs"
    summary = "dufs, basic authentication, `?json` listings"
    VERSION = "0.47.0"

    @classmethod
    def install(cls, work: Path) -> None:
        tools.cargo_tool(work, "dufs", cls.VERSION)

    @classmethod
    def version(cls, work: Path) -> str:
        return output_of(str(tools.cargo_tool(work, "dufs", cls.VERSION)), "--version")

    def command(self) -> list[str]:
        return [
            str(self.tools / "cargo" / "bin" / "dufs"), "-b", "127.0.0.1", "-p", str(self.port), "-A",
            "-a", f"{LOGIN}:{PASSWORD}@/:rw", str(self.root),
        ]

    def list_request(self, folder: str) -> bytes:
        return request("GET", f"/{folder}/?json", self.headers())

    def count_entries(self, body: bytes) -> int:
        return len(json.loads(body)["paths"])


class Copyparty(FileServer):
    """copyparty with its index on, as a searchable drive needs it."""

    name = "copyparty"
    summary = "copyparty, password header, file index on (-e2dsa), `?ls` listings"

    @classmethod
    def install(cls, work: Path) -> None:
        tools.python_tool(work, "copyparty")

    @classmethod
    def version(cls, work: Path) -> str:
        return output_of(str(tools.python_tool(work, "copyparty")), "--version")

    def headers(self) -> dict[str, str]:
        return {"PW": PASSWORD}

    def command(self) -> list[str]:
        return [
            str(self.tools / "venv" / "bin" / "copyparty"), "-i", "127.0.0.1", "-p", str(self.port), "-q",
            "-a", f"{LOGIN}:{PASSWORD}", "-v", f"{self.root}::A,{LOGIN}", "-e2dsa",
            "--hist", str(self.folder / "hist"), "--no-thumb",
        ]

    def list_request(self, folder: str) -> bytes:
        return request("GET", f"/{folder}/?ls", self.headers())

    def count_entries(self, body: bytes) -> int:
        listing = json.loads(body)
        return len(listing["files"]) + len(listing["dirs"])


class Rclone(FileServer):
    """rclone serve webdav without a cache of contents, its default."""

    name = "rclone"
    summary = "rclone serve webdav, basic authentication, PROPFIND listings"
    CACHE_SECS = 1
    PROPERTIES = (
        b'<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/><d:getlastmodified/>'
        b"<d:getcontentlength/><d:getetag/></d:prop></d:propfind>"
    )

    @classmethod
    def install(cls, work: Path) -> None:
        tools.python_tool(work, "rclone")

    @classmethod
    def version(cls, work: Path) -> str:
        return output_of(str(tools.python_tool(work, "rclone")), "version")

    def command(self) -> list[str]:
        return [
            str(self.tools / "venv" / "bin" / "rclone"), "serve", "webdav", str(self.root),
            "--addr", f"127.0.0.1:{self.port}", "--user", LOGIN, "--pass", PASSWORD,
            "--config", str(self.folder / "rclone.conf"), "--dir-cache-time", f"{self.CACHE_SECS}s",
        ]

    def probe(self) -> bytes:
        return self.list_request("")

    def populate(self, count: int) -> str:
        folder = super().populate(count)
        time.sleep(2 * self.CACHE_SECS)  # Until it forgets that the folder was not there.
        return folder

    def list_request(self, folder: str) -> bytes:
        path = f"/{folder}/" if folder else "/"
        headers = self.headers() | {"Depth": "1", "Content-Type": "text/xml"}
        return request("PROPFIND", path, headers, self.PROPERTIES)

    def count_entries(self, body: bytes) -> int:
        return body.lower().count(b"response>") // 2 - 1


class FastApi(Target):
    """Our stand-in for a plain FastAPI and SQLModel server: `bench/peers/fastapi_app.py`."""

    name = "fastapi"
    summary = "FastAPI + SQLModel + uvicorn (one worker, uvloop, SQLite), multipart upload, JWT"
    APP = Path(__file__).resolve().parent.parent / "peers"
    BOUNDARY = "bench-boundary-5f1c"

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self._token = ""

    @classmethod
    def install(cls, work: Path) -> None:
        tools.python_tool(work, "uvicorn")

    @classmethod
    def version(cls, work: Path) -> str:
        show = "import fastapi, uvicorn; print('fastapi', fastapi.__version__, 'uvicorn', uvicorn.__version__)"
        return output_of(str(tools.python_tool(work, "python")), "-c", show)

    def command(self) -> list[str]:
        return [
            str(self.tools / "venv" / "bin" / "uvicorn"), "fastapi_app:app", "--host", "127.0.0.1",
            "--port", str(self.port), "--no-access-log", "--log-level", "warning",
        ]

    def environment(self) -> dict[str, str]:
        return {"DRIVE_DATA": str(self.root), "PYTHONPATH": str(self.APP), "PYTHONDONTWRITEBYTECODE": "1"}

    def is_up(self, connection: Connection) -> bool:
        return connection.send(request("GET", "/health", {})).is_success

    def sign_up(self) -> None:
        credentials = {"email": USER, "password": PASSWORD}
        self.send(json_request("POST", "/auth/register", {}, credentials))
        self._token = self.send(json_request("POST", "/auth/login", {}, credentials))["access_token"]

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def probe(self) -> bytes:
        return request("GET", "/api/v1/files?limit=1", self.headers())

    def make_folder(self, name: str) -> str:
        return str(self.send(json_request("POST", "/drive", self.headers(), {"name": name}))["id"])

    def put_request(self, folder: str, name: str, body: bytes) -> bytes:
        form = (
            f'--{self.BOUNDARY}\r\nContent-Disposition: form-data; name="folder_id"\r\n\r\n{folder}\r\n'
            f'--{self.BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + body + f"\r\n--{self.BOUNDARY}--\r\n".encode()
        headers = self.headers() | {"Content-Type": f"multipart/form-data; boundary={self.BOUNDARY}"}
        return request("POST", "/api/v1/upload", headers, form)

    def big_upload(self, folder: str, path: Path) -> list[str]:
        return ["-F", f"folder_id={folder}", "-F", f"file=@{path}", self.url("/api/v1/upload")]

    def big_download(self, folder: str, name: str) -> list[str]:
        files = self.send(request("GET", f"/drive/{folder}", self.headers()))["files"]
        file_id = next(file["id"] for file in files if file["filename"] == name)
        return [self.url(f"/api/v1/files/{file_id}?download=true")]

    def populate(self, count: int) -> str:
        """Rows only, straight into its database: a listing touches nothing else."""
        folder = self.make_folder("listed")
        rows = (
            (f"{at:032x}", int(folder), f"file-{at:05d}.txt", f"{at:064x}", f"2026-01-01 00:00:00.{at:06d}")
            for at in range(count)
        )
        with sqlite3.connect(self.root / "drive.db", timeout=60) as db:
            db.executemany(
                "INSERT INTO storedfile (id, owner_id, folder_id, filename, mime_type, size, sha256, version,"
                " created_at) VALUES (?, 1, ?, ?, 'text/plain', 100, ?, 1, ?)",
                rows,
            )
        db.close()
        return folder

    def list_folder(self, connection: Connection, folder: str) -> Listing:
        began = time.perf_counter()
        reply = connection.send(request("GET", f"/drive/{folder}", self.headers()))
        took_ms = (time.perf_counter() - began) * 1e3
        listing = reply.json()
        return Listing(len(listing["files"]) + len(listing["folders"]), len(reply.body), [took_ms])
