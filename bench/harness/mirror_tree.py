"""A mirror with a million entries, written into the database of a stopped server: what one change in it costs.

One folder with one file is brought in step by the server itself. Its rows are then repeated under other names and
ids, in groups of a thousand files, on both sides; the account at the provider has none of them, and need not: nothing
of them changes.
"""

import hashlib
import os
import statistics
import time
import uuid
from pathlib import Path
from types import ModuleType

from . import machine, seed, tools
from .providers import EMAIL
from .wire import json_request, request

GROUP = 1000


class Copies:
    """Repeats the rows of one folder and one file."""

    def __init__(self, db, mirror: bytes, folder: str, file: str) -> None:
        self.db, self.mirror = db, mirror
        self.row = self._one("mirrors", "id = ?", mirror)
        self.folder, self.file = self._thing(folder), self._thing(file)
        self.space = self._one("spaces", "id = ?", self.row["space_id"])
        self.row_no = max(
            db.execute("SELECT max(row_no) FROM nodes WHERE space_id = ?", (self.row["space_id"],)).fetchone()[0],
            self.space["number"] * seed.SPACE_ROWS + self.space["head"],
        )
        self.entry, self.made = self.row["next_entry"], 0
        self.rows: dict[str, list[tuple]] = {}

    def _one(self, table: str, where: str, *values) -> dict:
        found = self.db.execute(f"SELECT * FROM {table} WHERE {where}", values)
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchone(), strict=True))

    def _thing(self, name: str) -> dict[str, dict]:
        entry = self._one("mirror_entries", "mirror_id = ? AND name_here = ?", self.mirror, name)
        thing = {
            "mirror_entries": entry,
            "nodes": self._one("nodes", "id = ?", entry["node_id"]),
            "connection_items": self._one(
                "connection_items", "connection_id = ? AND item_id = ?", self.row["connection_id"], entry["item_id"]
            ),
        }
        if not entry["is_folder"]:
            thing["versions"] = self._one("versions", "node_id = ?", entry["node_id"])
        return thing

    def copy(self, of: dict[str, dict], name: str, parent: dict[str, dict] | None) -> dict[str, dict]:
        """One more like it, in a copy of a folder, or beside the one that it is a copy of."""
        node, item = uuid.uuid4().bytes, f"copy-{self.made:08}"
        new = {table: dict(row) for table, row in of.items()}
        self.row_no, self.made = self.row_no + 1, self.made + 1
        new["nodes"] |= {"row_no": self.row_no, "id": node, "name": name, "name_key": name.lower()}
        new["connection_items"] |= {"item_id": item, "item_key": _key(item), "name": name, "sort_key": name.lower()}
        new["mirror_entries"] |= {
            "entry": self.entry, "node_id": node, "item_id": item, "item_key": _key(item), "name_here": name,
            "name_there": name,
        }
        self.entry += 1
        if parent:
            above = parent["connection_items"]["item_id"]
            new["nodes"]["parent_id"] = parent["nodes"]["id"]
            new["connection_items"] |= {"parent_id": above, "parent_key": _key(above)}
            new["mirror_entries"]["parent"] = parent["mirror_entries"]["entry"]
        if "versions" in new:
            new["versions"]["node_id"] = node
        for table, row in new.items():
            self.rows.setdefault(table, []).append(tuple(row.values()))
        return new

    def write(self) -> None:
        """Writes what was copied since the last time."""
        for table, rows in self.rows.items():
            holes = ", ".join("?" * len(rows[0]))
            self.db.executemany(f"INSERT INTO {table} VALUES ({holes})", rows)
        self.rows.clear()

    def close(self) -> None:
        """The sums: of the space, of the mirror, and of the content that all files share."""
        blob, size_bytes = (self.file["versions"][name] for name in ("blob_id", "size_bytes"))
        count = self.db.execute("SELECT count(*) FROM versions WHERE blob_id = ?", (blob,)).fetchone()[0]
        more_bytes = (count - 1) * size_bytes
        head = self.row_no - self.space["number"] * seed.SPACE_ROWS
        for sql, values in (
            (
                "UPDATE spaces SET head = ?, used_bytes = used_bytes + ? WHERE id = ?",
                (head, more_bytes, self.space["id"]),
            ),
            (
                "UPDATE mirrors SET here_seq = ?, next_entry = ?, entries = entries + ? WHERE id = ?",
                (head, self.entry, self.made, self.mirror),
            ),
            ("UPDATE blobs SET refs = ? WHERE id = ?", (count, blob)),
        ):
            self.db.execute(sql, values)


def _key(item: str) -> bytes:
    return hashlib.sha256(item.encode()).digest()[:16]


def repeat(sqlite: ModuleType, path: Path, mirror: str, count: int) -> int:
    """Adds so many entries to a mirror; answers how many there are then."""
    db = sqlite.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
        db.execute(f"PRAGMA {pragma}")
    copies = Copies(db, uuid.UUID(mirror).bytes, "area", "changed.txt")
    db.execute("BEGIN IMMEDIATE")
    above = copies.folder
    while copies.made < count:
        for number in range(GROUP - 1):
            copies.copy(copies.file, f"file {number:04}.txt", above)
        copies.write()
        above = copies.copy(copies.folder, f"area {copies.made:07}", None)
    copies.close()
    db.execute("COMMIT")
    entries = db.execute("SELECT entries FROM mirrors WHERE id = ?", (copies.mirror,)).fetchone()[0]
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    return entries


def huge(bench, target) -> dict[str, object]:
    """One change in a mirror that is huge, on either side; what a round and a plan cost there."""
    from .mirrors import Desk

    clouds, count = target.clouds, bench.sizes.mirror_huge
    print(f"  a mirror of {count:,} things", flush=True)
    root = clouds.ask("google", "account", {"email": EMAIL})["root"]
    clouds.edit("google", {"folder": {"parent": root, "name": "Huge"}})
    clouds.edit("google", {"folder": {"parent": clouds.tree("google")["Huge"], "name": "area"}})
    area = clouds.tree("google")["Huge/area"]
    clouds.edit("google", {"file": {"parent": area, "name": "changed.txt", "text": "at first"}})
    connection = next(c["id"] for c in target.get("/api/v1/connections")["connections"] if c["kind"] == "google")
    began = time.time()
    target.post(f"/api/v1/connections/{connection}/refresh")
    mirror = target.mirror(connection, "Huge", {"remote_path": "/Huge"})
    target.run(mirror)
    target.wait(mirror, connection, began)
    target.stop()
    began_secs = time.perf_counter()
    entries = repeat(tools.sqlite(bench.work), seed.sqlite_file(target.data), mirror, count)
    figures: dict[str, object] = {"entries": entries, "seed_secs": round(time.perf_counter() - began_secs, 1)}
    machine.settle()
    target.start()
    figures["start_ms"] = round(target.wait_until_up(), 1)
    time.sleep(2)
    figures["idle_mib"] = round(machine.pss_mib(target.pids()), 1)
    desk = Desk(target, lambda: clouds.reset("google"), lambda: clouds.sums("google"))
    figures["again"] = desk.ours(mirror, connection)

    def write_there() -> None:
        clouds.write("google", "Huge/area/changed.txt", os.urandom(8).hex())

    def write_here() -> None:
        target.send(request("PUT", "/api/v1/paths/Huge/area/changed.txt", target.headers(), os.urandom(16)))

    figures["change_there"] = desk.ours(mirror, connection, write_there)
    figures["change_here"] = desk.ours(mirror, connection, write_here)
    figures |= _plan(bench, target, mirror, write_here)
    target.send(request("DELETE", f"/api/v1/mirrors/{mirror}", target.headers()))
    return figures


def _plan(bench, target, mirror: str, change) -> dict[str, object]:
    """How long it takes to plan one change: the whole answer about the plan, while the mirror is paused."""
    target.post(f"/api/v1/mirrors/{mirror}/pause")
    change()
    deadline = time.time() + 60
    while not (plan := target.get(f"/api/v1/mirrors/{mirror}/plan"))["steps"] and time.time() < deadline:
        time.sleep(0.1)
    took = []
    for _ in range(bench.sizes.repeats):
        at = time.perf_counter()
        target.send(request("GET", f"/api/v1/mirrors/{mirror}/plan", target.headers()))
        took.append((time.perf_counter() - at) * 1e3)
    target.send(json_request("POST", f"/api/v1/mirrors/{mirror}/resume", target.headers(), {}))
    return {
        "plan_steps": len(plan["steps"]), "plan_ms": round(statistics.median(took), 2),
        "plan_max_ms": round(max(took), 2), "plan_min_ms": round(min(took), 2),
    }


