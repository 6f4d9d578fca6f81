"""The space with a million nodes: pages, searches, moves of large and small trees."""

import statistics
import time
import uuid
from typing import Callable
from urllib.parse import quote

from . import machine, seed, tools
from .cumuli import Cumuli, CumuliPostgres
from .machine import Meter
from .phases import Bench, first_start
from .wire import Connection, Reply, WireError, json_request, request

SEARCHES = {
    "search_common": seed.COMMON_WORD,
    "search_rare": seed.RARE_WORD,
    "search_none": "qxqxqx",
    "search_two_letters": seed.COMMON_WORD[:2],
    "search_two_letters_none": "qx",
}
PAGE_ITEMS = 100


class Session:
    """One signed-in connection to the server, whose answers are timed."""

    def __init__(self, bench: Bench, target: Cumuli, landmarks: dict[str, str]) -> None:
        self.bench, self.target, self.landmarks = bench, target, landmarks
        self.connection = Connection(target.port)
        self.figures: dict[str, dict[str, float]] = {}

    def ask(self, data: bytes) -> tuple[float, Reply]:
        """Milliseconds until the answer, and the answer, which has to be a success."""
        began = time.perf_counter()
        reply = self.connection.send(data)
        took_ms = (time.perf_counter() - began) * 1e3
        if not reply.is_success:
            raise WireError(f"{data.splitlines()[0].decode()} answered {reply.status}: {reply.body[:200]!r}")
        return took_ms, reply

    def measure(self, name: str, step: Callable[[int], float]) -> None:
        """Takes a step many times; keeps the first, the middle and the slowest of its milliseconds."""
        self.target.refresh()
        with Meter(self.target.pids) as meter:
            took = [step(at) for at in range(self.bench.sizes.repeats)]
        self.figures[name] = {
            "median_ms": round(statistics.median(took), 3),
            "first_ms": round(took[0], 3),
            "max_ms": round(max(took), 3),
            "cpu_ms": round(meter.server_cpu_secs / len(took) * 1e3, 3),
            "other_cores": round(meter.other_cores, 2),
        }

    def get(self, path: str) -> tuple[float, Reply]:
        return self.ask(request("GET", path, self.target.headers()))

    def move(self, node: str, folder: str) -> float:
        headers = self.target.headers()
        return self.ask(json_request("PATCH", f"/api/v1/nodes/{node}", headers, {"parent_id": folder}))[0]


def million(bench: Bench, target: Cumuli) -> dict[str, object]:
    """Fills a space, asks it everything, and has `cumuli fsck` look at what is left."""
    first_start(target)
    me = target.send(request("GET", "/api/v1/me", target.headers()))
    owner = seed.Owner(*(uuid.UUID(me[name]).bytes for name in ("user_id", "space_id", "root_id")))
    target.stop()
    began = time.perf_counter()
    if isinstance(target, CumuliPostgres):
        plan = seed.into_postgres(target.postgres, owner, bench.sizes.million)
    else:
        plan = seed.into_sqlite(tools.sqlite(bench.work), target.data, owner, bench.sizes.million)
    seed_secs = round(time.perf_counter() - began, 1)
    machine.settle()
    bench.wait()
    target.start()
    start_ms = target.wait_until_up()
    session = Session(bench, target, plan.landmarks)
    flush = machine.flush_latency(target.folder)
    _pages(session)
    _searches(session)
    _moves(session)
    _trash(session)
    idle_mib = machine.pss_mib(target.pids())
    target.stop()
    return {
        "node_count": plan.count, "big_tree_nodes": plan.count // seed.BIG_PART, "seed_secs": seed_secs,
        "start_ms": round(start_ms, 1), "memory_after_mib": round(idle_mib, 1), "flush": flush,
        "operations": session.figures, "fsck": target.fsck(),
    }


def _pages(session: Session) -> None:
    wide, target = session.landmarks["wide"], session.target

    def page(more: str, limit: int = PAGE_ITEMS, cursor: str | None = None) -> Callable[[int], float]:
        return lambda _: session.ask(target.children_request(wide, limit, cursor, more))[0]

    cursor = None
    entry_count = session.bench.sizes.million // seed.WIDE_PART
    for _ in range(entry_count // 2 // PAGE_ITEMS):
        cursor = session.ask(target.children_request(wide, PAGE_ITEMS, cursor))[1].json()["next_cursor"]
    session.measure("page_100", page(""))
    session.measure("page_100_in_the_middle", page("", cursor=cursor))
    session.measure("page_100_newest_first", page("&sort=modified&order=desc"))
    session.measure("page_1000", page("", limit=1000))
    session.measure("page_100_of_root", lambda _: session.ask(target.children_request("root", PAGE_ITEMS))[0])


def _searches(session: Session) -> None:
    for name, text in SEARCHES.items():
        found = session.get(f"/api/v1/search?q={quote(text)}&limit={PAGE_ITEMS}")[1].json()["items"]
        _check_search(name, text, found)
        session.measure(name, lambda _, text=text: session.get(f"/api/v1/search?q={quote(text)}&limit={PAGE_ITEMS}")[0])
        session.figures[name]["found"] = len(found)


def _check_search(name: str, text: str, found: list[dict]) -> None:
    """A quick wrong answer is worth nothing."""
    expected = {"search_rare": seed.RARE_COUNT, "search_none": 0, "search_two_letters_none": 0}.get(name, PAGE_ITEMS)
    if len(found) != expected or any(text not in item["name"].lower() for item in found):
        raise WireError(f"the search for `{text}` found {len(found)} nodes where {expected} were expected")


def _moves(session: Session) -> None:
    places = (session.landmarks["elsewhere"], "root")
    for name in ("small", "big"):
        node = session.landmarks[name]
        session.measure(f"move_{name}", lambda at, node=node: session.move(node, places[at % 2]))
        if session.bench.sizes.repeats % 2:
            session.move(node, "root")


def _trash(session: Session) -> None:
    target = session.target
    for name in ("small", "big"):
        node = session.landmarks[name]
        restored: list[float] = []

        def delete(_: int, node: str = node, restored: list[float] = restored) -> float:
            took_ms, _ = session.ask(request("DELETE", f"/api/v1/nodes/{node}", target.headers()))
            restored.append(session.ask(json_request("POST", f"/api/v1/trash/{node}/restore", target.headers(), {}))[0])
            return took_ms

        session.measure(f"delete_{name}", delete)
        session.figures[f"restore_{name}"] = {
            "median_ms": round(statistics.median(restored), 3),
            "first_ms": round(restored[0], 3),
            "max_ms": round(max(restored), 3),
        }
