"""Productions, trainings, runs and searches are killed at random moments and resumed; results are compared bit by bit.

`run(kind, n, seed)` is the attack; `python -m tests.attack.kills N [SEED] [KIND ...]` prints its figures. Every work is
a fork of this process, which has imported everything, so that kills fall into the work and not into imports.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EXPECTED = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (1,)}  # -15: before any work
PATIENCE = 1200.0  # [s] for one work
DETECTOR = """
name = "small"
[readout]
threshold = "0.01 MeV"
[[layer]]
copies = 3
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_lAr"]
cells = {kind = "cartesian", n = [3, 3], size = ["50 mm", "50 mm"]}
"""
RUN = """
name = "tiny"
detector = "small.toml"
[incidents]
particle = "e-"
energy = "{energy}"
[showers]
train = 300
select = 100
test = 400
[model]
kind = "coupling-flow"
cells = {{hidden = 16, blocks = 2}}
[training]
steps = {steps}
evaluate_every = 10
[validation]
seeds = 1
recipe = "quick"
[inside]
n = 20
energy = "200 MeV"
threshold = "150 MeV"
[bench]
energies = ["200 MeV"]
"""
SEARCH = """
[search]
sampler = "random"
[search.space]
"training.learning_rate" = {low = 1e-4, high = 1e-2, log = true}
"model.cells.hidden" = {choices = [8, 16, 32]}
"""
PRODUCE = ["produce", "--detector", "small.toml", "--particle", "e-", "--seed", "7", "--quiet", "-o", "out.h5"]
Figures = dict[str, Any]
Finger = dict[str, Any]


def _production(_: Path) -> list[str]:
    return [*PRODUCE, "--energy", "1 GeV:2 GeV", "-n", "600", "--simulator", "gflash", "--workers", "2"]


def _geant4(_: Path) -> list[str]:
    return [*PRODUCE, "--energy", "100 MeV:300 MeV", "-n", "800", "--workers", "2"]


def _training(folder: Path) -> list[str]:
    """A training from the showers of the unbroken run, which are made once."""
    (folder / "run.toml").write_text(RUN.format(energy="100 MeV:300 MeV", steps=60))
    return ["train", "run.toml", "--out", "run"]


def _run(folder: Path) -> list[str]:
    (folder / "run.toml").write_text(RUN.format(energy="100 MeV:300 MeV", steps=20))
    return ["run", "run.toml", "--out", "run"]


def _devices(folder: Path) -> list[str]:
    """The same training on two processes."""
    return [*_training(folder), "--devices", "2"]


def _search(folder: Path) -> list[str]:
    """A search on the showers of the unbroken one, whose trials depend on nothing but their numbers."""
    run = RUN.format(energy="100 MeV:300 MeV", steps=20).replace("test = 400", 'test = 400\nfolder = "../showers"')
    (folder / "run.toml").write_text(run + SEARCH)
    return ["search", "run.toml", "--out", "run", "--trials", "3"]


WORKS: dict[str, Callable[[Path], list[str]]] = {
    "production": _production, "geant4": _geant4, "training": _training, "devices": _devices, "run": _run,
    "search": _search,
}  # fmt: skip


def start(words: list[str], folder: Path) -> int:
    """Fork a process that is the command line; its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        log = os.open(folder.parent / f"{folder.name}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (os.fdopen(d, "w", buffering=1, closefd=False) for d in (1, 2))
        sys.argv = ["caloforge", *words]
        _hurry()
        from caloforge.__main__ import main

        main()
    except SystemExit as left:
        code = 1 if isinstance(left.code, str) else int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        import atexit

        atexit._run_exitfuncs()
        os._exit(code)


def _hurry() -> None:
    """Seconds instead of minutes for timing and validation."""
    import caloforge.bench
    import caloforge.search.study
    from caloforge.validation.recipes import RECIPES

    caloforge.bench.SECONDS_PER_BATCH, caloforge.bench.GEANT4_SECONDS = 0.01, 0.2
    caloforge.search.study.MOST_LOST = 1000  # a trial ends however often it is killed
    few = {"epochs": 3, "bootstraps": 10, "largest": 200, "judges": ("trees_features",), "folds": 2}
    RECIPES["quick"] = replace(RECIPES["quick"], **few)


def descendants(pid: int) -> list[int]:
    """Living processes below one."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if words[0] not in "ZX":
                parents.setdefault(int(words[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def wait(pid: int, seconds: float = PATIENCE) -> int | None:
    """Exit code of a child, negative for a signal; None if it does not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def fingerprint(folder: Path) -> Finger:
    """All that a work has made, as far as it does not depend on the clock."""
    found: Finger = {"files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))}
    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.relative_to(folder)}/{name}": np.asarray(file[name]).tobytes() for name in file}
    for path in sorted(folder.rglob("model.pt")):
        import torch

        state = torch.load(path, weights_only=True)
        found |= {f"{path.relative_to(folder)}/{name}": value.numpy().tobytes() for name, value in state.items()}
    for path in sorted(folder.rglob("metrics.json")):
        metrics = json.loads(path.read_text())
        found |= {name: json.dumps(_timeless(metrics[name]), sort_keys=True) for name in ("floor", "candidates")}
    for path in folder.rglob("search.json"):
        searched = json.loads(path.read_text())
        found |= {f"trial {one['number']}": _without(one, "ms", "seconds", "lost") for one in searched["trials"]}
        found["validated"] = searched["validated"]
    return found


def _without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _timeless(values: Any) -> Any:
    """The same without provenance, which holds the time of production."""
    if not isinstance(values, dict):
        return values
    return {key: _timeless(value) for key, value in values.items() if key != "provenance"}


def doubled(folder: Path) -> int:
    """Showers whose id occurs more than once in its file."""
    count = 0
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:
            ids = file["shower_id"][:]
        count += len(ids) - len(np.unique(ids))
    return count


@contextmanager
def scratch(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    place = Path(tempfile.mkdtemp())  # TemporaryDirectory would be removed by the first fork that ends
    try:
        yield place
    finally:
        shutil.rmtree(place)


def attack(kind: str, n: int, seed: int, place: Path) -> Figures:
    """Kill works of a kind n times, each work until it is done."""
    dice, counts = random.Random(seed), Counter[str]()
    whole = _fresh(place, kind, 0)
    begin = time.monotonic()
    assert wait(start(WORKS[kind](whole), whole)) == 0, (place / f"{whole.name}.log").read_text()[-2000:]
    seconds = time.monotonic() - begin
    said: list[str] = []
    wanted, figures = fingerprint(whole), {"kind": kind, "seed": seed, "unbroken_s": round(seconds, 1)}
    while counts["kills"] < n:
        counts["works"] += 1
        folder = _fresh(place, kind, counts["works"])
        words, done, kills, begin = WORKS[kind](folder), False, counts["kills"], time.monotonic()
        while not done and counts["kills"] < n:
            done = _kill_once(words, folder, dice, seconds, counts)
        if counts["kills"] == kills:  # it was done before the kill
            seconds = min(seconds, time.monotonic() - begin)
        if not done:
            code = wait(start(_resumed(words, folder), folder))
            counts["failed"] += code != 0
        found = fingerprint(folder)
        counts["doubled"] += doubled(folder)
        counts["files_left"] += len(set(found["files"]) - set(wanted["files"]))
        counts["different"] += sum(found.get(name) != value for name, value in wanted.items() if name != "files")
        log = (place / f"{folder.name}.log").read_text(errors="replace")
        counts["tracebacks"] += log.count("Traceback")
        if found != wanted or "Traceback" in log:
            said.append(log[-3000:])
        if found == wanted:
            shutil.rmtree(folder)
    shown = ("kills", "works", "failed", "doubled", "different", "files_left", "orphans", "tracebacks", "wrong_codes")
    by = {key: value for key, value in sorted(counts.items()) if key.startswith("of ")}
    return figures | {key: counts[key] for key in shown} | by | {"said": said[:3]}


def _fresh(place: Path, kind: str, number: int) -> Path:
    folder = place / f"{kind}-{number}"
    folder.mkdir()
    (folder / "small.toml").write_text(DETECTOR)
    if kind in ("training", "devices") and number:
        shutil.copytree(place / f"{kind}-0" / "run", folder / "run")
        shutil.rmtree(folder / "run" / "training")
    return folder


def _resumed(words: list[str], folder: Path) -> list[str]:
    return [*words, "--resume"] if any(folder.glob("out.h5*")) or any(folder.glob("run/*")) else words


def _kill_once(words: list[str], folder: Path, dice: random.Random, seconds: float, counts: Counter[str]) -> bool:
    """Start or resume a work and kill it, or a process below it, at a random moment; whether it was done before."""
    pid = start(_resumed(words, folder), folder)
    what, below = dice.choice(SIGNALS), dice.random() < 0.3
    end = time.monotonic() + dice.uniform(0.02, 0.7) * seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            counts["failed"] += os.waitstatus_to_exitcode(status) != 0
            return True
        time.sleep(0.005)
    family = descendants(pid)
    child = dice.choice(family) if below and family else None
    try:
        os.kill(child or pid, what)
    except ProcessLookupError:
        return False
    counts["kills"] += 1
    counts[f"of {'child' if child else 'parent'} by {what.name}"] += 1
    code = wait(pid)
    if child and "--devices" in words:  # the loss of a process ends the training of the others in one line
        counts["failed"] += code not in (0, 1)
        return code == 0
    if child:
        counts["failed"] += code != 0
        return True
    if code not in (*EXPECTED[what], 0):
        counts["wrong_codes"] += 1
        counts[f"of code {code} after {what.name}"] += 1
    patience = time.monotonic() + 20
    while (alive := [one for one in family if _lives(one)]) and time.monotonic() < patience:
        time.sleep(0.05)
    counts["orphans"] += len(alive)
    return code == 0


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def run(kind: str, n: int, seed: int = 1, keep: Path | None = None) -> Figures:
    """Figures of n kills of one kind of work."""
    with scratch(keep) as place:
        return attack(kind, n, seed, place)


def main() -> None:
    """Print the figures of all kinds, or of those named."""
    n, seed, *kinds = [*sys.argv[1:], "1"][:2] + sys.argv[3:]
    import caloforge.cli
    import caloforge.runs
    import caloforge.search.search
    import caloforge.simulators.gflash
    import caloforge.training
    import caloforge.validation  # noqa: F401

    for kind in kinds or WORKS:
        print(json.dumps(run(kind, int(n), int(seed))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
