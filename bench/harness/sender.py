"""Big files in pieces over several connections: what is sent goes from the kernel's cache to the socket."""

import http.client
import os
import socket
import struct
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

from .wire import RECEIVE_BYTES, TIMEOUT_SECS, Reply, ReplyParser, WireError, dial

BUFFER_BYTES = 1 << 20


@dataclass
class Piece:
    """One request with a part of the file as its body."""

    method: str
    url: str
    headers: dict[str, str]
    offset: int
    size_bytes: int


class Sender:
    """A kept-alive connection that takes one piece at a time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._socket = None
        self._port = 0

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._hang_up()

    def send(self, piece: Piece) -> Reply:
        """Sends a piece; any answer but a success is an error. Where it goes is on this machine."""
        url = urlsplit(piece.url)
        if self._socket is None or self._port != url.port:
            self._hang_up()
            self._socket, self._port = _blocking(dial(url.port)), url.port
        target = url.path + (f"?{url.query}" if url.query else "")
        headers = {"Host": url.netloc, "Content-Length": str(piece.size_bytes)}
        headers |= {name: value for name, value in piece.headers.items() if name.title() not in headers}
        lines = [f"{piece.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self._send_body(piece)
        reply = self._receive()
        # A store of Google's calls it "resume incomplete" when a part is there.
        if not (reply.is_success or reply.status == 308):
            raise WireError(f"{piece.method} {url.path} answered {reply.status}: {reply.body[:300]!r}")
        return reply

    def _send_body(self, piece: Piece) -> None:
        at, end = piece.offset, piece.offset + piece.size_bytes
        while at < end:
            at += os.sendfile(self._socket.fileno(), self._file, at, end - at)

    def _receive(self) -> Reply:
        parser, reply = ReplyParser(), None
        while reply is None:
            data = self._socket.recv(RECEIVE_BYTES)
            reply = parser.feed(data) if data else parser.end()
        if reply.is_last:
            self._hang_up()
        return reply

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _blocking(connection: socket.socket) -> socket.socket:
    """Python's own time limit makes a socket that does not block, to which sendfile sends little at once."""
    connection.settimeout(None)
    for side in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, side, struct.pack("ll", TIMEOUT_SECS, 0))
    return connection


def send_all(path: Path, pieces: list[Piece], connection_count: int) -> list[Reply]:
    """Sends pieces over some connections at once; the answers are in the order of the pieces."""

    def open_one() -> Callable[[Piece], Reply]:
        return stack.enter_context(Sender(path)).send

    with ExitStack() as stack:
        return _at_once(pieces, connection_count, open_one)


def fetch_all(url: str, size_bytes: int, range_bytes: int, connection_count: int) -> int:
    """Fetches a file in ranges over some connections at once, to nowhere; returns how many bytes came."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    ranges = [(at, min(at + range_bytes, size_bytes) - 1) for at in range(0, size_bytes, range_bytes)]

    def open_one() -> Callable[[tuple[int, int]], int]:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECS)
        stack.callback(connection.close)
        buffer = bytearray(BUFFER_BYTES)
        return lambda wanted: _fetch(connection, target, wanted, buffer)

    with ExitStack() as stack:
        return sum(_at_once(ranges, connection_count, open_one))


def _fetch(connection: http.client.HTTPConnection, target: str, wanted: tuple[int, int], buffer: bytearray) -> int:
    connection.request("GET", target, headers={"Range": f"bytes={wanted[0]}-{wanted[1]}"})
    reply, received = connection.getresponse(), 0
    if reply.status != 206:
        raise WireError(f"a range was answered with {reply.status}: {reply.read(300)!r}")
    while count := reply.readinto(buffer):
        received += count
    return received


def _at_once(jobs: list, connection_count: int, open_one: Callable[[], Callable]) -> list:
    """Does jobs over some connections, each with a thread of its own; the results are in the order of the jobs."""
    waiting = deque(enumerate(jobs))
    results: dict[int, object] = {}
    errors: list[Exception] = []

    def work() -> None:
        try:
            do = open_one()
            while not errors:
                at, job = waiting.popleft()
                results[at] = do(job)
        except IndexError:
            pass  # There is none left.
        except Exception as error:  # Told by the thread that waits for all.
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(connection_count, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[at] for at in range(len(jobs))]
