"""One big file up and down: through Cumuli, past it straight to the store, and by the store's own client."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

from . import curl, machine, tools
from .cumuli import Cumuli, CumuliStore
from .machine import Meter
from .phases import MIB, Bench
from .sender import Piece, fetch_all, send_all
from .wire import WireError, json_request, request

DIRECT = "/api/v1/uploads/direct"
# Where Cumuli's objects are in a bucket.
BLOBS = "blobs/"
# Parts that are on their way to a store at once, where it takes them in any order.
PART_CONNECTIONS = 4
# boto3 reads ranges of 8 MiB, ten at once; the clients of the other stores read one stream.
RANGE_CONNECTIONS = {"s3": 10}
RANGE_BYTES = 8 * MIB
SIGNED_AT_ONCE = 100
PROOF_LIMIT_SECS = 300
TUS_HEADERS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@dataclass
class Moved:
    """What a way knows of the file that it sent."""

    source: Path
    digest: str
    file_id: str = ""


class Way:
    """How a file gets up and down. The seconds are those between the first request and the last answer."""

    name = ""

    def __init__(self, bench: Bench, target: Cumuli, size_mib: int) -> None:
        self.bench, self.target, self.size_mib = bench, target, size_mib

    def up(self, moved: Moved) -> float:
        raise NotImplementedError

    def down(self, moved: Moved) -> float:
        raise NotImplementedError

    def after_up(self, moved: Moved) -> dict[str, float]:
        """Waits for what an upload leaves to be done, outside the clock."""
        return {}

    def after_down(self, moved: Moved) -> dict[str, float]:
        """Looks whether the bytes are the right ones, and tidies up."""
        return {}

    def ask_client(self, what: str, name: str, moved: Moved):
        """Has the store's own client do something with an object."""
        emulator = self.target.emulator
        options = emulator.options() | {"name": name, "path": str(moved.source)}
        command = [*tools.store_client(self.bench.work), emulator.kind, what, json.dumps(options)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WireError(f"the client of {emulator.kind}: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def fetch(self, arguments: list[str]) -> float:
        took_secs, size_bytes = curl.transfer(arguments)
        self.check_size(size_bytes)
        return took_secs

    def check_size(self, size_bytes: int) -> None:
        if size_bytes != self.size_mib * MIB:
            raise WireError(f"{self.name}: the download gave {size_bytes} bytes of {self.size_mib * MIB}")


class Through(Way):
    """Through the server: one PUT, one GET."""

    name = "server"

    def up(self, moved: Moved) -> float:
        place = self.target.url(f"/api/v1/paths/stores/{self.name}.bin")
        return curl.transfer([*self.target.curl_headers(), "-T", str(moved.source), place])[0]

    def after_up(self, moved: Moved) -> dict[str, float]:
        node = self.target.send(request("GET", f"/api/v1/resolve?path=/stores/{self.name}.bin", self.target.headers()))
        moved.file_id = node["id"]
        if node["sha256"] != moved.digest:
            raise WireError(f"{self.name}: the server found another digest than we")
        return {}

    def address(self, moved: Moved) -> list[str]:
        place = self.target.url(f"/api/v1/files/{moved.file_id}/content?through=server")
        return [*self.target.curl_headers(), place]

    def down(self, moved: Moved) -> float:
        return self.one_stream(moved)

    def one_stream(self, moved: Moved) -> float:
        return self.fetch(self.address(moved))

    def after_down(self, moved: Moved) -> dict[str, float]:
        if curl.digest_of_download(self.address(moved)) != moved.digest:
            raise WireError(f"{self.name}: the downloaded bytes are not those that were uploaded")
        return self._past_us(moved) if isinstance(self.target, CumuliStore) else {}

    def _past_us(self, moved: Moved) -> dict[str, float]:
        """The very same object by curl, without Cumuli: how quick a store reads depends on the parts it is made of."""
        name = self.ask_client("newest", BLOBS, moved)
        signed = self.ask_client("sign", name, moved)["down"]
        self.bench.wait()
        took_secs = self.fetch([*curl.header_arguments(signed["headers"]), signed["url"]])
        self.bench.wait()
        ours_secs = self.one_stream(moved)
        mb = self.size_mib * MIB / 1e6
        return {"curl_mb_per_sec": round(mb / took_secs, 1), "one_stream_mb_per_sec": round(mb / ours_secs, 1)}


class Direct(Through):
    """Straight to the store and from it, by what the server signs; by tus where the store signs no parts."""

    name = "direct"

    def up(self, moved: Moved) -> float:
        began = time.perf_counter()
        size_bytes = self.size_mib * MIB
        body = {"path": f"stores/{self.name}.bin", "size": size_bytes}
        plan = self._post(DIRECT, body)
        if plan["transfer"] == "tus":
            headers = self.target.headers() | TUS_HEADERS | {"Upload-Offset": "0"}
            place = here(self.target, plan["tus_url"])
            send_all(moved.source, [Piece("PATCH", place, headers, 0, size_bytes)], 1)
        else:
            self._send_parts(moved.source, plan)
        return time.perf_counter() - began

    def _send_parts(self, source: Path, plan: dict) -> None:
        connections = PART_CONNECTIONS if plan["transfer"] == "parts" else 1
        address = f"{DIRECT}/{plan['upload_id']}"
        signed, sent = plan["parts"], []
        while signed:
            pieces = [self._piece(part, plan["part_size"]) for part in signed]
            replies = send_all(source, pieces, connections)
            sent += [
                {"number": part["number"], "etag": reply.headers.get(b"etag", b"").decode()}
                for part, reply in zip(signed, replies)
            ]
            left = list(range(len(sent) + 1, plan["part_count"] + 1))[:SIGNED_AT_ONCE]
            signed = self._post(f"{address}/parts", {"numbers": left})["parts"] if left else []
        while self._post(f"{address}/complete", {"parts": sent})["status"] == "verifying":
            time.sleep(0.1)

    def _piece(self, part: dict, part_size: int) -> Piece:
        offset = (part["number"] - 1) * part_size
        return Piece(part["method"], part["url"], part["headers"], offset, part["size"])

    def _post(self, path: str, body: dict) -> dict:
        return self.target.send(json_request("POST", path, self.target.headers(), body))

    def after_up(self, moved: Moved) -> dict[str, float]:
        """The server reads back what it has not seen; only then is the machine quiet again."""
        began = time.perf_counter()
        look = request("GET", f"/api/v1/resolve?path=/stores/{self.name}.bin", self.target.headers())
        while not self.target.send(look)["sha256"]:
            if time.perf_counter() - began > PROOF_LIMIT_SECS:
                raise WireError("the server did not read the file back")
            time.sleep(0.05)
        super().after_up(moved)
        return {"proof_secs": round(time.perf_counter() - began, 2)}

    def address(self, moved: Moved) -> list[str]:
        url = self._post(f"/api/v1/files/{moved.file_id}/url", {})["url"]
        return [here(self.target, url)]

    def down(self, moved: Moved) -> float:
        """As the store's own client reads: in ranges at once, or in one stream."""
        connections = RANGE_CONNECTIONS.get(self.target.store_kind)
        if not connections:
            return self.one_stream(moved)
        began = time.perf_counter()
        self.check_size(fetch_all(self.address(moved)[0], self.size_mib * MIB, RANGE_BYTES, connections))
        return time.perf_counter() - began

    def one_stream(self, moved: Moved) -> float:
        began = time.perf_counter()
        address = self.address(moved)
        asked_secs = time.perf_counter() - began
        return asked_secs + self.fetch(address)


class Own(Way):
    """The store's own client, without Cumuli."""

    name = "client"

    def run(self, what: str, moved: Moved):
        return self.ask_client(what, f"by-{self.name}", moved)

    def up(self, moved: Moved) -> float:
        return self.run("up", moved)["secs"]

    def down(self, moved: Moved) -> float:
        done = self.run("down", moved)
        self.check_size(done["size_bytes"])
        return done["secs"]

    def after_down(self, moved: Moved) -> dict[str, float]:
        self.run("remove", moved)
        return {}


class Curl(Own):
    """curl with addresses that the store's own client signed: one PUT, one GET."""

    name = "curl"

    def up(self, moved: Moved) -> float:
        self._signed = self.run("sign", moved)
        way = self._signed["up"]
        arguments = [*curl.header_arguments(way["headers"]), "-X", "PUT", "-T", str(moved.source), way["url"]]
        return curl.transfer(arguments)[0]

    def down(self, moved: Moved) -> float:
        way = self._signed["down"]
        return self.fetch([*curl.header_arguments(way["headers"]), way["url"]])


class Disk(Way):
    """`dd`: the disk without any server, for the store that is a folder."""

    name = "client"

    def _copy(self, source: Path, target: Path, *more: str) -> float:
        began = time.perf_counter()
        command = ["dd", f"if={source}", f"of={target}", "bs=1M", "status=none", *more]
        subprocess.run(command, check=True)
        return time.perf_counter() - began

    def _place(self) -> Path:
        return self.target.folder / "by-dd"

    def up(self, moved: Moved) -> float:
        return self._copy(moved.source, self._place(), "conv=fsync")

    def down(self, moved: Moved) -> float:
        return self._copy(self._place(), Path("/dev/null"))

    def after_down(self, moved: Moved) -> dict[str, float]:
        self._place().unlink()
        return {}


def here(target: Cumuli, url: str) -> str:
    """An address that the server gave: one of its own is a path, or lacks the port that our requests do not name."""
    parts = urlsplit(url)
    return url if parts.port else target.url(parts.path)


def stores(bench: Bench, target: Cumuli) -> dict[str, object]:
    """Each way up and down once, in another order each round, each with a file of its own."""
    size_mib = bench.sizes.store_mib[target.store_kind]
    kinds = [Own, Curl, Through, Direct] if isinstance(target, CumuliStore) else [Disk, Through, Direct]
    figures: dict[str, object] = {"size_mib": size_mib, "up": {}, "down": {}}
    for way in bench.turned([kind(bench, target, size_mib) for kind in kinds]):
        target.refresh()
        source = bench.big_file(size_mib, is_new=True)
        moved = Moved(source, curl.digest_of_file(source))
        figures["up"][way.name] = _measured(bench, target, size_mib, lambda: way.up(moved))
        figures["up"][way.name] |= way.after_up(moved)
        machine.settle()
        figures["down"][way.name] = _measured(bench, target, size_mib, lambda: way.down(moved))
        figures["down"][way.name] |= way.after_down(moved)
    figures["place"] = target.emulator.place if isinstance(target, CumuliStore) else "on the measured disk"
    return figures | {"parts_of": _parts_of(figures)}


def _measured(bench: Bench, target: Cumuli, size_mib: int, step: Callable[[], float]) -> dict[str, float]:
    store_pids = target.emulator.pids if isinstance(target, CumuliStore) else list
    bench.wait()
    with Meter(store_pids) as store, Meter(target.pids) as server:
        took_secs = step()
    return server.figures() | {
        "mb_per_sec": round(size_mib * MIB / 1e6 / took_secs, 1),
        "cpu_secs_per_gib": round(server.server_cpu_secs / size_mib * 1024, 3),
        "store_cpu_secs_per_gib": round(store.server_cpu_secs / size_mib * 1024, 3),
        # What the store takes is no noise.
        "other_cores": round(max(0.0, server.other_cores - store.server_cpu_secs / max(store.wall_secs, 1e-3)), 2),
    }


def _parts_of(figures: dict) -> dict[str, float]:
    """What the ways of ours are of those of others, in the same round: `up.server.client` and so on.

    Downloads are compared with curl's of the same objects, in one stream.
    """
    found: dict = {"up": {}, "down": {}}
    for direction, of in found.items():
        rates = {name: each["mb_per_sec"] for name, each in figures[direction].items()}
        for ours in ("server", "direct"):
            of[ours] = {other: round(rates[ours] / rates[other], 4) for other in ("client", "curl") if other in rates}
            own = figures[direction][ours]
            if "curl_mb_per_sec" in own:
                of[ours]["curl"] = round(own["one_stream_mb_per_sec"] / own["curl_mb_per_sec"], 4)
    return found
