"""What is asked of every target, one function a phase. Each returns its figures."""

import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import curl, load, machine
from .machine import Meter
from .target import Target
from .wire import Connection, WireError

RESTARTS = 3
IDLE_SECS = 2
SMALL_BYTES = 4096
LISTINGS = 5
MIB = 1 << 20


@dataclass
class Sizes:
    """How much of everything."""

    small_files: int = 2000
    big_mib: int = 1024
    listed: int = 10_000
    million: int = 1_000_000
    crowd_users: int = 10_000
    crowd_shares: int = 100_000
    repeats: int = 20
    # One file a store; two of the stand-ins need minutes for a GiB.
    store_mib: dict[str, int] = field(default_factory=lambda: {"local": 1024, "s3": 1024, "azure": 256, "gcs": 256})
    tus_mib: int = 1024
    transfer_count: int = 50
    transfer_mib: int = 1024
    zip_files: int = 10_000
    connector_listed: int = 10_000
    connector_small: int = 1000
    connector_big_mib: int = 1024
    # The fakes hold in memory what they give.
    connector_get_mib: int = 256
    mirror_files: int = 10_000
    # Accounts are asked so slowly that more would take hours.
    mirror_cloud: int = 500
    mirror_count: int = 1000
    mirror_huge: int = 1_000_000

    @classmethod
    def quick(cls) -> "Sizes":
        """Enough to see that everything works; the figures mean little."""
        return cls(
            small_files=200, big_mib=32, listed=1000, million=20_000, crowd_users=500, crowd_shares=5_000, repeats=5,
            store_mib=dict.fromkeys(("local", "s3", "azure", "gcs"), 40), tus_mib=40, transfer_count=8,
            transfer_mib=32, zip_files=300, connector_listed=500, connector_small=50, connector_big_mib=40,
            connector_get_mib=20, mirror_files=300, mirror_cloud=100, mirror_count=20, mirror_huge=20_000,
        )


@dataclass
class Bench:
    """What phases share: where they work, how much they do, how long they wait for quiet."""

    work: Path
    sizes: Sizes
    quiet_secs: float
    quiet_cores: float
    # The round, from 1: what a phase does in several ways begins with another one in each.
    run: int = 1

    def wait(self) -> None:
        machine.wait_for_quiet(self.quiet_secs, self.quiet_cores)

    def turned(self, ways: list) -> list:
        """The ways in the order of this round."""
        first = (self.run - 1) % len(ways)
        return ways[first:] + ways[:first]

    def big_file(self, mib: int | None = None, is_new: bool = False) -> Path:
        """The file for the big transfers: random, made once, read into memory before each use.

        A new one differs in its first bytes: Cumuli keeps equal contents once.
        """
        path = self.work / f"big-{mib or self.sizes.big_mib}.bin"
        if not path.exists():
            with open(path, "wb") as file:
                for _ in range(mib or self.sizes.big_mib):
                    file.write(os.urandom(MIB))
            machine.settle()
        if is_new:
            with open(path, "r+b") as file:
                file.write(os.urandom(16))
            machine.settle()
        with open(path, "rb") as file:
            while file.read(MIB):
                pass
        return path


def first_start(target: Target) -> dict[str, float]:
    """Starts a target on an empty folder and makes its account."""
    target.start()
    took_ms = target.wait_until_up(is_first=True)
    target.sign_up()
    return {"first_start_ms": round(took_ms, 1)}


def start(bench: Bench, target: Target) -> dict[str, object]:
    """Restarts the target some times: from exec to the first authenticated answer; then its idle memory."""
    bench.wait()
    times = []
    for _ in range(RESTARTS):
        target.stop()
        target.start()
        times.append(target.wait_until_up())
    time.sleep(IDLE_SECS)
    return {
        "start_ms": round(statistics.median(times), 1),
        "idle_mib": round(machine.pss_mib(target.pids()), 1),
        "process_count": len(target.pids()),
    }


def small(bench: Bench, target: Target) -> dict[str, object]:
    """Uploads of 4 KiB over some connections, with the flush latency of the disk around them."""
    figures = {}
    for connection_count in target.connection_counts:
        folder = target.make_folder(f"small-{connection_count}")
        bench.wait()
        before = machine.flush_latency(target.folder)
        figures[str(connection_count)] = _upload_small(bench, target, folder, connection_count)
        after = machine.flush_latency(target.folder)
        flush = {name: round((before[name] + after[name]) / 2, 4) for name in before}
        figures[str(connection_count)]["flush"] = flush
        figures[str(connection_count)]["flush_limit_per_sec"] = round(connection_count / flush["append_mean_ms"] * 1e3)
        machine.settle()
    return figures


def _upload_small(bench: Bench, target: Target, folder: str, connection_count: int) -> dict[str, object]:
    count = bench.sizes.small_files

    def put(name: str, body: bytes) -> bytes:
        return target.put_request(folder, name, body)

    with Meter(target.pids) as meter:
        sent = load.run(load.Load(target.port, put, count, connection_count, SMALL_BYTES), meter.start)
    if sent.errors or len(sent.latencies_ms) != count:
        raise WireError(f"{len(sent.latencies_ms)} of {count} uploads were answered; {sent.errors[:1]}")
    return meter.figures() | {
        "files_per_sec": round(count / sent.wall_secs, 1),
        "p50_ms": round(sent.latencies_ms[count // 2], 3),
        "p99_ms": round(sent.latencies_ms[int(count * 0.99)], 3),
        "cpu_ms_per_file": round(meter.server_cpu_secs / count * 1e3, 4),
        # Without what the client's processes spent on starting, before the first byte.
        "client_cpu_ms_per_file": round(sent.client_cpu_secs / count * 1e3, 4),
    }


def big(bench: Bench, target: Target) -> dict[str, object]:
    """One big upload and its download, by curl."""
    source = bench.big_file()
    gib = bench.sizes.big_mib / 1024
    folder = target.make_folder("big")
    bench.wait()
    with Meter(target.pids) as meter:
        took_secs, _ = curl.transfer(target.curl_headers() + target.big_upload(folder, source))
    upload = meter.figures() | _rates(bench, took_secs, meter.server_cpu_secs / gib)
    upload["settle_secs"] = machine.settle()
    arguments = target.curl_headers() + target.big_download(folder, source.name)
    bench.wait()
    with Meter(target.pids) as meter:
        took_secs, size_bytes = curl.transfer(arguments)
    download = meter.figures() | _rates(bench, took_secs, meter.server_cpu_secs / gib)
    if size_bytes != source.stat().st_size:
        raise WireError(f"the download gave {size_bytes} bytes of {source.stat().st_size}")
    if curl.digest_of_download(arguments) != curl.digest_of_file(source):
        raise WireError("the downloaded bytes are not those that were uploaded")
    return {"upload": upload, "download": download}


def _rates(bench: Bench, took_secs: float, cpu_secs_per_gib: float) -> dict[str, float]:
    return {
        "mb_per_sec": round(bench.sizes.big_mib * MIB / 1e6 / took_secs, 1),
        "cpu_secs_per_gib": round(cpu_secs_per_gib, 3),
    }


def listing(bench: Bench, target: Target) -> dict[str, object]:
    """Lists a folder with many entries some times over one connection."""
    folder = target.populate(bench.sizes.listed)
    machine.settle()
    bench.wait()
    with Connection(target.port) as connection:
        with Meter(target.pids) as meter:
            took = [target.list_folder(connection, folder) for _ in range(LISTINGS)]
    wrong = [each.entry_count for each in took if each.entry_count != bench.sizes.listed]
    if wrong:
        raise WireError(f"a listing held {wrong[0]} of {bench.sizes.listed} entries")
    return meter.figures() | {
        "list_ms": round(statistics.median(sum(each.page_ms) for each in took), 2),
        "page_ms": round(statistics.median(ms for each in took for ms in each.page_ms), 2),
        "page_count": len(took[0].page_ms),
        "size_bytes": took[0].size_bytes,
        "cpu_ms": round(meter.server_cpu_secs / LISTINGS * 1e3, 2),
    }
