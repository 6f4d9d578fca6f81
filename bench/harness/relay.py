"""Counts what a client asks of a server that does not count by itself: an HTTP relay on a port of its own."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK_BYTES = 256 << 10
# What is about one connection, and not about the request.
OWN_HEADERS = ("connection", "keep-alive", "transfer-encoding", "expect")


class Relay:
    """Hands requests on unchanged, also their Host, which is signed."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self.reset()
        relay = self

        class Handler(_Handler):
            target, book = port, relay

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        with self._lock:
            self._calls = self._sent = self._received = 0

    def add(self, calls: int = 0, sent: int = 0, received: int = 0) -> None:
        with self._lock:
            self._calls += calls
            self._sent += sent
            self._received += received

    def sums(self) -> tuple[int, int, int]:
        """Calls, bytes in their bodies, bytes in the bodies of their answers."""
        with self._lock:
            return self._calls, self._sent, self._received

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    target = 0
    book: Relay

    def _relay(self) -> None:
        self.book.add(calls=1)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.send_error(411)
            self.close_connection = True
            return
        # A new one each time: a store hangs up after some of its refusals.
        server = http.client.HTTPConnection("127.0.0.1", self.target)
        try:
            self._hand_over(server)
            self._answer(server.getresponse())
        finally:
            server.close()

    def _hand_over(self, server: http.client.HTTPConnection) -> None:
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in OWN_HEADERS:
                server.putheader(name, value)
        server.endheaders()
        left, is_wanted = int(self.headers.get("Content-Length", 0)), True
        while left and (block := self.rfile.read1(min(left, BLOCK_BYTES))):
            left -= len(block)
            self.book.add(sent=len(block))
            try:
                if is_wanted:
                    server.send(block)
            except OSError:
                is_wanted = False  # It has answered already.

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        in_chunks = answer.length is None and self.command != "HEAD"
        if in_chunks:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while block := answer.read1(BLOCK_BYTES):
            self.book.add(received=len(block))
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if in_chunks else block)
        if in_chunks:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay

    def log_message(self, *_: object) -> None:
        """Says nothing."""
