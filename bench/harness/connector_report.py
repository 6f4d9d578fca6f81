"""The table and the aims of what concerns connectors."""

from .aims import Aim, at_most
from .tables import Figures, pick, table

PROVIDERS = {"google": "Google Drive", "onedrive": "OneDrive, personal", "s3": "S3"}
# When others take more than that, times are not worth much.
NOISY_CORES = 0.5
CLIENTS = ("cumuli", "rclone", "rclone --fast-list")


def sections(summary: dict[str, Figures]) -> list[str]:
    """A title, a table and what to think of its times, if there are figures."""
    figures = pick(summary, "connectors.connectors")
    if not figures:
        return []
    works = {
        "list": f"{figures['listed']:,.0f} items listed",
        "changes": "one changed file found",
        "small": f"{figures['small_files']:,.0f} uploads of 4 KiB",
        "big": f"one upload of {figures['big_mib']:,.0f} MiB",
    }
    parts = []
    for kind, name in PROVIDERS.items():
        own = works | {"get": f"one download of {figures['get_mib'][kind]:,.0f} MiB"}
        rows = [
            [words if who == "cumuli" else "", who, *_cells(figures[kind][work][who])]
            for work, words in own.items()
            for who in CLIENTS
            if pick(figures, f"{kind}.{work}.{who}")
        ]
        heads = ["work", "by", "calls", "sent KiB", "received KiB", "wall s", "peak MiB", "wrongs", "other cores"]
        parts += [f"## Connectors: {name}", table(heads, rows)]
    if (busy := _busy(figures)) is not None:
        parts.append(busy)
    return parts


def _cells(own: Figures) -> list[object]:
    kib = [own[name] / 1024 for name in ("sent_bytes", "received_bytes")]
    return [own["calls"], *kib, own["wall_secs"], own["peak_mib"], own["complaint_count"], own["other_cores"]]


def _busy(figures: Figures) -> str | None:
    runs = [run for kind in PROVIDERS for work in figures[kind].values() for run in work.values()]
    most = max(run["other_cores"] for run in runs)
    if most <= NOISY_CORES:
        return None
    return (
        f"Other work took up to {most:.1f} cores of this machine meanwhile: the wall times say little. Calls, bytes "
        "and memory do not depend on it."
    )


def _more(kind: str, work: str):
    """Our calls as a part of rclone's; of the better of its two ways where there are two."""

    def find(summary: dict[str, Figures]) -> float:
        by = pick(summary, f"connectors.connectors.{kind}.{work}")
        return by["cumuli"]["calls"] / min(own["calls"] for who, own in by.items() if who != "cumuli")

    return find


def _aims() -> list[Aim]:
    works = {"list": "listing", "changes": "a change", "small": "small uploads", "big": "a big upload"}
    calls = [
        at_most(f"{kind}, {words}: calls in those of rclone", 1, _more(kind, work))
        for kind in PROVIDERS
        for work, words in works.items()
    ]
    peaks = [
        at_most(
            f"{kind}, {words} of a big file: peak MiB", 64,
            lambda summary, path=f"connectors.connectors.{kind}.{work}.cumuli.peak_mib": pick(summary, path),
        )
        for kind in PROVIDERS
        for work, words in (("big", "upload"), ("get", "download"))
    ]
    return [*calls, *peaks]


AIMS = tuple(_aims())
