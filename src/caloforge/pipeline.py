"""A named run: showers, training, export, Geant4 with the model inside, timing and report; every step resumes."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from rich.console import Console

from caloforge import preflight, units
from caloforge.config import read_file
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import check_writable, write_text
from caloforge.production import Order, Source, produce
from caloforge.run_config import RunConfig
from caloforge.seeds import next_seed
from caloforge.showers import Showers, read
from caloforge.simulators import Replay, answer, create


@dataclass(frozen=True)
class Step:
    """One step of a run: done when its last output is there, unless its work checks that itself, `always`.

    Until it is done, `table` of the config, which it alone reads, may change.
    """

    title: str
    output: Path
    work: Callable[[], None]
    always: bool = False
    table: str | None = None


class Run:
    """A run directory: config, showers, training, exported model, events inside Geant4, times, report.

    Raises:
        InputError: the configuration does not hold together.
    """

    def __init__(self, config: RunConfig, folder: Path, *, workers: int | None = None) -> None:
        from caloforge.training import TrainingConfig

        self.config, self.folder, self.workers = config, folder, workers
        self.console = Console(highlight=False, soft_wrap=True)
        self.detector = Detector.load(config.detector)
        self.source = Source.from_config(config.incidents, self.detector)
        learning = {
            "model": config.model,
            "training": {"seed": config.seed, **config.training},
            "teacher": config.teacher,
        }
        self.learning = TrainingConfig.build(learning, config.name)
        preflight.check_steps(config, self.learning, self.detector, self.source)

    @property
    def model_file(self) -> Path:
        """The exported model."""
        return self.folder / f"{self.config.name}.onnx"

    @cached_property
    def steps(self) -> list[Step]:
        """What is done, in order."""
        at, shared = self.folder, self.config.showers.folder is not None
        return [
            Step("Geant4 showers", self.showers_file("test"), self.make_showers, always=shared),
            Step("training", at / "training" / "model.pt", self.train),
            Step("export", self.model_file, self.export),
            Step("Geant4 with the model inside", at / "inside_geant4.h5", self.simulate_inside, table="inside"),
            Step("timing", at / "bench.json", self.bench, table="bench"),
            Step("validation", at / "report" / "report.html", self.validate, table="validation"),
        ]

    def open(self, *, resume: bool, force: bool) -> None:
        """Make the run directory, or take up an existing one.

        Raises:
            InputError: it exists without `resume` or `force`, was made from another config, cannot be written, or
                its teacher is not trained yet.
        """
        if force or not (self.folder / "training" / "model.pt").exists():
            preflight.check_teacher(self.config, self.learning)
        saved = self.folder / "config.toml"
        wanted = self.config.model_dump(mode="json", exclude_none=True)
        self._check_folder(saved, wanted, resume=resume, force=force)
        if force and self.folder.exists():
            shutil.rmtree(self.folder)
        for folder in (self.folder, self.showers_file("test").parent):
            check_writable(next(parent for parent in folder.absolute().parents if parent.exists()))
            folder.mkdir(parents=True, exist_ok=True)
        write_text(saved, tomli_w.dumps(wanted))

    def _check_folder(self, saved: Path, wanted: dict[str, Any], *, resume: bool, force: bool) -> None:
        """Whether the run directory may be made, replaced or taken up; steps to come may have been changed."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file; give a folder with --out")
        if force:
            if any(self.folder.iterdir()) and not saved.exists():
                raise InputError(f"{self.folder} holds other things than a run; --force would delete them, so empty it")
            return
        if not resume:
            raise InputError(f"{self.folder} exists; use --resume to go on or --force to start again")
        if not saved.exists():
            return
        to_come = {step.table for step in self.steps if not step.output.exists()}
        if changed := preflight.changed_tables(saved, wanted) - to_come:
            raise InputError(f"{self.folder} was made from another config ({', '.join(sorted(changed))}); "
                             "use --force, or --out for another folder")  # fmt: skip

    def execute(self, last: str | None = None) -> None:
        """Do every step that is not done, up to the one titled `last`."""
        for number, step in enumerate(self.steps, 1):
            if step.output.exists() and not step.always:
                self.console.print(f"{number}/{len(self.steps)} {step.title}: done already")
            else:
                begin = time.perf_counter()
                self.console.rule(f"{number}/{len(self.steps)} {step.title}", align="left")
                step.work()
                self.console.print(f"{step.title}: {time.perf_counter() - begin:.0f} s, {step.output}")
            if step.title == last:
                return

    def make_showers(self) -> None:
        """Independent Geant4 showers for training, selection and test: disjoint ids of one seed.

        Labels left out are left out of training and selection; the test has them all.
        """
        counts, first = self.config.showers, 0
        complete = Source.from_config(self.config.incidents.complete(), self.detector)
        wanted = (("train", counts.train, self.source), ("select", counts.select, self.source),
                  ("test", counts.test, complete))  # fmt: skip
        for name, n, source in wanted:
            make = partial(create, "geant4", self.detector)
            order = Order(self.detector, "geant4", make, source, n, self.config.seed, first)
            file = self.showers_file(name)
            if not file.exists():
                produce(order, file, workers=self.workers, resume=True)
            elif not order.is_in(file):
                raise InputError(f"{file} holds other showers than this run asks for; delete {file.parent} "
                                 "or name another [showers] folder")  # fmt: skip
            first += n

    def showers_file(self, name: str) -> Path:
        """File of the train, select or test showers."""
        kept = self.config.showers.folder
        return (Path(kept) if kept else self.folder / "showers") / f"{name}.h5"

    def showers(self, name: str) -> Showers:
        """The train, select or test showers."""
        return read(self.showers_file(name), self.detector)

    def train(self) -> None:
        """Train the model, resuming from its checkpoint."""
        from caloforge.training import train

        train(self.learning, self.showers("train"), self.showers("select"), self.folder / "training", resume=True)

    def export(self) -> None:
        """Export the trained model to ONNX."""
        from caloforge.export import export

        export(self.folder / "training", self.model_file)

    def simulate_inside(self) -> None:
        """Run Geant4 with the exported model as its fast simulation."""
        from caloforge.simulators.geant4 import HookedGeant4

        inside = self.config.inside
        source = Source.from_config(self.config.incidents.at(inside.energy), self.detector)
        threshold = units.energy(inside.threshold)
        make = partial(HookedGeant4, self.detector, str(self.model_file), threshold=threshold)
        order = Order(self.detector, f"geant4+{self.model_file.name}", make, source, inside.n, self.config.seed)
        produce(order, self.folder / "inside_geant4.h5", workers=1, resume=True)

    def bench(self) -> None:
        """Time the model and its competitors beside Geant4."""
        from caloforge.bench import bench, write_report

        simulators = {self.config.name: create(str(self.model_file), self.detector)}
        for name, call in self._competitors().items():
            simulator = create(call, self.detector)
            if not isinstance(simulator, Replay):  # has its own showers only
                simulators[name] = simulator
        energies = self.config.bench.energies
        try:
            report = bench(self.detector, simulators, self.config.incidents, energies, self.console.print)
        finally:
            for simulator in simulators.values():
                simulator.close()
        write_report(report, self.folder / "bench.json")

    def _competitors(self) -> dict[str, str]:
        """Competitors' names -> how they are called."""
        library = f"frozen={self.showers_file('train')}"
        return {name: library if name == "frozen" else name for name in self.config.validation.competitors}

    def validate(self) -> None:
        """Judge the model and its competitors on showers that training never saw."""
        from caloforge.bench import read_report
        from caloforge.validation import validate

        test, config = self.showers("test"), self.config.validation
        calls = {self.config.name: str(self.model_file), **self._competitors()}
        candidates = {name: answer(call, test, next_seed(self.config.seed)) for name, call in calls.items()}
        timings = read_report(self.folder / "bench.json")
        report = self.folder / "report"
        report.mkdir(exist_ok=True)
        validate(test, candidates, report, training=self.showers("train"), recipe=config.recipe, seeds=config.seeds,
                 seed=self.config.seed, timings=timings)  # fmt: skip

    def inside_line(self) -> str:
        """One line on the events inside Geant4."""
        showers = read(self.folder / "inside_geant4.h5", self.detector)
        response = showers.energies.sum(1, dtype=np.float64) / showers.incidents.energy
        return (f"inside Geant4: {len(showers)} events of {self.config.inside.energy}, mean E/E_inc "
                f"{response.mean():.4f} +- {response.std() / np.sqrt(len(showers)):.4f}")  # fmt: skip


def load(config: Path, out: Path | None, workers: int | None = None) -> Run:
    """A run from its config file, in `out` or runs/NAME.

    Raises:
        InputError: the config does not hold together.
    """
    found: RunConfig = read_file(RunConfig, config)
    return Run(found, out or Path("runs") / found.name, workers=workers)
