"""Big transfers by curl: one process each, timed by itself."""

import hashlib
import os
import subprocess
from pathlib import Path

from .wire import WireError

COMMON = ("curl", "-sS", "--noproxy", "*")
REPORT = "%{http_code} %{time_total} %{size_download}"
READ_BYTES = 1 << 20


def header_arguments(headers: dict[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]


def start(arguments: list[str]) -> subprocess.Popen:
    """Starts a transfer whose answer goes nowhere."""
    command = [*COMMON, "-o", os.devnull, "-w", REPORT, "-H", "Expect:", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(started: subprocess.Popen) -> tuple[float, int]:
    """Waits for a transfer; returns its seconds and the bytes that it downloaded."""
    said, complaint = started.communicate()
    if started.returncode != 0:
        raise WireError(f"curl: {complaint.strip()}")
    status, took_secs, size_bytes = said.split()
    if not status.startswith("2"):
        raise WireError(f"curl got the status {status}")
    return float(took_secs), int(size_bytes)


def transfer(arguments: list[str]) -> tuple[float, int]:
    """One transfer; returns its seconds and the bytes that it downloaded."""
    return finish(start(arguments))


def digest_of_download(arguments: list[str]) -> str:
    digest = hashlib.sha256()
    with subprocess.Popen([*COMMON, *arguments], stdout=subprocess.PIPE) as curl:
        while chunk := curl.stdout.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digest_of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
