"""HTTP/1.1 over a bare socket: as little client as possible between the clock and the server."""

import json
import socket
from dataclasses import dataclass

RECEIVE_BYTES = 1 << 18
TIMEOUT_SECS = 300


class WireError(Exception):
    """The server broke the protocol, or answered something else than a success."""


@dataclass
class Reply:
    """One complete answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_last(self) -> bool:
        """Whether the server closes the connection after this answer."""
        return self.headers.get(b"connection", b"").lower() == b"close"

    def json(self):
        """The body as JSON; any other answer than a success is an error that quotes it."""
        if not self.is_success:
            raise WireError(f"status {self.status}: {self.body[:300].decode(errors='replace')}")
        return json.loads(self.body) if self.body else None


class ReplyParser:
    """Takes bytes as they arrive and answers with each reply that is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, dict[bytes, bytes]] | None = None
        self._body = bytearray()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a reply has arrived yet."""
        return self._head is None and not self._buffer

    def feed(self, data: bytes) -> Reply | None:
        """Adds bytes; returns the reply that they complete, if they do."""
        self._buffer += data
        while self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return None
            status, headers = _parse_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if status >= 200:
                self._head = (status, headers)
        return self._take_body(*self._head)

    def end(self) -> Reply:
        """The server closed: completes a reply that has no length, and fails for any other."""
        if self._head is None or b"content-length" in self._head[1] or b"transfer-encoding" in self._head[1]:
            raise ConnectionError("the server closed the connection in the middle of a reply")
        self._body += self._buffer
        self._buffer.clear()
        self._head[1][b"connection"] = b"close"
        return self._finish(*self._head)

    def _take_body(self, status: int, headers: dict[bytes, bytes]) -> Reply | None:
        if status in (204, 304):
            return self._finish(status, headers)
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            return self._finish(status, headers) if self._take_chunks() else None
        length = headers.get(b"content-length")
        if length is None:
            return None
        if len(self._buffer) < int(length):
            return None
        self._body += self._buffer[: int(length)]
        del self._buffer[: int(length)]
        return self._finish(status, headers)

    def _take_chunks(self) -> bool:
        """Moves whole chunks to the body; true after the last one."""
        at = 0
        while (end := self._buffer.find(b"\r\n", at)) >= 0:
            size = int(self._buffer[at:end].split(b";")[0], 16)
            start, at_next = end + 2, end + 2 + size + 2
            if len(self._buffer) < at_next:
                break
            self._body += self._buffer[start : start + size]
            at = at_next
            if size == 0:
                del self._buffer[:at]
                return True
        del self._buffer[:at]
        return False

    def _finish(self, status: int, headers: dict[bytes, bytes]) -> Reply:
        reply = Reply(status, headers, bytes(self._body))
        self._head = None
        self._body = bytearray()
        return reply


def _parse_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return int(first.split(b" ", 2)[1]), headers


def dial(port: int) -> socket.socket:
    """Connects to a server on this machine."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Connection:
    """A kept-alive connection for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._parser = ReplyParser()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request: bytes) -> Reply:
        """Sends a request and waits for its answer; once more if the server had hung up before it."""
        was_open = self._socket is not None
        try:
            return self._exchange(request)
        except ConnectionError:
            idle = self._parser.is_idle
            self.close()
            if not (was_open and idle):
                raise
            return self._exchange(request)

    def _exchange(self, request: bytes) -> Reply:
        if self._socket is None:
            self._socket = dial(self._port)
            self._parser = ReplyParser()
        self._socket.sendall(request)
        reply = None
        while reply is None:
            data = self._socket.recv(RECEIVE_BYTES)
            if data:
                reply = self._parser.feed(data)
            else:
                reply = self._parser.end()
        if reply.is_last:
            self.close()
        return reply


def request(method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def json_request(method: str, target: str, headers: dict[str, str], value: object) -> bytes:
    """The bytes of one request with a JSON body."""
    return request(method, target, {**headers, "Content-Type": "application/json"}, json.dumps(value).encode())
