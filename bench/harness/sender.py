"""Sends pieces of a file from the kernel's cache to a socket: nothing is copied through Python."""

import os
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .wire import RECEIVE_BYTES, TIMEOUT_SECS, Reply, ReplyParser, WireError, dial


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
    waiting = deque(enumerate(pieces))
    replies: dict[int, Reply] = {}
    errors: list[Exception] = []

    def work() -> None:
        try:
            with Sender(path) as sender:
                while not errors:
                    at, piece = waiting.popleft()
                    replies[at] = sender.send(piece)
        except IndexError:
            pass  # There is none left.
        except Exception as error:  # Told by the thread that waits for all.
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(min(connection_count, len(pieces)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [replies[at] for at in range(len(pieces))]
