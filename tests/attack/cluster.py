"""Kills on a Dask cluster: Geant4's process, a worker, a nanny, the scheduler; and two productions of one output.

`python -m tests.attack.cluster` prints one line for each: exit code, whether the showers are those of an unbroken
production without a cluster, what was said, and how it went on.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.attack.kills import DETECTOR, descendants, fingerprint

WORDS = ["produce", "--detector", "small.toml", "--particle", "e-", "--energy", "100 MeV:300 MeV", "-n", "1200",
         "--seed", "7", "--quiet", "-o", "out.h5"]  # fmt: skip
VICTIMS = ("Geant4 process", "worker", "nanny", "scheduler")


def produce(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start a production."""
    command = [sys.executable, "-c", "from caloforge.cli import main; main()", *WORDS, *more]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def fresh(place: Path, name: str) -> Path:
    """A folder with the detector."""
    folder = place / name.replace(" ", "-")
    folder.mkdir()
    (folder / "small.toml").write_text(DETECTOR)
    return folder


@contextmanager
def cluster(place: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]]:
    """Address and process of a scheduler, and two workers of one thread, each with its nanny."""
    work = Path(tempfile.mkdtemp(dir=place))
    file = work / "scheduler.json"
    with (work / "log").open("w") as log:
        quiet: dict[str, Any] = {"stdout": log, "stderr": log, "cwd": work}
        base = [sys.executable, "-m", "distributed.cli."]
        scheduler = subprocess.Popen([*base[:2], f"{base[2]}dask_scheduler", "--port", "0", "--no-dashboard",
                                      "--scheduler-file", str(file)], **quiet)  # fmt: skip
        workers = [
            subprocess.Popen([*base[:2], f"{base[2]}dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
                              "--no-dashboard", "--local-directory", str(work), "--death-timeout", "60"], **quiet)
            for _ in range(2)
        ]  # fmt: skip
        try:
            wait_for(lambda: file.exists() and file.stat().st_size > 0)
            yield json.loads(file.read_text())["address"], scheduler, workers
        finally:
            for process in (*workers, scheduler):
                for one in (*descendants(process.pid), process.pid):
                    try:
                        os.kill(one, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                process.wait()


def wait_for(condition: Any, seconds: float = 300.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def command_of(pid: int) -> str:
    """Command line of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def victim_of(name: str, scheduler: subprocess.Popen[bytes], nanny: subprocess.Popen[bytes]) -> int:
    """Process id of the one to kill."""
    if name == "scheduler":
        return scheduler.pid
    if name == "nanny":
        return nanny.pid
    wanted = "caloforge.simulators.geant4" if name == "Geant4 process" else "multiprocessing.spawn"
    return next(pid for pid in descendants(nanny.pid) if wanted in command_of(pid))


def kill(name: str, place: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Kill one part of a cluster while it produces."""
    folder = fresh(place, name)
    with cluster(place) as (address, scheduler, workers):
        process = produce(folder, "--cluster", address)
        wait_for(lambda: len(list(folder.glob("out.h5.parts/shard-*"))) > 3)
        os.kill(victim_of(name, scheduler, workers[0]), signal.SIGKILL)
        said = process.communicate(timeout=600)[1]
    resumed = None
    if process.returncode:
        again = produce(folder, "--resume")
        again.communicate(timeout=600)
        resumed = again.returncode
    same = fingerprint(folder) == wanted
    return {"killed": name, "code": process.returncode, "resumed": resumed, "same": same, "said": said.strip()[-300:]}


def rivals(place: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Two productions of one output through one cluster."""
    folder = fresh(place, "two productions")
    with cluster(place) as (address, _, _):
        first = produce(folder, "--cluster", address)
        wait_for(lambda: len(list(folder.glob("out.h5.parts/shard-*"))) > 1)
        second = produce(folder, "--cluster", address, "--force")
        said = second.communicate(timeout=600)[1]
        first.communicate(timeout=600)
    same = fingerprint(folder) == wanted
    return {"killed": "two productions", "code": first.returncode, "second": second.returncode, "same": same,
            "said": said.strip()[-300:]}  # fmt: skip


def main() -> None:
    """Print a line for each kill."""
    place = Path(tempfile.mkdtemp())
    try:
        whole = fresh(place, "whole")
        process = produce(whole)
        assert process.wait() == 0, process.communicate()[1]
        wanted = fingerprint(whole)
        for name in sys.argv[1:] or VICTIMS:
            print(json.dumps(kill(name, place, wanted)), flush=True)  # noqa: T201
        if not sys.argv[1:]:
            print(json.dumps(rivals(place, wanted)), flush=True)  # noqa: T201
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
