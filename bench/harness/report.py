"""From the figures of all runs to medians, tables and a verdict on each aim."""

import statistics
from typing import Callable

from . import connector_report, mirror_report, store_report
from .aims import at_least, at_most
from .tables import Figures, pick, table, text

# What is left out of the verdict on "ahead of every other peer".
OUR_NAMES = ("cumuli", "cumuli-unsafe", "cumuli-postgres")


def medians(runs: list[Figures]) -> Figures:
    """One tree of figures with the median of each number of all runs."""
    merged: Figures = {}
    for name in {name: None for run in runs for name in run}:
        values = [run[name] for run in runs if name in run]
        if all(isinstance(value, dict) for value in values):
            merged[name] = medians(values)
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            merged[name] = round(statistics.median(values), 4)
        else:
            merged[name] = values[-1]
    return merged


def summarize(results: list[Figures]) -> dict[str, Figures]:
    """The medians of each target's good runs; `failed` counts the others."""
    summary = {}
    for name in {result["target"]: None for result in results}:
        mine = [result for result in results if result["target"] == name]
        good = [result["figures"] for result in mine if "error" not in result]
        summary[name] = medians(good) | {"run_count": len(good), "failed": len(mine) - len(good)}
    return summary


COLUMNS = (
    ("start ms", "start.start_ms"),
    ("idle MiB", "start.idle_mib"),
    ("4 KiB files/s", "small.8.files_per_sec"),
    ("p50 ms", "small.8.p50_ms"),
    ("p99 ms", "small.8.p99_ms"),
    ("CPU ms/file", "small.8.cpu_ms_per_file"),
    ("up MB/s", "big.upload.mb_per_sec"),
    ("CPU s/GiB", "big.upload.cpu_secs_per_gib"),
    ("added MiB", "big.upload.added_mib"),
    ("down MB/s", "big.download.mb_per_sec"),
    ("CPU s/GiB", "big.download.cpu_secs_per_gib"),
    ("added MiB", "big.download.added_mib"),
    ("list ms", "list.list_ms"),
    ("CPU ms", "list.cpu_ms"),
)
NOISE = ("small.8.other_cores", "big.upload.other_cores", "big.download.other_cores", "list.other_cores")


def overview(summary: dict[str, Figures]) -> str:
    """One row a target."""
    rows = []
    for name, figures in summary.items():
        if all(pick(figures, path) is None for _, path in COLUMNS):
            continue
        noise = [value for value in (pick(figures, path) for path in NOISE) if value is not None]
        rows.append([name, *(pick(figures, path) for _, path in COLUMNS), max(noise) if noise else None])
    return table(["target", *(head for head, _ in COLUMNS), "other cores"], rows) if rows else ""


def small_uploads(summary: dict[str, Figures]) -> str:
    """Our own small uploads beside what the disk and what the processor allow."""
    rows = []
    for name in OUR_NAMES:
        for connections in (8, 64):
            own = pick(summary.get(name, {}), f"small.{connections}")
            if own:
                rows.append(_small_row(summary, name, connections, own))
    heads = [
        "target", "connections", "files/s", "p50 ms", "p99 ms", "CPU ms/file", "client CPU ms/file", "flush ms",
        "flush limit/s", "of it", "unflushed files/s", "of the lower",
    ]
    return table(heads, rows)


def _small_row(summary: dict[str, Figures], name: str, connections: int, own: Figures) -> list[object]:
    limit = own["flush_limit_per_sec"]
    unflushed = pick(summary, f"cumuli-unsafe.small.{connections}.files_per_sec")
    lower = min(limit, unflushed) if unflushed else limit
    rate = own["files_per_sec"]
    return [
        name, connections, rate, own["p50_ms"], own["p99_ms"], own["cpu_ms_per_file"],
        own["client_cpu_ms_per_file"], pick(own, "flush.append_mean_ms"), limit, rate / limit, unflushed, rate / lower,
    ]


def large(summary: dict[str, Figures], phase: str) -> str:
    """The operations on a large database, one row each."""
    spaces = {name: pick(figures, phase) for name, figures in summary.items()}
    spaces = {name: space for name, space in spaces.items() if space}
    heads = ["operation"]
    for name in spaces:
        heads += [f"{name} ms", "slowest", "CPU ms"]
    rows = []
    for operation in {name: None for space in spaces.values() for name in space["operations"]}:
        row: list[object] = [operation.replace("_", " ")]
        for space in spaces.values():
            row += [pick(space, f"operations.{operation}.{part}") for part in ("median_ms", "max_ms", "cpu_ms")]
        rows.append(row)
    for label, path in (
        ("start", "start_ms"), ("memory afterwards, MiB", "memory_after_mib"), ("one flush", "flush.append_mean_ms"),
        ("seeding, s", "seed_secs"), ("fsck finds nothing", "fsck.is_clean"), ("fsck, s", "fsck.secs"),
    ):
        cells = [pick(space, path) for space in spaces.values()]
        if any(cell is not None for cell in cells):
            rows.append([label] + [part for cell in cells for part in (cell, None, None)])
    return table(heads, rows) if spaces else ""


def _ratio(ours: str, theirs: str) -> Callable[[dict[str, Figures]], float]:
    return lambda summary: pick(summary, ours) / pick(summary, theirs)


def _of_limit(connections: int) -> Callable[[dict[str, Figures]], float]:
    return _ratio(f"cumuli.small.{connections}.files_per_sec", f"cumuli.small.{connections}.flush_limit_per_sec")


def _of_lower(connections: int) -> Callable[[dict[str, Figures]], float]:
    def find(summary: dict[str, Figures]) -> float:
        unflushed = pick(summary, f"cumuli-unsafe.small.{connections}.files_per_sec")
        limit = pick(summary, f"cumuli.small.{connections}.flush_limit_per_sec")
        return pick(summary, f"cumuli.small.{connections}.files_per_sec") / min(limit, unflushed)

    return find


def _thriftiest_peer(way: str) -> Callable[[dict[str, Figures]], float]:
    """Our CPU seconds for a GiB as a part of those of the best peer but nginx."""

    def find(summary: dict[str, Figures]) -> float:
        path = f"big.{way}.cpu_secs_per_gib"
        others = [pick(f, path) for name, f in summary.items() if name not in (*OUR_NAMES, "nginx")]
        return pick(summary, f"cumuli.{path}") / min(value for value in others if value)

    return find


def _slowest_page(target: str) -> Callable[[dict[str, Figures]], float]:
    def find(summary: dict[str, Figures]) -> float:
        operations = summary[target]["million"]["operations"]
        return max(figures["median_ms"] for name, figures in operations.items() if name.startswith("page_"))

    return find


def _look(target: str) -> Callable[[dict[str, Figures]], float | None]:
    return lambda summary: pick(summary, f"{target}.crowd.operations.look_at_what_was_given.median_ms")


def _look_more(target: str) -> Callable[[dict[str, Figures]], float]:
    def find(summary: dict[str, Figures]) -> float:
        operations = summary[target]["crowd"]["operations"]
        return operations["look_at_what_was_given"]["median_ms"] - operations["look_at_one_s_own"]["median_ms"]

    return find


def _big_move(target: str) -> Callable[[dict[str, Figures]], float]:
    operations = f"{target}.million.operations"
    return _ratio(f"{operations}.move_big.median_ms", f"{operations}.move_small.median_ms")


RATE, CPU = "small.8.files_per_sec", "small.8.cpu_ms_per_file"
UP, DOWN = "big.upload.mb_per_sec", "big.download.mb_per_sec"
AIMS = (
    at_least("8 connections: part of connections / flush latency", 0.7, _of_limit(8)),
    at_least("64 connections: part of connections / flush latency", 0.5, _of_limit(64)),
    at_least("8 connections: part of the lower of that and our rate without flushing", 0.7, _of_lower(8)),
    at_least("64 connections: part of the lower of that and our rate without flushing", 0.5, _of_lower(64)),
    at_least("unflushed: files/s in those of fastapi", 10, _ratio(f"cumuli-unsafe.{RATE}", f"fastapi.{RATE}")),
    at_least("unflushed: files/s in those of copyparty", 2, _ratio(f"cumuli-unsafe.{RATE}", f"copyparty.{RATE}")),
    at_least("unflushed: files/s in those of dufs", 0.7, _ratio(f"cumuli-unsafe.{RATE}", f"dufs.{RATE}")),
    at_least("unflushed: CPU per file of fastapi in ours", 10, _ratio(f"fastapi.{CPU}", f"cumuli-unsafe.{CPU}")),
    at_least("unflushed: CPU per file of copyparty in ours", 2, _ratio(f"copyparty.{CPU}", f"cumuli-unsafe.{CPU}")),
    at_least("unflushed: CPU per file of dufs in ours", 0.7, _ratio(f"dufs.{CPU}", f"cumuli-unsafe.{CPU}")),
    at_least("big upload: MB/s in those of nginx", 0.7, _ratio(f"cumuli.{UP}", f"nginx.{UP}")),
    at_least("big upload, unflushed: MB/s in those of nginx", 0.7, _ratio(f"cumuli-unsafe.{UP}", f"nginx.{UP}")),
    at_least("big download: MB/s in those of nginx", 0.7, _ratio(f"cumuli.{DOWN}", f"nginx.{DOWN}")),
    at_most("big upload: CPU in that of the best peer but nginx", 1, _thriftiest_peer("upload")),
    at_most("big download: CPU in that of the best peer but nginx", 1, _thriftiest_peer("download")),
    at_most("big upload: MiB added", 16, lambda s: pick(s, "cumuli.big.upload.added_mib")),
    at_most("big download: MiB added", 16, lambda s: pick(s, "cumuli.big.download.added_mib")),
    at_most("10,000 entries listed, ms", 100, lambda s: pick(s, "cumuli.list.list_ms")),
    at_most("slowest page of a million-node space, ms", 10, _slowest_page("cumuli")),
    at_most("the same on PostgreSQL", 10, _slowest_page("cumuli-postgres")),
    at_most("moving 100,000 descendants in moving ten", 1.5, _big_move("cumuli")),
    at_most("the same on PostgreSQL", 1.5, _big_move("cumuli-postgres")),
    at_most("looking at what was given through 30 levels, ms", 1, _look("cumuli")),
    at_most("the same on PostgreSQL, beyond looking at one's own", 1, _look_more("cumuli-postgres")),
    at_most("start-up, ms", 100, lambda s: pick(s, "cumuli.start.start_ms")),
    at_most("idle, MiB", 40, lambda s: pick(s, "cumuli.start.idle_mib")),
    *store_report.AIMS,
    *connector_report.AIMS,
    *mirror_report.AIMS,
)


def verdicts(summary: dict[str, Figures]) -> list[Figures]:
    """The aims for which there are figures."""
    found = (aim.verdict(summary) for aim in AIMS)
    return [verdict for verdict in found if verdict is not None]


def aims(found: list[Figures]) -> str:
    rows = [
        [each["claim"], each["value"], f"{'at most' if each['is_limit'] else 'at least'} {text(each['goal'])}",
         "met" if each["is_met"] else "short"]
        for each in found
    ]
    return table(["aim", "measured", "goal", "verdict"], rows)


def document(report: Figures) -> str:
    """The whole report as Markdown."""
    machine, options, summary = report["machine"], report["options"], report["summary"]
    parts = [
        f"# Benchmark of {report['when']}",
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_mib']:,} MiB, Linux {machine['kernel']}, "
        f"{machine['file_system']}, loopback. Medians of {options['runs']} interleaved runs. "
        "What each figure means is in `bench/README.md`.",
    ]
    if options["is_quick"]:
        parts.append("**A quick run: it shows that the harness works; its figures mean little.**")
    if overview(summary):
        parts += ["## All targets", overview(summary)]
    if any(pick(summary, f"{name}.small") for name in OUR_NAMES):
        parts += ["## Small uploads and their limits", small_uploads(summary)]
    parts += store_report.sections(summary) + connector_report.sections(summary)
    parts += mirror_report.sections(summary)
    for title, phase in (("A million nodes", "million"), ("A crowd that shares", "crowd")):
        if large(summary, phase):
            parts += [f"## {title}", large(summary, phase)]
    if report["aims"]:
        parts += ["## Aims", aims(report["aims"])]
    parts += ["## Versions", "\n".join(f"- {name}: {version}" for name, version in report["versions"].items())]
    failures = [f"- {r['target']}, run {r['run']}: {r['error']}" for r in report["results"] if "error" in r]
    skipped = [f"- {name}: {why}" for name, why in report["skipped"].items()]
    if failures or skipped:
        parts += ["## Failed or left out", "\n".join(failures + skipped)]
    return "\n\n".join(parts) + "\n"
