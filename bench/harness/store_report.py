"""The tables and the aims of what concerns stores: big files, tus, many transfers at once, archives."""

from .aims import Aim, at_least, at_most
from .tables import Figures, pick, table

STORES = {"cumuli": "local", "cumuli-s3": "s3", "cumuli-azure": "azure", "cumuli-gcs": "gcs"}
CLIENTS = {"local": "dd", "s3": "boto3", "azure": "azure-storage-blob", "gcs": "google-cloud-storage"}
WAYS = {"client": "", "curl": "curl", "server": "through Cumuli", "direct": "direct"}
OUR_WAYS = {"server": ("through the server", 0.8), "direct": ("direct", 0.95)}


def sections(summary: dict[str, Figures]) -> list[str]:
    """A title and a table for each phase of which there are figures."""
    found = (
        ("One big file on each store", _stores(summary)),
        ("tus beside a plain PUT", _tus(summary)),
        ("Many transfers at once on S3", _transfers(summary)),
        ("A folder as a zip", _zip(summary)),
    )
    return [part for title, rows in found if rows for part in (f"## {title}", rows)]


def _stores(summary: dict[str, Figures]) -> str:
    rows = []
    for target, store in STORES.items():
        figures = pick(summary, f"{target}.stores")
        for way, words in WAYS.items() if figures else ():
            if pick(figures, f"up.{way}"):
                place = f"{store}, {figures['size_mib']:.0f} MiB, {figures['place']}" if way == "client" else store
                rows.append([place, words or CLIENTS[store], *_store_cells(figures, way)])
    heads = ["store", "by"]
    for way in ("up", "down"):
        heads += [f"{way} MB/s", "of its client", "of curl", "CPU s/GiB", "store's CPU", "added MiB"]
    return table([*heads, "other cores"], rows) if rows else ""


def _store_cells(figures: Figures, way: str) -> list[object]:
    cells, is_ours = [], way in OUR_WAYS
    for direction in ("up", "down"):
        own, parts = pick(figures, f"{direction}.{way}"), pick(figures, f"parts_of.{direction}.{way}")
        cells += [own["mb_per_sec"], pick(parts, "client"), pick(parts, "curl")]
        cells += [own["cpu_secs_per_gib"] if is_ours else None, own["store_cpu_secs_per_gib"] or None]
        cells.append(own["added_mib"] if is_ours else None)
    return [*cells, max(pick(figures, f"{direction}.{way}.other_cores") for direction in ("up", "down"))]


def _tus(summary: dict[str, Figures]) -> str:
    rows = []
    ways = {"put": "PUT", "one_patch": "tus, one PATCH", "patches": "tus, PATCHes of 8 MiB"}
    for target, store in STORES.items():
        figures = pick(summary, f"{target}.tus")
        for way, words in ways.items() if figures else ():
            own = figures[way]
            cells = [own["mb_per_sec"], own.get("part_of_put"), own["cpu_secs_per_gib"], own["added_mib"]]
            rows.append([f"{store}, {figures['size_mib']:.0f} MiB", words, *cells, own["other_cores"]])
    return table(["store", "by", "MB/s", "of PUT", "CPU s/GiB", "added MiB", "other cores"], rows) if rows else ""


def _transfers(summary: dict[str, Figures]) -> str:
    figures = pick(summary, "cumuli-s3.transfers")
    if not figures:
        return ""
    rows = []
    for way, words in (("up", "uploads"), ("down", "downloads")):
        own = figures[way]
        what = f"{figures['count']:.0f} {words} of {figures['size_mib']:.0f} MiB through the server"
        cells = [own[name] for name in ("at_once", "peak_mib", "added_mib", "mb_per_sec", "cpu_secs_per_gib")]
        rows.append([what, *cells, own["quickest_secs"], own["slowest_secs"]])
    heads = ["transfers", "at once", "peak MiB", "added MiB", "MB/s", "CPU s/GiB", "quickest, s", "slowest, s"]
    return table(heads, rows)


def _zip(summary: dict[str, Figures]) -> str:
    rows = []
    for size, figures in (pick(summary, "cumuli.zip") or {}).items():
        what = f"{figures['file_count']:,.0f} files of {size.removesuffix('_kib')} KiB"
        for way, words in (("server", "Cumuli"), ("zip", "zip -0")):
            own = figures[way]
            cells = [own["entries_per_sec"], own["mb_per_sec"], figures["part_of_zip"] if way == "server" else None]
            rows.append([what, words, *cells, *(own.get(name) for name in ("cpu_ms_per_entry", "peak_mib", "added_mib"))])
    heads = ["folder", "by", "entries/s", "MB/s", "of zip -0", "CPU ms/entry", "peak MiB", "added MiB"]
    return table(heads, rows) if rows else ""


def _store_aims() -> list[Aim]:
    """A store's own client, and curl with what it signed: the first may be slow by itself."""
    aims = []
    for target, store in STORES.items():
        if store == "local":
            continue
        for direction in ("up", "down"):
            for way, (words, goal) in OUR_WAYS.items():
                for other, name in (("client", CLIENTS[store]), ("curl", "curl")):
                    claim = f"{store}, {direction}, {words}: MB/s in those of {name}"
                    aims.append(at_least(claim, goal, _find(f"{target}.stores.parts_of.{direction}.{way}.{other}")))
    return aims


def _find(path: str):
    return lambda summary: pick(summary, path)


AIMS = (
    *_store_aims(),
    *(
        at_least(f"{STORES[target]}, {words}: MB/s in those of a PUT", 0.8, _find(f"{target}.tus.{way}.part_of_put"))
        for target in ("cumuli", "cumuli-s3")
        for way, words in (("one_patch", "tus in one PATCH"), ("patches", "tus in PATCHes of 8 MiB"))
    ),
    at_most("many uploads at once: peak MiB", 512, _find("cumuli-s3.transfers.up.peak_mib")),
    at_most("many downloads at once: peak MiB", 512, _find("cumuli-s3.transfers.down.peak_mib")),
)
