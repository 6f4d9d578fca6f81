"""A folder of many small files as a zip, beside `zip -0` of the same files on the disk."""

import io
import random
import subprocess
import time
import zipfile
from pathlib import Path

from . import curl, load, machine
from .cumuli import Cumuli
from .machine import Meter
from .phases import Bench
from .target import find_program
from .wire import WireError

# Small ones are in the catalog, larger ones in the store.
FILE_BYTES = (4 << 10, 32 << 10)
CONNECTIONS = 64
CHECKED = 100


def zips(bench: Bench, target: Cumuli) -> dict[str, object]:
    """Both ways for each size of files, in another order each round."""
    return {f"{size_bytes >> 10}_kib": _one_size(bench, target, size_bytes) for size_bytes in FILE_BYTES}


def _one_size(bench: Bench, target: Cumuli, size_bytes: int) -> dict[str, object]:
    count = bench.sizes.zip_files
    folder = _upload(target, count, size_bytes)
    on_disk = target.folder / f"zip-{size_bytes}"
    _write(on_disk, count, size_bytes)
    machine.settle()
    address = [*target.curl_headers(), target.url(f"/api/v1/folders/{folder}/zip")]
    _check(address, count, size_bytes)
    figures: dict[str, object] = {"file_count": count}
    for name in bench.turned(["server", "zip"]):
        bench.wait()
        with Meter(target.pids) as meter:
            took_secs = curl.transfer(address)[0] if name == "server" else _zip(on_disk)
        figures[name] = {
            "entries_per_sec": round(count / took_secs, 1),
            "mb_per_sec": round(count * size_bytes / 1e6 / took_secs, 1),
            "secs": round(took_secs, 4),
        }
        if name == "server":
            figures[name] |= meter.figures() | {"cpu_ms_per_entry": round(meter.server_cpu_secs / count * 1e3, 4)}
    figures["part_of_zip"] = round(figures["server"]["entries_per_sec"] / figures["zip"]["entries_per_sec"], 4)
    return figures


def _upload(target: Cumuli, count: int, size_bytes: int) -> str:
    target.refresh()
    folder = target.make_folder(f"zip-{size_bytes}")

    def put(name: str, body: bytes) -> bytes:
        return target.put_request(folder, name, body)

    sent = load.run(load.Load(target.port, put, count, CONNECTIONS, size_bytes), lambda: None)
    if sent.errors:
        raise WireError(f"filling a folder failed: {sent.errors[0]}")
    return folder


def _write(folder: Path, count: int, size_bytes: int) -> None:
    folder.mkdir()
    noise = random.Random(5)
    for at in range(count):
        (folder / f"file-{at:05d}.bin").write_bytes(noise.randbytes(load.RANDOM_BYTES) + bytes(size_bytes - load.RANDOM_BYTES))


def _zip(folder: Path) -> float:
    zip_program = find_program("zip", "on Debian `apt install zip`")
    began = time.perf_counter()
    with subprocess.Popen([zip_program, "-0", "-q", "-r", "-", "."], cwd=folder, stdout=subprocess.PIPE) as zipping:
        while zipping.stdout.read(1 << 18):
            pass
    if zipping.returncode != 0:
        raise WireError(f"zip ended with {zipping.returncode}")
    return time.perf_counter() - began


def _check(address: list[str], count: int, size_bytes: int) -> None:
    """The archive has to hold all files, whole."""
    done = subprocess.run([*curl.COMMON, *address], capture_output=True, check=True)
    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) != count or any(entry.file_size != size_bytes for entry in entries):
            raise WireError(f"the archive holds {len(entries)} entries of {count}")
        for entry in entries[:: max(1, count // CHECKED)]:
            archive.read(entry)  # Which compares its checksum.
