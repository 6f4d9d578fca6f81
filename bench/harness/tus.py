"""The same file by a plain PUT, by tus in one request, and by tus in many."""

import base64
import time

from . import curl, machine
from .cumuli import Cumuli
from .machine import Meter
from .phases import MIB, Bench
from .sender import Piece, Sender
from .stores import TUS_HEADERS, here
from .wire import Connection, WireError, request

TUS = "/api/v1/uploads/tus"
PATCH_BYTES = 8 * MIB


def tus(bench: Bench, target: Cumuli) -> dict[str, object]:
    """Each way once, in another order each round, over one connection; the server's digest is looked at."""
    size_bytes = bench.sizes.tus_mib * MIB
    ways = {
        "put": _put,
        "one_patch": lambda *rest: _tus(size_bytes, *rest),
        "patches": lambda *rest: _tus(PATCH_BYTES, *rest),
    }
    figures: dict[str, object] = {"size_mib": bench.sizes.tus_mib}
    for name in bench.turned(list(ways)):
        target.refresh()
        source = bench.big_file(bench.sizes.tus_mib, is_new=True)
        digest = curl.digest_of_file(source)
        bench.wait()
        with Sender(source) as sender, Meter(target.pids) as meter:
            began = time.perf_counter()
            ways[name](target, sender, name, size_bytes)
            took_secs = time.perf_counter() - began
        node = target.send(request("GET", f"/api/v1/resolve?path=/tus/{name}.bin", target.headers()))
        if node["sha256"] != digest:
            raise WireError(f"{name}: the server stored other bytes")
        figures[name] = meter.figures() | {
            "mb_per_sec": round(size_bytes / 1e6 / took_secs, 1),
            "cpu_secs_per_gib": round(meter.server_cpu_secs / size_bytes * (1 << 30), 3),
        }
        machine.settle()
    for name in ("one_patch", "patches"):
        figures[name]["part_of_put"] = round(figures[name]["mb_per_sec"] / figures["put"]["mb_per_sec"], 4)
    return figures


def _put(target: Cumuli, sender: Sender, name: str, size_bytes: int) -> None:
    sender.send(Piece("PUT", target.url(f"/api/v1/paths/tus/{name}.bin"), target.headers(), 0, size_bytes))


def _tus(patch_bytes: int, target: Cumuli, sender: Sender, name: str, size_bytes: int) -> None:
    path = base64.b64encode(f"tus/{name}.bin".encode()).decode()
    told = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size_bytes), "Upload-Metadata": f"path {path}"}
    with Connection(target.port) as connection:
        reply = connection.send(request("POST", TUS, target.headers() | told, b""))
    if reply.status != 201:
        raise WireError(f"tus: creation answered {reply.status}: {reply.body[:200]!r}")
    place = here(target, reply.headers[b"location"].decode())
    for offset in range(0, size_bytes, patch_bytes):
        headers = target.headers() | TUS_HEADERS | {"Upload-Offset": str(offset)}
        length = min(patch_bytes, size_bytes - offset)
        sender.send(Piece("PATCH", place, headers, offset, length))
