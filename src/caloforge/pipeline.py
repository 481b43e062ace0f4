"""A named run: showers, training, export, Geant4 with the model inside, timing and report; every step resumes."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from rich.console import Console

from caloforge import preflight, units
from caloforge.claims import claim
from caloforge.config import read_file
from caloforge.errors import InputError
from caloforge.files import check_lengths, check_writable, write_text
from caloforge.manifest import Manifest
from caloforge.own_showers import OwnShowers
from caloforge.production import Order, Source, produce
from caloforge.run_config import NAMES, RunConfig
from caloforge.seeds import next_seed
from caloforge.showers import Showers, read
from caloforge.showers.foreign import detector_of
from caloforge.simulators import GEANT4, Replay, answer, create
from caloforge.simulators.geant4 import Physics
from caloforge.steps import Step, execute


class Run:
    """A run directory: config, showers, training, exported model, events inside Geant4, times, report.

    Raises:
        InputError: the configuration does not hold together.
    """

    def __init__(self, config: RunConfig, folder: Path, *, workers: int | None = None) -> None:
        from caloforge.training import TrainingConfig

        self.given, self.folder, self.workers = config, folder, workers
        self.console = Console(highlight=False, soft_wrap=True)
        self.manifest = Manifest(folder)
        detector = detector_of(config.detector, config.showers.particle)
        assert detector is not None
        self.detector = detector
        self.own = OwnShowers(config.showers, detector) if config.showers.from_files else None
        self.config = config = self.own.complete(config) if self.own else config
        self.source = Source.from_config(config.beam, self.detector)
        learning = {
            "model": config.model,
            "training": {"seed": config.seed, **config.training},
            "teacher": config.teacher,
        }
        self.learning = TrainingConfig.build(learning, config.name)
        config.physics.check(self.detector)
        preflight.check_steps(config, self.learning, self.detector, self.source)

    @property
    def model_file(self) -> Path:
        """The exported model."""
        return self.folder / f"{self.config.name}.onnx"

    @cached_property
    def steps(self) -> list[Step]:
        """What is done, in order."""
        from caloforge.training.run import RunFolder

        at, shared = self.folder, self.config.showers.folder is not None
        showers = tuple(self.showers_file(name) for name in ("train", "select", "test"))
        report = at / "report" / "metrics.json", at / "report" / "report.html"
        made = (
            Step("showers from files", showers, self.copy_showers, always=True)
            if self.own
            else Step("Geant4 showers", showers, self.make_showers, always=shared)
        )
        inside = Step("Geant4 with the model inside", (at / "inside_geant4.h5",), self.simulate_inside, table="inside")
        return [
            made,
            Step("training", RunFolder(at / "training").results, self.train),
            Step("export", (self.model_file,), self.export),
            *([] if self.own else [inside]),
            Step("timing", (at / "bench.json",), self.bench, table="bench"),
            Step("validation", report, self.validate, table="validation"),
        ]

    @property
    def saved(self) -> Path:
        """The config as the run began with it."""
        return self.folder / "config.toml"

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """The config as it is saved."""
        return self.given.model_dump(mode="json", exclude_none=True)

    def open(self, *, resume: bool, force: bool) -> None:
        """Make the run directory, or take up an existing one.

        Raises:
            InputError: it exists without `resume` or `force`, was made from another config, holds what no run has made,
                is another process's at present, cannot be written, or its teacher is not trained yet.
        """
        if force or not (self.folder / "training" / "model.pt").exists():
            preflight.check_teacher(self.config, self.learning)
        check_lengths(self.folder / "report" / self.model_file.name)
        self._check_folder(resume=resume, force=force)
        for folder in (self.folder, self.showers_file("test").parent):
            check_writable(next(parent for parent in folder.absolute().parents if parent.exists()))
        self.folder.mkdir(parents=True, exist_ok=True)
        with claim(self.folder):
            self._check_folder(resume=resume, force=force)
            if force:
                self.manifest.clear()
            self.showers_file("test").parent.mkdir(parents=True, exist_ok=True)
            results = (file for step in self.steps for file in step.results)
            self.manifest.begin([self.saved, self.folder / "training" / "best.pt", *results])
            write_text(self.saved, tomli_w.dumps(self.wanted))

    def _check_folder(self, *, resume: bool, force: bool) -> None:
        """Whether the run directory may be made, replaced or taken up; steps to come may have been changed."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file; give a folder with --out")
        if not self.folder.exists() or not any(path.suffix != ".lock" for path in self.folder.iterdir()):
            return
        if force:
            self.manifest.check_own()
            return
        if not resume:
            raise InputError(f"{self.folder} exists; --resume goes on, --out takes another folder, and --force deletes "
                             "what runs have made there")  # fmt: skip
        to_come = {step.table for step in self.steps if not self.manifest.has(step.results)}
        if self.saved.exists() and (changed := preflight.changed_tables(self.saved, self.wanted) - to_come):
            raise InputError(f"{self.folder} was made from another config ({', '.join(sorted(changed))}); "
                             "give another folder with --out, or --force to replace what it has made")  # fmt: skip
        if not self.manifest.exists and not self.saved.exists():
            self.manifest.check_own()

    def execute(self, last: str | None = None) -> None:
        """Do every step whose results are not whole, up to the one titled `last`; what follows a new model, too.

        Raises:
            InputError: another process is at work in the folder, or has begun another run in it.
        """
        with claim(self.folder):
            if preflight.changed_tables(self.saved, self.wanted):
                raise InputError(f"another run has begun in {self.folder}; give another folder with --out")
            if self.own:
                self.console.print("showers come from files: Geant4 makes none, has no model inside and is not timed")
            execute(self.steps, self.manifest, self.console, last)

    def copy_showers(self) -> None:
        """Copy the user's showers into the run."""
        assert self.own is not None
        for name in NAMES:
            self.own.copy(name, self.showers_file(name))

    def make_showers(self) -> None:
        """Independent Geant4 showers for training, selection and test: disjoint ids of one seed.

        Labels left out are left out of training and selection; the test has them all.
        """
        shared = self.config.showers.folder is not None
        with claim(self.showers_file("test").parent, wait=True) if shared else nullcontext():
            self._make_showers()

    def _make_showers(self) -> None:
        counts, first = self.config.showers, 0
        complete = Source.from_config(self.config.beam.complete(), self.detector)
        wanted = zip(NAMES, counts.sizes, (self.source, self.source, complete), strict=True)
        for name, n, source in wanted:
            make = partial(create, GEANT4, self.detector, self.config.physics)
            order = Order(self.detector, GEANT4, make, source, n, self.config.seed, first,
                          physics=self.config.physics.identity)  # fmt: skip
            file = self.showers_file(name)
            if not file.exists():
                produce(order, file, workers=self.workers, resume=True)
            elif not order.is_in(file):
                raise InputError(f"{file} holds other showers than this run asks for; name another [showers] folder")
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

        scorer = self._area if self.learning.training.select == "auc" else None
        summary = train(self.learning, self.showers("train"), self.showers("select"), self.folder / "training",
                        scorer=scorer, resume=True)  # fmt: skip
        self.console.print(summary.line)
        if summary.remark:
            self.console.print(f"Warning: {summary.remark}")

    def _area(self, reference: Showers, drawn: Showers) -> float:
        """Area under the curve of boosted trees on features, which tell drawn showers from Geant4's."""
        from caloforge.validation.judges import judge

        members, folds = ("trees_features",), preflight.SELECTION_FOLDS
        return judge(reference, drawn, seed=self.config.seed, folds=folds, members=members, curve=()).auc.mean

    def export(self) -> None:
        """Export the trained model to ONNX."""
        from caloforge.export import export

        export(self.folder / "training", self.model_file)

    def simulate_inside(self) -> None:
        """Run Geant4 with the exported model as its fast simulation."""
        from caloforge.simulators.geant4 import HookedGeant4

        inside = self.config.inside
        source = Source.from_config(self.config.beam.at(inside.energy), self.detector)
        threshold = units.energy(inside.threshold)
        physics = self.config.physics
        make = partial(HookedGeant4, self.detector, str(self.model_file), threshold=threshold, physics=physics)
        order = Order(self.detector, f"geant4+{self.model_file.name}", make, source, inside.n, self.config.seed,
                      physics=physics.identity)  # fmt: skip
        produce(order, self.folder / "inside_geant4.h5", workers=1, resume=True)

    def bench(self) -> None:
        """Time the model and its competitors beside Geant4."""
        from caloforge.bench import bench, write_report

        simulators, physics = {self.config.name: create(str(self.model_file), self.detector)}, self.config.physics
        for name, call in self._competitors().items():
            simulator = create(call, self.detector, physics if call == GEANT4 else None)
            if not isinstance(simulator, Replay):  # has its own showers only
                simulators[name] = simulator
        energies = self.config.bench.energies
        try:
            report = bench(
                self.detector, simulators, self.config.beam, energies, self.console.print, physics=physics,
                with_geant4=self.own is None,
            )  # fmt: skip
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
        seed, own = next_seed(self.config.seed), {GEANT4: self.config.physics}
        candidates = {name: answer(call, test, seed, own.get(call)) for name, call in calls.items()}
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


def load(
    config: Path,
    out: Path | None,
    workers: int | None = None,
    change: Callable[[Physics], Physics] = lambda physics: physics,
) -> Run:
    """A run from its config file, in `out` or runs/NAME, with its physics changed.

    Raises:
        InputError: the config does not hold together.
    """
    found: RunConfig = read_file(RunConfig, config)
    found = found.model_copy(update={"physics": change(found.physics)})
    return Run(found, out or Path("runs") / found.name, workers=workers)
