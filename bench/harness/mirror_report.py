"""The tables and the aims of what concerns mirrors."""

from .aims import Aim, at_most
from .tables import Figures, pick, table

CLOUDS = {"google": "Google Drive", "onedrive": "OneDrive"}
# When others take more than that, times are not worth much.
NOISY_CORES = 0.5
HEADS = ["calls", "sent KiB", "received KiB", "wall s", "server CPU s", "peak MiB", "other cores"]
PATH = "mirrors.mirrors"


def sections(summary: dict[str, Figures]) -> list[str]:
    """Titles and tables, if there are figures."""
    figures = pick(summary, PATH)
    if not figures:
        return []
    parts = []
    if bucket := figures.get("s3"):
        works = {
            "first": f"first round of {figures['files']:,.0f} files of 4 KiB",
            "again": "the next: nothing to do",
            "change": "one new file here",
        }
        rows = [
            [words if who == "cumuli" else "", who, *_cells(own)]
            for work, words in works.items()
            for who, own in bucket[work].items()
        ]
        parts += ["## Mirrors: S3", table(["work", "by", *HEADS], rows)]
    works = {"again": "nothing to do", "change_there": "one file written there", "change_here": "one file written here"}
    for kind, name in CLOUDS.items():
        if own := figures.get(kind):
            title = f"## Mirrors: {name}, {figures['cloud_files']:,.0f} files in 100 folders"
            parts += [title, _works(own, works)]
    if own := figures.get("huge"):
        title = f"## Mirrors: one of {own['entries']:,.0f} things"
        parts += [title, _works(own, works), _table(own, HUGE)]
    if own := figures.get("many"):
        parts += [f"## Mirrors: {figures['count']:,.0f} of one account", _table(own, MANY)]
    if (busy := _busy(figures)) > NOISY_CORES:
        parts.append(
            f"Other work took up to {busy:.1f} cores of this machine meanwhile: the times say little, those of rclone "
            "too. Calls, bytes, CPU seconds and memory hardly depend on it."
        )
    return parts


HUGE = {
    "start_ms": "start, ms", "idle_mib": "memory at rest, MiB",
    "plan_ms": "the plan of one change, answered: median ms",
    "plan_min_ms": "the fastest", "plan_max_ms": "the slowest", "seed_secs": "seeding, s",
}
MANY = {
    "making_secs": "made, s", "in_step_secs": "all in step, one file each, s", "idle_cores": "at rest: cores",
    "idle_mib": "at rest: MiB", "idle_calls": "at rest: calls a minute", "asked_secs": "all told to run, s",
    "round_secs": "all have run, s", "round_cpu_secs": "CPU seconds of that", "round_calls": "calls of that",
    "peak_mib": "peak MiB of that",
}


def _works(own: Figures, works: dict[str, str]) -> str:
    return table(["work", *HEADS], [[words, *_cells(own[work])] for work, words in works.items()])


def _table(own: Figures, names: dict[str, str]) -> str:
    return table(["what", "measured"], [[words, own[name]] for name, words in names.items() if name in own])


def _cells(own: Figures) -> list[object]:
    kib = [own[name] / 1024 for name in ("sent_bytes", "received_bytes")]
    return [own["calls"], *kib, own["wall_secs"], own.get("cpu_secs"), own["peak_mib"], own["other_cores"]]


def _busy(figures: Figures) -> float:
    found = [0.0]
    pending = [figures]
    while pending:
        for name, value in pending.pop().items():
            if isinstance(value, dict):
                pending.append(value)
            elif name == "other_cores":
                found.append(value)
    return max(found)


def _of(path: str):
    return lambda summary: pick(summary, f"{PATH}.{path}")


def _in_those_of(work: str, name: str, peer: str):
    def find(summary: dict[str, Figures]) -> float:
        by = pick(summary, f"{PATH}.s3.{work}")
        return by["cumuli"][name] / by[peer][name]

    return find


AIMS: tuple[Aim, ...] = (
    at_most("Google Drive, nothing to do: calls", 1, _of("google.again.calls")),
    at_most("OneDrive, nothing to do: calls", 1, _of("onedrive.again.calls")),
    at_most("a huge mirror, nothing to do: calls", 1, _of("huge.again.calls")),
    at_most("a huge mirror, one change: planned and answered, ms", 10, _of("huge.plan_ms")),
    at_most("a huge mirror, one change there: peak MiB", 256, _of("huge.change_there.peak_mib")),
    at_most("a huge mirror, one change here: peak MiB", 256, _of("huge.change_here.peak_mib")),
    at_most("S3, first round: calls in those of `rclone bisync`", 1, _in_those_of("first", "calls", "rclone bisync")),
    at_most("S3, first round: time in that of `rclone bisync`", 1, _in_those_of("first", "wall_secs", "rclone bisync")),
    at_most("S3, nothing to do: calls in those of `rclone bisync`", 1, _in_those_of("again", "calls", "rclone bisync")),
)
