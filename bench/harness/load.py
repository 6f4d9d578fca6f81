"""Many small uploads over several connections, sent by several processes.

Each process drives its connections from one epoll loop: no lock and no interpreter is shared, so the
client costs as little as Python allows. What it cost is measured and reported beside the server's.
"""

import array
import fcntl
import multiprocessing
import os
import select
import time
from dataclasses import dataclass, field
from typing import Callable

from .wire import RECEIVE_BYTES, ReplyParser, dial

# The rest of each file; its start is random, so that no two files are the same.
FILLER = b"\x5a" * (1 << 20)
RANDOM_BYTES = 16
SILENCE_SECS = 120

MakeRequest = Callable[[str, bytes], bytes]


@dataclass
class Load:
    """What to send."""

    port: int
    make_request: MakeRequest
    file_count: int
    connection_count: int
    size_bytes: int


@dataclass
class Sent:
    """What came of it."""

    wall_secs: float = 0.0
    client_cpu_secs: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Lane:
    """One connection, one request at a time."""

    def __init__(self, load: Load, name: str, tickets: int) -> None:
        self.load, self.name, self.tickets = load, name, tickets
        self.socket = dial(load.port)
        self.parser = ReplyParser()
        self.sent_at = 0.0
        self.count = 0

    def send_next(self) -> bool:
        """Sends the next file; false when there is none left."""
        if not os.read(self.tickets, 1):
            return False
        body = os.urandom(RANDOM_BYTES) + FILLER[: self.load.size_bytes - RANDOM_BYTES]
        data = self.load.make_request(f"{self.name}-{self.count:05d}.bin", body)
        self.count += 1
        self.sent_at = time.perf_counter()
        self.socket.sendall(data)
        return True

    def receive(self):
        data = self.socket.recv(RECEIVE_BYTES)
        return self.parser.feed(data) if data else self.parser.end()

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = dial(self.load.port)
        self.parser = ReplyParser()


def run(load: Load, started: Callable[[], None]) -> Sent:
    """Sends the load; calls `started` when all connections are open, right before the first byte."""
    context = multiprocessing.get_context("fork")
    worker_count = min(load.connection_count, max(2, os.cpu_count() or 2))
    tickets = _tickets(load.file_count)
    barrier = context.Barrier(worker_count + 1)
    workers = []
    for worker in range(worker_count):
        mine = len(range(worker, load.connection_count, worker_count))
        ours, theirs = context.Pipe(duplex=False)
        args = (load, (worker, mine), tickets, barrier, theirs)
        process = context.Process(target=_work, args=args, daemon=True)
        process.start()
        theirs.close()
        workers.append((process, ours))
    os.close(tickets)
    barrier.wait(timeout=60)
    started()
    sent = Sent()
    ends = []
    for process, pipe in workers:
        start, end, used_secs, latencies, errors = pipe.recv()
        process.join()
        ends.append((start, end))
        sent.client_cpu_secs += used_secs
        sent.latencies_ms.extend(array.array("d", latencies))
        sent.errors.extend(errors)
    sent.wall_secs = max(end for _, end in ends) - min(start for start, _ in ends)
    sent.latencies_ms.sort()
    return sent


def _tickets(count: int) -> int:
    """A pipe with one byte for each file to send: taking one is one call and needs no lock."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, max(count, 1 << 16))
    os.write(writer, b"." * count)
    os.close(writer)
    return reader


def _work(load: Load, share: tuple[int, int], tickets: int, barrier, pipe) -> None:
    """The body of one process."""
    worker, connection_count = share
    lanes = {}
    poll = select.epoll()
    for at in range(connection_count):
        lane = _Lane(load, f"file-{worker}-{at:02d}", tickets)
        lanes[lane.socket.fileno()] = lane
        poll.register(lane.socket.fileno(), select.EPOLLIN)
    barrier.wait(timeout=60)
    latencies, errors = array.array("d"), []
    start, used = time.perf_counter(), time.process_time()
    try:
        _drive(poll, lanes, latencies, errors)
    except Exception as error:  # Reported by the parent: a half-finished load is a failed one.
        errors.append(repr(error))
    pipe.send((start, time.perf_counter(), time.process_time() - used, latencies.tobytes(), errors[:5]))


def _drive(poll: select.epoll, lanes: dict[int, _Lane], latencies: array.array, errors: list[str]) -> None:
    open_lanes = {fd: lane for fd, lane in lanes.items() if lane.send_next()}
    while open_lanes:
        events = poll.poll(SILENCE_SECS)
        if not events:
            raise TimeoutError(f"no answer for {SILENCE_SECS} s")
        for fd, _ in events:
            lane = open_lanes[fd]
            reply = lane.receive()
            if reply is None:
                continue
            latencies.append((time.perf_counter() - lane.sent_at) * 1e3)
            if not reply.is_success:
                errors.append(f"{reply.status} {reply.body[:200]!r}")
            if reply.is_last:
                del open_lanes[fd]
                lane.reconnect()
                fd = lane.socket.fileno()
                poll.register(fd, select.EPOLLIN)
                open_lanes[fd] = lane
            if not lane.send_next():
                poll.unregister(fd)
                del open_lanes[fd]
