"""What the connectors ask of a provider for a piece of work, beside what rclone asks for the same."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from . import machine
from .emulators import S3s
from .phases import MIB, SMALL_BYTES, Bench
from .providers import CLIENTS, S3, TOP, Fake, Google, OneDrive, Provider, Ran, ask_ours, run, run_ours
from .target import REPOSITORY, Target, Unavailable, output_of, plain_environment
from .wire import WireError

# Google's own limit is kept by the pacer of either in daily life; here it would be what is measured.
RCLONE = [
    "--retries", "1", "--transfers", "8", "--drive-pacer-min-sleep", "1ms", "--drive-pacer-burst", "1000",
]


class Connectors(Target):
    """No server of ours: the connectors themselves, driven by an example of their crate."""

    name = "connectors"
    summary = "the connectors and rclone on stand-ins for Google Drive, OneDrive and S3"
    phases = ("connectors",)

    @classmethod
    def install(cls, work: Path) -> None:
        build = ["cargo", "build", "--release", "--locked", "-p", "fake_clouds", "-p", "connectors"]
        for command in ([str(REPOSITORY / ".ci" / "clients")], [*build, "--bin", "fake_clouds", "--example", "work"]):
            try:
                subprocess.run(command, cwd=REPOSITORY, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable(f"`{' '.join(command)}` failed: {error}") from error
        S3s.install()

    @classmethod
    def version(cls, work: Path) -> str:
        commit = output_of("git", "-C", str(REPOSITORY), "describe", "--always", "--dirty")
        return f"{commit}; {output_of(str(CLIENTS / 'rclone'), 'version')}; {S3s.version()}"


@dataclass
class Desk:
    """Where one provider's work is done, and what it came to."""

    bench: Bench
    provider: Provider
    figures: dict[str, dict] = field(default_factory=dict)

    def measure(self, work: str, who: str, step: Callable[[], Ran]) -> Ran:
        """Counts a step, as the work of somebody."""
        self.bench.wait()
        self.provider.reset()
        with machine.Meter(self.provider.pids) as meter:
            ran = step()
        sums = self.provider.sums()
        self.figures.setdefault(work, {})[who] = {
            "calls": sums.calls, "sent_bytes": sums.sent_bytes, "received_bytes": sums.received_bytes,
            "wall_secs": round(ran.wall_secs, 3), "peak_mib": round(ran.peak_mib, 1),
            "other_cores": round(meter.other_cores, 2), "complaint_count": len(self.provider.complaints()),
        }
        return ran

    def ours(self, work: str, arguments: list[str]) -> dict:
        return json.loads(self.measure(work, "cumuli", lambda: run_ours(self.provider, arguments)).output)

    def rclone(self, work: str, arguments: list[str], who: str = "rclone") -> str:
        config = self.provider.folder / "rclone.conf"
        if not config.exists():
            config.write_text(f"[cloud]\n{self.provider.remote()}")
        command = [str(CLIENTS / "rclone"), *arguments, "--config", str(config), *RCLONE, *self.provider.tls]
        return self.measure(work, who, lambda: run(command, self.provider.environment)).output


def connectors(bench: Bench, target: Connectors) -> dict[str, object]:
    """All work at each provider, by our connector and by rclone."""
    figures: dict[str, object] = {}
    for kind in (Google, OneDrive, S3):
        figures[kind.kind] = _at(bench, target, kind)
    sizes = bench.sizes
    return figures | {
        "listed": sizes.connector_listed, "small_files": sizes.connector_small, "big_mib": sizes.connector_big_mib,
        "get_mib": {"google": sizes.connector_get_mib, "onedrive": sizes.connector_get_mib, "s3": sizes.connector_big_mib},
    }


def _at(bench: Bench, target: Connectors, kind: type[Provider]) -> dict[str, dict]:
    figures: dict[str, dict] = {}
    sizes = bench.sizes
    is_fake = issubclass(kind, Fake)
    for name, many, keeps_bytes, steps in (
        ("listed", sizes.connector_listed, True, (_list, _small)),
        ("big", 0, False, (_big,) if is_fake else (_big, _get)),
        *((("get", 0, True, (_get,)),) if is_fake else ()),
    ):
        folder = target.folder / f"{kind.kind}-{name}"
        folder.mkdir()
        desk = Desk(bench, kind(folder, plain_environment(folder), many, keeps_bytes), figures)
        try:
            for step in steps:
                print(f"  {kind.kind}: {step.__name__.strip('_')}", flush=True)
                step(desk)
        finally:
            desk.provider.stop()
    return figures


def _list(desk: Desk) -> None:
    """Everything that is there, and then one file that changed."""
    wanted = desk.bench.sizes.connector_listed
    base, fast = desk.provider.base(), desk.provider.fast
    told = desk.ours("list", ["list"])
    # `Many` is one more, and a feed may tell of the root too.
    if not wanted <= told["folders"] + told["files"] <= wanted + 2:
        raise WireError(f"the listing has {told['folders']} folders and {told['files']} files")
    for who, more in (("rclone", []), ("rclone --fast-list", fast)):
        lines = desk.rclone("list", ["lsf", "-R", *more, f"{base}{TOP}/"], who).splitlines()
        if len(lines) != wanted:
            raise WireError(f"{who} listed {len(lines)} of {wanted}")
    desk.provider.change_one("changed, and by somebody else")
    changed = desk.ours("changes", ["changes", "--cursor", told["cursor"]])
    if changed["files"] < 1:
        raise WireError("the changed file was not told of")
    # It keeps no cursor: it finds a change by listing everything once more.
    for who, more in (("rclone", []), ("rclone --fast-list", fast)):
        desk.rclone("changes", ["lsf", "-R", "--format", "ps", *more, f"{base}{TOP}/"], who)


def _small(desk: Desk) -> None:
    count = desk.bench.sizes.connector_small
    source = desk.provider.folder / "small"
    source.mkdir()
    for number in range(count):
        (source / f"{number:05}.bin").write_bytes(os.urandom(SMALL_BYTES))
    root = desk.provider.root()
    done = desk.ours("small", ["small", "--from", str(source), "--root", root, "--name", "by-cumuli"])
    desk.rclone("small", ["copy", str(source), f"{desk.provider.base()}by-rclone/"])
    if done["files"] != count:
        raise WireError(f"{done['files']} of {count} files were uploaded")


def _big(desk: Desk) -> None:
    source = desk.bench.big_file(desk.bench.sizes.connector_big_mib)
    base = desk.provider.base()
    desk.ours("big", ["big", "--from", str(source), "--root", desk.provider.root()])
    desk.rclone("big", ["copy", str(source), f"{base}by-rclone/"])


def _get(desk: Desk) -> None:
    sizes, provider = desk.bench.sizes, desk.provider
    mib = sizes.connector_get_mib if isinstance(provider, Fake) else sizes.connector_big_mib
    source = desk.bench.big_file(mib)
    # s3s-fs has one of that name from before.
    path = provider.folder / f"get-{mib}.bin"
    os.link(source, path)
    sent = ask_ours(provider, ["big", "--from", str(path), "--root", provider.root()])
    ours, theirs = provider.folder / "got-by-cumuli", provider.folder / "got-by-rclone"
    done = desk.ours("get", ["get", "--id", sent["id"], "--to", str(ours)])
    desk.rclone("get", ["copy", f"{provider.base()}{path.name}", str(theirs)])
    for got in (ours, theirs / path.name):
        if done["bytes"] != mib * MIB or not same(got, source):
            raise WireError(f"{got.name} is not what was uploaded")
        got.unlink()


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", str(one), str(other)], check=False).returncode == 0
