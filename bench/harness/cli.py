"""The command: options, the rounds, the files that stay."""

import argparse
import json
import os
import shutil
import time
from pathlib import Path

from . import machine, report
from .phases import Bench, Sizes, first_start
from .plan import IN_ORDER, LARGE, NAMES
from .target import Target, Unavailable
from .targets import ALL

HERE = Path(__file__).resolve().parent.parent
# ext4 passes over inodes that were freed within this time one by one, so whoever makes files just after
# thousands were removed pays for it.
FREED_INODES_SECS = 300
# Stored contents above this are removed as soon as their target is done: they are few, and many GiB.
LARGE_BYTES = 16 << 20


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Cumuli beside its peers on this machine.")
    parser.add_argument("--runs", type=int, help="interleaved rounds; the medians count (3, or 1 with --quick)")
    parser.add_argument("--targets", default=",".join(ALL), help=f"comma-separated, of: {', '.join(ALL)}")
    parser.add_argument("--phases", default=",".join(NAMES), help=f"comma-separated, of: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all works, measures little")
    parser.add_argument("--store-mib", type=int, metavar="MIB", help="the file of the phase `stores`, for every store")
    parser.add_argument("--transfer-mib", type=int, metavar="MIB", help="each file of the phase `transfers` (1024)")
    parser.add_argument("--transfer-count", type=int, metavar="N", help="how many at once there (50)")
    parser.add_argument("--mirror-files", type=int, metavar="N", help="files of the first round to S3 (10000)")
    parser.add_argument("--quiet-secs", type=float, default=10, help="longest wait for a quiet machine before a phase")
    parser.add_argument("--quiet-cores", type=float, default=0.3, help="what counts as quiet: cores in use by others")
    parser.add_argument("--out", type=Path, help="folder for the results (bench/results; the work folder with --quick)")
    parser.add_argument("--keep", action="store_true", help="keep the data of all runs in the work folder")
    parser.add_argument("--list", action="store_true", help="list targets and phases, and stop")
    parser.add_argument("--show", type=Path, metavar="JSON", help="print the report of earlier results again, and stop")
    options = parser.parse_args(arguments)
    for name, known in (("targets", ALL), ("phases", NAMES)):
        chosen = [word for word in getattr(options, name).split(",") if word]
        setattr(options, name, chosen)
        unknown = [word for word in chosen if word not in known]
        if unknown or not chosen:
            parser.error(f"--{name}: `{', '.join(unknown)}` is none of {', '.join(known)}")
    if options.runs is None:
        options.runs = 1 if options.quick else 3
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 1 if a target failed or none could run."""
    options = parse_arguments(arguments)
    if options.list:
        show_list()
        return 0
    if options.show:
        print(report.document(json.loads(options.show.read_text())))
        return 0
    work = Path(os.environ.get("CUMULI_BENCH_WORK", HERE / "work")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(work, chosen_sizes(options), 0 if options.quick else options.quiet_secs, options.quiet_cores)
    targets, skipped = install(work, options.targets)
    if not options.quick:
        wait_for_freed_inodes(work)
    results: list[dict] = []
    for place in rounds(options, targets):
        results.append(run_one(bench, options, *place))
    written = write(options, work, describe(options, work, targets, skipped, results))
    print("\n" + written)
    if not options.keep:
        shutil.rmtree(work / "runs", ignore_errors=True)
        (work / "removed").touch()
    return 1 if not results or any("error" in result for result in results) else 0


def chosen_sizes(options: argparse.Namespace) -> Sizes:
    sizes = Sizes.quick() if options.quick else Sizes()
    if options.store_mib:
        sizes.store_mib = dict.fromkeys(sizes.store_mib, options.store_mib)
    sizes.transfer_mib = options.transfer_mib or sizes.transfer_mib
    sizes.transfer_count = options.transfer_count or sizes.transfer_count
    sizes.mirror_files = options.mirror_files or sizes.mirror_files
    return sizes


def show_list() -> None:
    for name, target in ALL.items():
        print(f"{name:16} {target.summary}\n{'':16} phases: {', '.join(target.phases)}")


def install(work: Path, names: list[str]) -> tuple[list[type[Target]], dict[str, str]]:
    """Gets every target ready; those that cannot run are left out, with the reason."""
    ready, skipped = [], {}
    for name in names:
        try:
            ALL[name].install(work)
            ready.append(ALL[name])
        except Unavailable as reason:
            skipped[name] = str(reason)
            print(f"left out: {name}: {reason}", flush=True)
    return ready, skipped


def rounds(options: argparse.Namespace, targets: list[type[Target]]):
    """Every target once a round, each round beginning with another one; large databases once, at the end."""
    plain = [phase for phase in options.phases if phase not in LARGE]
    for run in range(1, options.runs + 1):
        turn = (run - 1) * len(targets) // options.runs
        for target in targets[turn:] + targets[:turn]:
            phases = [phase for phase in plain if phase in target.phases]
            if phases:
                yield run, target, phases
    for phase in (phase for phase in LARGE if phase in options.phases):
        yield from ((1, target, [phase]) for target in targets if phase in target.phases)


def run_one(bench: Bench, options: argparse.Namespace, run: int, kind: type[Target], phases: list[str]) -> dict:
    """One target from its first start to its end; a failure is a result too."""
    print(f"run {run} of {options.runs}: {kind.name}: {', '.join(phases)}", flush=True)
    result: dict = {"target": kind.name, "run": run, "figures": {}}
    target, bench.run = None, run
    try:
        target = kind(bench.work)
        if phases[0] in LARGE:
            result["figures"][phases[0]] = LARGE[phases[0]](bench, target)
        else:
            result["figures"]["start"] = first_start(target)
            for phase in phases:
                result["figures"].setdefault(phase, {}).update(IN_ORDER[phase](bench, target))
    except Exception as error:  # One target that fails must not take the others' results along.
        result["error"] = f"{type(error).__name__}: {error}"
        if target is not None:
            result["error"] += f"; {target.log_tail()}"
        print(f"  failed: {result['error']}", flush=True)
    finally:
        if target is not None:
            target.close()
            remove_large(target.folder)
            machine.settle()
    return result


def wait_for_freed_inodes(work: Path) -> None:
    """Lets the removal at the end of an earlier run become history."""
    mark = work / "removed"
    left_secs = mark.stat().st_mtime + FREED_INODES_SECS - time.time() if mark.exists() else 0
    if left_secs > 0:
        print(f"waiting {left_secs:.0f} s: an earlier run has just removed its files", flush=True)
        time.sleep(left_secs)


def remove_large(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGE_BYTES:
            path.unlink()


def describe(options, work: Path, targets: list[type[Target]], skipped: dict, results: list[dict]) -> dict:
    """Everything that is worth keeping."""
    summary = report.summarize(results)
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "options": {"runs": options.runs, "phases": options.phases, "is_quick": options.quick},
        "machine": machine.describe(work),
        "versions": {target.name: target.version(work) for target in targets},
        "skipped": skipped,
        "summary": summary,
        "aims": [] if options.quick else report.verdicts(summary),
        "results": results,
    }


def write(options, work: Path, results: dict) -> str:
    """Saves the results as JSON and the report as Markdown; returns the report."""
    folder = options.out or (work / "quick" if options.quick else HERE / "results")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    document = report.document(results)
    (folder / latest(options.phases)).write_text(document)
    print(f"written: {path}", flush=True)
    return document


def latest(phases: list[str]) -> str:
    """The report's file: connectors or mirrors alone do not take the place of everything else."""
    alone = {"connectors", "mirrors"}.intersection(phases)
    return f"latest-{phases[0]}.md" if len(phases) == 1 and alone else "latest.md"
