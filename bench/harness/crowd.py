"""A crowd that shares: what it costs to look whether somebody may see something, and to list what they were given.

10,000 accounts with a folder each and 100,000 shares between them are written into the database of a stopped
server. A tenth of the shares are given to the account that asks. Its looks go to nodes at the bottom of a deep
tree of somebody else, given to it at the top.
"""

import random
import time
import uuid
from typing import Callable, Iterator
from urllib.parse import quote

from . import machine, seed, tools
from .cumuli import Cumuli, CumuliPostgres
from .million import Session
from .phases import Bench, first_start
from .wire import json_request, request

# Of the shares, one in so many is given to the account that asks.
OWN_PART = 10
# Levels between what is given and what is looked at.
DEEP_LEVELS = 30
PAGE_ITEMS = 100
TABLES = {
    "users": ("id", "email", "full_name", "role", "state", "space_id", "created_ms"),
    "spaces": ("id", "number", "owner_id", "root_id", "head", "used_bytes", "created_ms"),
    "nodes": seed.NODE_COLUMNS,
    "changes": seed.CHANGE_COLUMNS,
    "shares": (
        "id", "node_id", "space_id", "user_id", "level", "may_share", "given_by", "created_ms", "changed_ms",
    ),
}
FOLDER_CODE = 0


class Crowd:
    """The rows of the accounts, their folders and their shares."""

    def __init__(self, user_count: int, share_count: int, asker: seed.Owner, first_number: int) -> None:
        self.asker, self.share_count, self.first_number = asker, share_count, first_number
        self.now_ms = int(time.time() * 1000)
        self._random = random.Random(11)
        self.users = [self._id() for _ in range(user_count)]
        self.spaces = [self._id() for _ in range(user_count)]
        self.roots = [self._id() for _ in range(user_count)]
        self.folders = [self._id() for _ in range(user_count)]
        # The first account has a deep tree below its folder.
        self.deep = [self._id() for _ in range(DEEP_LEVELS)]
        self.bottom = str(uuid.UUID(bytes=self.deep[-1]))

    def _id(self) -> bytes:
        noise = bytearray(self._random.randbytes(10))
        noise[0] = 0x70 | noise[0] & 0x0F
        noise[2] = 0x80 | noise[2] & 0x3F
        return self.now_ms.to_bytes(6, "big") + bytes(noise)

    def rows(self, table: str) -> Iterator[tuple]:
        return getattr(self, f"_{table}")()

    def _users(self) -> Iterator[tuple]:
        for at, user in enumerate(self.users):
            yield (user, f"person{at}@example.org", f"Person {at}", 0, 0, self.spaces[at], self.now_ms)

    def _spaces(self) -> Iterator[tuple]:
        for at, space in enumerate(self.spaces):
            head = 1 + (DEEP_LEVELS if at == 0 else 0)
            yield (space, self.first_number + at, self.users[at], self.roots[at], head, 0, self.now_ms)

    def _tree(self, at: int) -> Iterator[tuple[bytes, bytes, str, int]]:
        """Folders of an account below its root: id, parent, name, levels below."""
        deep = self.deep if at == 0 else []
        yield (self.folders[at], self.roots[at], "given", len(deep))
        above = self.folders[at]
        for level, folder in enumerate(deep):
            yield (folder, above, f"level {level}", len(deep) - level - 1)
            above = folder

    def _nodes(self) -> Iterator[tuple]:
        now = self.now_ms
        for at, space in enumerate(self.spaces):
            first = (self.first_number + at) * seed.SPACE_ROWS
            tree = list(self._tree(at))
            yield (first, self.roots[at], space, None, "", "", FOLDER_CODE, None, 0, 1, len(tree), 0, now, now)
            for row, (folder, parent, name, height) in enumerate(tree, start=1):
                yield (first + row, folder, space, parent, name, name, FOLDER_CODE, None, 0, 1, height, 0, now, now)

    def _changes(self) -> Iterator[tuple]:
        for at, space in enumerate(self.spaces):
            for seq, (folder, parent, name, _) in enumerate(self._tree(at), start=1):
                content = (None, None, None)
                yield (
                    space, seq, "created", folder, FOLDER_CODE, parent, name, *content, self.users[at], self.now_ms,
                )

    def _shares(self) -> Iterator[tuple]:
        """The account that asks is given the first account's folder, and those of many others."""
        given = set()
        own = min(self.share_count // OWN_PART, len(self.users))
        for at in range(own):
            given.add((at, self.asker.user))
        while len(given) < self.share_count:
            giver, to = self._random.randrange(len(self.users)), self._random.choice(self.users)
            if self.users[giver] != to:
                given.add((giver, to))
        for at, (giver, to) in enumerate(sorted(given)):
            at_ms = self.now_ms - self.share_count + at
            yield (
                self._id(), self.folders[giver], self.spaces[giver], to, at % 2, 0, self.users[giver], at_ms, at_ms,
            )


def crowd(bench: Bench, target: Cumuli) -> dict[str, object]:
    """Fills the database, asks, and has `cumuli fsck` look at what is left."""
    first_start(target)
    me = target.send(request("GET", "/api/v1/me", target.headers()))
    asker = seed.Owner(*(uuid.UUID(me[name]).bytes for name in ("user_id", "space_id", "root_id")))
    own = _own_bottom(target)
    target.stop()
    began = time.perf_counter()
    sizes = bench.sizes
    people = Crowd(sizes.crowd_users, sizes.crowd_shares, asker, first_number=1000)
    fill = _into_postgres if isinstance(target, CumuliPostgres) else _into_sqlite
    fill(bench, target, people)
    seed_secs = round(time.perf_counter() - began, 1)
    machine.settle()
    bench.wait()
    target.start()
    target.wait_until_up()
    session = Session(bench, target, {})
    session.measure("look_at_one_s_own", _get(session, f"/api/v1/nodes/{own}"))
    session.measure("look_at_what_was_given", _get(session, f"/api/v1/nodes/{people.bottom}"))
    page = f"/api/v1/shared-with-me?limit={PAGE_ITEMS}"
    cursor = None
    for _ in range(sizes.crowd_shares // OWN_PART // PAGE_ITEMS // 2):
        place = f"&cursor={quote(cursor, safe='')}" if cursor else ""
        cursor = session.get(page + place)[1].json()["next_cursor"]
    session.measure("shared_with_me_page_100", _get(session, page))
    place = f"&cursor={quote(cursor, safe='')}" if cursor else ""
    session.measure("shared_with_me_page_100_in_the_middle", _get(session, page + place))
    target.stop()
    return {
        "user_count": sizes.crowd_users, "share_count": sizes.crowd_shares, "levels": DEEP_LEVELS,
        "seed_secs": seed_secs, "operations": session.figures, "fsck": target.fsck(),
    }


def _own_bottom(target: Cumuli) -> str:
    """A folder of the asker's own, as deep as the one that was given to it."""
    path = "/".join(f"level {level}" for level in range(DEEP_LEVELS + 1))
    return target.send(json_request("POST", "/api/v1/folders", target.headers(), {"path": path}))["id"]


def _get(session: Session, path: str) -> Callable[[int], float]:
    return lambda _: session.get(path)[0]


def _into_sqlite(bench: Bench, target: Cumuli, people: Crowd) -> None:
    db = tools.sqlite(bench.work).connect(seed.sqlite_file(target.data), isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN IMMEDIATE")
    for table, columns in TABLES.items():
        holes = ", ".join("?" * len(columns))
        db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({holes})", people.rows(table))
    db.execute("COMMIT")
    db.close()


def _into_postgres(_: Bench, target: CumuliPostgres, people: Crowd) -> None:
    for table, columns in TABLES.items():
        lines = (seed.copy_line(row) for row in people.rows(table))
        target.postgres.copy(f"{table} ({', '.join(columns)})", lines)
    target.postgres.execute("VACUUM ANALYZE")
