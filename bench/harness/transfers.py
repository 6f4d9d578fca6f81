"""Many big transfers at once on S3, and the memory that the server takes for them.

The files hold nothing but zeros and have no room on any disk: what the stand-in for the store has written is
made a hole again while it goes on, so a few GiB suffice for fifty. Zeros cost the server as much as any bytes.
"""

import ctypes
import os
import threading
import time
from pathlib import Path

from . import curl, machine
from .cumuli import CumuliS3
from .machine import Meter
from .phases import MIB, Bench, first_start
from .wire import WireError, request

# fallocate(2): make a hole, keep the length.
PUNCH_HOLE = 0x02 | 0x01
HOLLOW_SECS = 0.5
# Below it is what the stand-in writes down for itself.
LEAST_BYTES = 1 << 20
BLOCK_BYTES = 512
STEP_SECS = 0.05


class Hollow:
    """Makes holes of everything in files of zeros below a folder while the block runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._call = ctypes.CDLL(None, use_errno=True).fallocate
        self._call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        self.error = ""

    def __enter__(self) -> "Hollow":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(HOLLOW_SECS):
            for folder, _, names in os.walk(self._folder):
                for name in names:
                    self._empty(os.path.join(folder, name))

    def _empty(self, path: str) -> None:
        try:
            about = os.stat(path)
            if about.st_size < LEAST_BYTES or about.st_blocks * BLOCK_BYTES < LEAST_BYTES:
                return
            file = os.open(path, os.O_WRONLY)
        except OSError:
            return  # It was a part that is gone.
        try:
            if self._call(file, PUNCH_HOLE, 0, about.st_size) != 0:
                self.error = os.strerror(ctypes.get_errno())
        finally:
            os.close(file)


def transfers(bench: Bench, target: CumuliS3) -> dict[str, object]:
    """So many uploads at once, and then so many downloads through the server."""
    first_start(target)
    count, size_mib = bench.sizes.transfer_count, bench.sizes.transfer_mib
    idle_mib = machine.pss_mib(target.pids())
    sources = _sources(target.folder / "zeros", count, size_mib)
    total_bytes = sum(path.stat().st_size for path in sources)
    with Hollow(target.emulator.objects) as hollow:
        ups = [
            [*target.curl_headers(), "-T", str(path), target.url(f"/api/v1/paths/many/{path.name}")] for path in sources
        ]
        up = _all(bench, target, ups)
        if hollow.error:
            raise WireError(f"no holes can be made in {target.emulator.objects}: {hollow.error}")
    sizes = _stored(target, count)
    if sorted(sizes.values()) != sorted(path.stat().st_size for path in sources):
        raise WireError("some of the files have another size than was sent")
    # What the uploads left behind is not the downloads' memory.
    target.stop()
    target.start()
    target.wait_until_up()
    target.refresh()
    downs = [
        [*target.curl_headers(), target.url(f"/api/v1/files/{file_id}/content?through=server")] for file_id in sizes
    ]
    down = _all(bench, target, downs)
    if down.pop("received_bytes") != total_bytes:
        raise WireError("the downloads gave another number of bytes than was uploaded")
    up.pop("received_bytes")
    for figures in (up, down):
        figures["mb_per_sec"] = round(total_bytes / 1e6 / figures["wall_secs"], 1)
        figures["cpu_secs_per_gib"] = round(figures["server_cpu_secs"] / total_bytes * (1 << 30), 3)
    return {"count": count, "size_mib": size_mib, "idle_mib": round(idle_mib, 1), "up": up, "down": down}


def _sources(folder: Path, count: int, size_mib: int) -> list[Path]:
    """Files of zeros without room; each is a byte shorter than the one before, so no two are the same."""
    folder.mkdir()
    paths = [folder / f"zeros-{at:03d}.bin" for at in range(count)]
    for at, path in enumerate(paths):
        path.touch()
        os.truncate(path, size_mib * MIB - at)
    return paths


def _all(bench: Bench, target: CumuliS3, transfers_arguments: list[list[str]]) -> dict[str, float]:
    """All of them at once, and whether they really were."""
    bench.wait()
    with Meter(target.pids) as meter:
        started = [curl.start(arguments) for arguments in transfers_arguments]
        at_once = 0
        while any(running := [each.poll() is None for each in started]):
            at_once = max(at_once, sum(running))
            time.sleep(STEP_SECS)
        took = [curl.finish(each) for each in started]
    return meter.figures() | {
        "at_once": at_once,
        "slowest_secs": round(max(secs for secs, _ in took), 2),
        "quickest_secs": round(min(secs for secs, _ in took), 2),
        "received_bytes": sum(size_bytes for _, size_bytes in took),
    }


def _stored(target: CumuliS3, count: int) -> dict[str, int]:
    """The sizes of the files that were uploaded, by their ids."""
    target.refresh()
    folder = target.send(request("GET", "/api/v1/resolve?path=/many", target.headers()))["id"]
    items = target.send(target.children_request(folder, limit=count))["items"]
    return {item["id"]: item["size"] for item in items}
