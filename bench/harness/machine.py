"""What the kernel says: CPU time, memory, flush latency, and how busy everything else is."""

import os
import platform
import resource
import statistics
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterable

TICKS = os.sysconf("SC_CLK_TCK")
FLUSH_SAMPLES = 200
BLOCK = b"\x5a" * 4096

ProcessIds = Callable[[], list[int]]


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, pending = [], [pid]
    while pending:
        at = pending.pop()
        found.append(at)
        try:
            for task in os.listdir(f"/proc/{at}/task"):
                pending += [int(p) for p in Path(f"/proc/{at}/task/{task}/children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_secs(pids: Iterable[int]) -> float:
    """CPU seconds of these processes, with those of their children that have ended."""
    total = 0.0
    for pid in pids:
        try:
            # The clock of another process (see clock_getcpuclockid(3)): nanoseconds, where the
            # fields of /proc/<pid>/stat count in hundredths of a second.
            total += time.clock_gettime((~pid << 3) | 2)
            ended = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
            total += sum(int(ticks) for ticks in ended) / TICKS
        except OSError:
            continue
    return total


def client_cpu_secs() -> float:
    """CPU seconds of the benchmark itself and of its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def pss_mib(pids: Iterable[int]) -> float:
    """Memory of these processes; a page that several share counts for each in its part."""
    return sum(_field_kib(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in pids) / 1024


def peak_mib(pid: int) -> float:
    """The most memory that a running process has had resident."""
    return _field_kib(f"/proc/{pid}/status", "VmHWM:") / 1024


def _field_kib(path: str, name: str) -> int:
    try:
        with open(path) as lines:
            return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
    except OSError:
        return 0


def busy_cpu_secs() -> float:
    """CPU seconds that anything on this machine has used since it started."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICKS


def wait_for_quiet(limit_secs: float, cores: float) -> None:
    """Waits until less than `cores` are in use, for `limit_secs` at the most."""
    deadline = time.monotonic() + limit_secs
    while time.monotonic() < deadline:
        used, at = busy_cpu_secs(), time.monotonic()
        time.sleep(1)
        if (busy_cpu_secs() - used) / (time.monotonic() - at) < cores:
            return


class Meter:
    """Measures what a server costs while the block runs; `start` begins anew within it.

    `added_mib` is how far the resident memory of its processes rose above where it was, by the
    kernel's own high-water mark, so that no peak falls between two samples; `peak_mib` is that mark.
    """

    def __init__(self, pids: ProcessIds) -> None:
        self._pids = pids
        self.wall_secs = self.server_cpu_secs = self.client_cpu_secs = 0.0
        self.other_cores = self.added_mib = self.peak_mib = 0.0

    def __enter__(self) -> "Meter":
        self.start()
        return self

    def start(self) -> None:
        """Forgets what was before."""
        pids = self._pids()
        for pid in pids:
            _reset_peak(pid)
        self._resident_kib = {pid: _field_kib(f"/proc/{pid}/status", "VmRSS:") for pid in pids}
        self._client, self._busy = client_cpu_secs(), busy_cpu_secs()
        self._server, self._at = cpu_secs(pids), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.wall_secs = time.perf_counter() - self._at
        pids = self._pids()
        self.server_cpu_secs = cpu_secs(pids) - self._server
        self.client_cpu_secs = client_cpu_secs() - self._client
        others = busy_cpu_secs() - self._busy - self.server_cpu_secs - self.client_cpu_secs
        self.other_cores = max(0.0, others) / max(self.wall_secs, 1e-3)
        peaks_kib = {p: _field_kib(f"/proc/{p}/status", "VmHWM:") for p in pids}
        rises = [peak - self._resident_kib.get(p, 0) for p, peak in peaks_kib.items()]
        self.added_mib = sum(max(0, rise) for rise in rises) / 1024
        self.peak_mib = sum(peaks_kib.values()) / 1024

    def figures(self) -> dict[str, float]:
        """What every phase reports."""
        return {
            "wall_secs": round(self.wall_secs, 4),
            "server_cpu_secs": round(self.server_cpu_secs, 4),
            "client_cpu_secs": round(self.client_cpu_secs, 3),
            "other_cores": round(self.other_cores, 2),
            "added_mib": round(self.added_mib, 1),
            "peak_mib": round(self.peak_mib, 1),
        }


def _reset_peak(pid: int) -> None:
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass  # Another user's process: its peak counts from its start.


def flush_latency(folder: Path) -> dict[str, float]:
    """Milliseconds that one flush of 4 KiB takes in `folder`: appended to a file, and overwritten in place."""
    path = folder / "flush-probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        appended = [_flush(descriptor, at * len(BLOCK)) for at in range(FLUSH_SAMPLES)]
        overwritten = [_flush(descriptor, at * len(BLOCK)) for at in range(FLUSH_SAMPLES)]
    finally:
        os.close(descriptor)
        path.unlink()
    return {
        "append_mean_ms": round(statistics.mean(appended), 4),
        "append_median_ms": round(statistics.median(appended), 4),
        "overwrite_mean_ms": round(statistics.mean(overwritten), 4),
        "overwrite_median_ms": round(statistics.median(overwritten), 4),
    }


def _flush(descriptor: int, offset: int) -> float:
    at = time.perf_counter()
    os.pwrite(descriptor, BLOCK, offset)
    os.fdatasync(descriptor)
    return (time.perf_counter() - at) * 1e3


def settle() -> float:
    """Writes everything that waits in memory to the disk; returns the seconds that it took."""
    at = time.perf_counter()
    os.sync()
    return round(time.perf_counter() - at, 3)


def describe(folder: Path) -> dict[str, object]:
    """The machine, as far as it explains the figures."""
    models = [x.split(":", 1)[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
    disk = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True, check=False)
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": _field_kib("/proc/meminfo", "MemTotal:") // 1024,
        "kernel": platform.release(),
        "file_system": disk.stdout.split()[-1] if disk.stdout else "unknown",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }
