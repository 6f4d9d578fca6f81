"""A space with a million nodes, written into the database of a stopped server.

The rows are those that the server itself writes when a million folders and files are made one by
one: nodes with their heights, one version a file, one journal entry a node, and one small content
that all files share, with its uses counted. `cumuli fsck` has to find nothing wrong with them.
"""

import hashlib
import random
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Callable, Iterator

from .postgres import Postgres

CONTENT = b"One small content that every file of the benchmark's space shares.\n" * 8
FOLDER, FILE = 0, 1
# Shares of the whole: the tree that is moved, and the folder that is listed.
BIG_PART, WIDE_PART = 10, 100
SMALL_FILES = 10
GROUP_NODES = 1000
AREA_NODES = 10_000
# Of ten nodes in a group, this many are folders.
FOLDERS_OF_TEN = 6
YEAR_MS = 365 * 24 * 3600 * 1000

COMMON_WORD, RARE_WORD = "report", "zeppelin"
RARE_COUNT = 5
# None of them holds the letters `qx`, which stand for a search that finds nothing.
WORDS = (
    "annual", "budget", "client", "contract", "draft", "final", "holiday", "image", "invoice", "journal",
    "letter", "meeting", "minutes", "notes", "offer", "photo", "plan", "project", COMMON_WORD, "summary",
)
TYPES = (
    ("pdf", "application/pdf"), ("jpg", "image/jpeg"), ("txt", "text/plain"), ("png", "image/png"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
)

# The nodes of a space are numbered from its own number times this.
SPACE_ROWS = 1 << 36

NODE_COLUMNS = (
    "row_no", "id", "space_id", "parent_id", "name", "name_key", "kind", "version", "size_bytes", "revision", "height",
    "detached", "created_ms", "modified_ms",
)
VERSION_COLUMNS = (
    "node_id", "number", "blob_id", "size_bytes", "digest", "media_type", "author_id", "origin", "created_ms",
)
CHANGE_COLUMNS = (
    "space_id", "seq", "kind", "node_id", "node_kind", "parent_id", "name", "version", "size_bytes", "digest",
    "actor_id", "at_ms",
)
BLOB_COLUMNS = ("id", "digest", "size_bytes", "store", "store_key", "refs", "state", "seen_ms", "proven_ms")


@dataclass
class Owner:
    """Whose space is filled, as `GET /api/v1/me` names it."""

    user: bytes
    space: bytes
    root: bytes


@dataclass
class SeedNode:
    """One node to be."""

    id: bytes
    parent: bytes
    name: str
    kind: int
    height: int
    media_type: str
    at_ms: int


class Plan:
    """The tree: the same for the same count, time and owner, so that it can be walked more than once.

    below the root: `big` (a tenth of everything, in groups of a thousand), `wide` (a hundredth, files
    only), `small` (ten files), `elsewhere` (empty) and areas of ten groups for all the rest.
    """

    def __init__(self, count: int, owner: Owner, now_ms: int) -> None:
        self.count, self.owner, self.now_ms = count, owner, now_ms
        self.landmarks: dict[str, str] = {}
        self.root_height = 0
        self.file_count = 0

    def __iter__(self) -> Iterator[SeedNode]:
        self._random = random.Random(7)
        self._made = self.file_count = self._rare_made = 0
        root = self.owner.root
        self.root_height = 0
        yield from self._tree(root, "big", self.count // BIG_PART)
        yield from self._flat(root, "wide", self.count // WIDE_PART)
        yield from self._flat(root, "small", SMALL_FILES)
        yield self._landmark(root, "elsewhere", height=0)
        area = 0
        while self._made < self.count:
            yield from self._tree(root, f"area {area:03d}", min(AREA_NODES, self.count - self._made - 1))
            area += 1

    def _tree(self, parent: bytes, name: str, descendants: int) -> Iterator[SeedNode]:
        groups = -(-descendants // GROUP_NODES)
        top = self._landmark(parent, name, height=min(2, descendants))
        yield top
        for group in range(groups):
            children = min(GROUP_NODES, descendants - group * GROUP_NODES) - 1
            folder = self._node(top.id, f"group {group:03d}", FOLDER, height=min(1, children))
            yield folder
            for at in range(children):
                kind = FOLDER if at % 10 < FOLDERS_OF_TEN else FILE
                yield self._node(folder.id, self._name(at, kind), kind)

    def _flat(self, parent: bytes, name: str, files: int) -> Iterator[SeedNode]:
        top = self._landmark(parent, name, height=1)
        yield top
        for at in range(files):
            yield self._node(top.id, self._name(at, FILE), FILE)

    def _landmark(self, parent: bytes, name: str, height: int) -> SeedNode:
        node = self._node(parent, name, FOLDER, height)
        self.landmarks[name] = str(uuid.UUID(bytes=node.id))
        self.root_height = max(self.root_height, height + 1)
        return node

    def _name(self, at: int, kind: int) -> str:
        first, second = self._random.choice(WORDS), self._random.choice(WORDS)
        # The rare ones stand in the middle of each fifth of the space.
        if self._rare_made < RARE_COUNT and self._made * 2 * RARE_COUNT >= self.count * (2 * self._rare_made + 1):
            self._rare_made += 1
            first = RARE_WORD
        plain = f"{first.capitalize()} {second} {at:04d}"
        return plain if kind == FOLDER else f"{plain}.{TYPES[at % len(TYPES)][0]}"

    def _node(self, parent: bytes, name: str, kind: int, height: int = 0) -> SeedNode:
        at_ms = self.now_ms - YEAR_MS + YEAR_MS * self._made // self.count
        self._made += 1
        self.file_count += kind
        media_type = next((kind_of for end, kind_of in TYPES if name.endswith(end)), "")
        return SeedNode(self._id(at_ms), parent, name, kind, height, media_type, at_ms)

    def _id(self, at_ms: int) -> bytes:
        """A UUIDv7, like the server's own."""
        noise = bytearray(self._random.randbytes(10))
        noise[0] = 0x70 | noise[0] & 0x0F
        noise[2] = 0x80 | noise[2] & 0x3F
        return at_ms.to_bytes(6, "big") + bytes(noise)


class Rows:
    """The rows of a plan, table by table."""

    def __init__(self, plan: Plan, head: int, number: int) -> None:
        self.plan, self.head = plan, head
        self.first_row = number * SPACE_ROWS + head + 1
        self.digest = hashlib.sha256(CONTENT).digest()
        self.blob = plan.owner.space[:6] + b"\x7b\x00\x80" + b"benchmk"

    def nodes(self) -> Iterator[tuple]:
        for row_no, node in enumerate(self.plan, start=self.first_row):
            is_file = node.kind == FILE
            yield (
                row_no, node.id, self.plan.owner.space, node.parent, node.name, node.name.lower(), node.kind,
                1 if is_file else None, len(CONTENT) if is_file else 0, 1, node.height, 0, node.at_ms, node.at_ms,
            )

    def versions(self) -> Iterator[tuple]:
        for node in self.plan:
            if node.kind == FILE:
                yield (
                    node.id, 1, self.blob, len(CONTENT), self.digest, node.media_type, self.plan.owner.user,
                    "api", node.at_ms,
                )

    def changes(self) -> Iterator[tuple]:
        for seq, node in enumerate(self.plan, start=self.head + 1):
            content = (1, len(CONTENT), self.digest) if node.kind == FILE else (None, None, None)
            yield (
                self.plan.owner.space, seq, "created", node.id, node.kind, node.parent, node.name, *content,
                self.plan.owner.user, node.at_ms,
            )

    def blobs(self) -> Iterator[tuple]:
        now = self.plan.now_ms
        yield (self.blob, self.digest, len(CONTENT), None, None, self.plan.file_count, 0, now, now)

    def inline_bytes(self) -> Iterator[tuple]:
        yield (self.blob, CONTENT)


TABLES = (
    ("nodes", NODE_COLUMNS, Rows.nodes),
    ("versions", VERSION_COLUMNS, Rows.versions),
    ("changes", CHANGE_COLUMNS, Rows.changes),
    ("blobs", BLOB_COLUMNS, Rows.blobs),
    ("inline_bytes", ("blob_id", "bytes"), Rows.inline_bytes),
)


def into_sqlite(sqlite: ModuleType, data: Path, owner: Owner, count: int) -> Plan:
    """Fills the space in the SQLite database below `data`."""
    db = sqlite.connect(sqlite_file(data), isolation_level=None)
    # Nothing here has to survive a crash, and a journal of a gigabyte would only be copied back.
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
        db.execute(f"PRAGMA {pragma}")
    head, number = db.execute("SELECT head, number FROM spaces WHERE id = ?", (owner.space,)).fetchone()
    plan = Plan(count, owner, int(time.time() * 1000))
    rows = Rows(plan, head, number)
    db.execute("BEGIN IMMEDIATE")
    for table, columns, make in TABLES:
        holes = ", ".join("?" * len(columns))
        db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({holes})", make(rows))
    for sql in _closing_statements(rows, lambda id: f"x'{id.hex()}'"):
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    return plan


def into_postgres(postgres: Postgres, owner: Owner, count: int) -> Plan:
    """Fills the space in a PostgreSQL database, and lets it look at what it got, as autovacuum would."""
    head, number = (
        int(postgres.execute(f"SELECT {column} FROM spaces WHERE id = {_postgres_bytes(owner.space)}"))
        for column in ("head", "number")
    )
    plan = Plan(count, owner, int(time.time() * 1000))
    rows = Rows(plan, head, number)
    for table, columns, make in TABLES:
        postgres.copy(f"{table} ({', '.join(columns)})", (copy_line(row) for row in make(rows)))
    for sql in _closing_statements(rows, _postgres_bytes):
        postgres.execute(sql)
    postgres.execute("VACUUM ANALYZE")
    return plan


def _closing_statements(rows: Rows, literal: Callable[[bytes], str]) -> list[str]:
    """The space's sums and its root's height."""
    plan = rows.plan
    used_bytes = plan.file_count * len(CONTENT)
    return [
        f"UPDATE spaces SET head = head + {plan.count}, used_bytes = used_bytes + {used_bytes}"
        f" WHERE id = {literal(plan.owner.space)}",
        f"UPDATE nodes SET height = {plan.root_height}"
        f" WHERE height < {plan.root_height} AND id = {literal(plan.owner.root)}",
    ]


def _postgres_bytes(value: bytes) -> str:
    return f"'\\x{value.hex()}'::bytea"


def sqlite_file(data: Path) -> Path:
    """The database below the data folder, wherever the server keeps it."""
    for path in sorted(data.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                if file.read(15) == b"SQLite format 3":
                    return path
    raise FileNotFoundError(f"no SQLite database below {data}")


def copy_line(row: tuple) -> str:
    """One line in the text format of COPY."""
    return "\t".join(_copy_field(value) for value in row) + "\n"


def _copy_field(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)
