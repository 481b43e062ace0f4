"""A named run: showers, training, export, Geant4 with the model inside, timing and report; all steps resume."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w
from rich.console import Console

from caloforge import units
from caloforge.claims import claim
from caloforge.config import parse_toml
from caloforge.errors import InputError
from caloforge.files import check_creatable, check_lengths, read_text, write_text
from caloforge.production import Order, Source, produce
from caloforge.runs import preflight
from caloforge.runs.config import NAMES, RunConfig
from caloforge.runs.directory import RunDirectory, is_unused
from caloforge.runs.listing import read_run
from caloforge.runs.manifest import Manifest
from caloforge.runs.own_showers import OwnShowers
from caloforge.runs.steps import Step, execute
from caloforge.seeds import next_seed
from caloforge.showers import Showers, read
from caloforge.showers.foreign import detector_of
from caloforge.simulators import GEANT4, candidate, create, labelled
from caloforge.simulators.geant4 import Physics

if TYPE_CHECKING:
    from caloforge.training import Listener
    from caloforge.training.run import TrainingFolder


class Run:
    """A run directory: config, showers, training, exported model, events inside Geant4, times, report.

    Args:
        config: config of the run.
        folder: the run directory.
        workers: parallel workers of Geant4; all cores by default.
        listener: function that is called with the losses of each evaluation of the training.

    Raises:
        InputError: the configuration is inconsistent.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        *,
        workers: int | None = None,
        devices: int = 1,
        listener: "Listener | None" = None,
    ) -> None:
        self.given, self.folder, self.workers, self.devices = config, folder, workers, devices
        self.listener = listener
        shared = config.showers.folder
        self.paths = RunDirectory(folder, config.name, Path(shared) if shared else None)
        self.console = Console(highlight=False, soft_wrap=True, markup=False)
        self.manifest = Manifest(folder)
        detector = detector_of(config.detector, config.showers.particle)
        assert detector is not None
        self.detector = detector
        self.own = OwnShowers(config.showers, detector) if config.showers.from_files else None
        self.config = config = self.own.complete(config) if self.own else config
        self.source = Source.from_config(config.beam, self.detector)
        self.learning = config.learning()
        config.physics.check(self.detector)
        preflight.check_steps(config, self.learning, self.detector, self.source, drawn=self.own is None)
        preflight.check_batch(self.learning, config.showers.sizes[0], devices)

    @cached_property
    def training(self) -> "TrainingFolder":
        """Paths of the training."""
        from caloforge.training.run import TrainingFolder

        return TrainingFolder(self.paths.training)

    @cached_property
    def steps(self) -> list[Step]:
        """The steps in order."""
        at = self.paths
        showers = tuple(map(at.showers, NAMES))
        made = (
            Step("showers from files", showers, self.copy_showers, always=True)
            if self.own
            else Step("Geant4 showers", showers, self.make_showers, always=at.shared is not None)
        )
        inside = Step("Geant4 with the model inside", (at.inside,), self.simulate_inside, table="inside")
        return [
            made,
            Step("training", self.training.results, self.train),
            Step("export", (at.model,), self.export),
            *([] if self.own else [inside]),
            Step("timing", (at.bench,), self.bench, table="bench"),
            Step("validation", (at.metrics, at.page), self.validate, table="validation"),
        ]

    @cached_property
    def config_table(self) -> dict[str, Any]:
        """The config in its saved form; for showers from files, `[bench]` is left out unless it is given."""
        decided = {"bench"} if self.own and "bench" not in self.given.model_fields_set else set()
        return self.given.model_dump(mode="json", exclude_none=True, exclude={"search", *decided})

    def open(self, *, resume: bool, force: bool) -> None:
        """Make the run directory, or continue in an existing one.

        Raises:
            InputError: it exists without `resume` or `force`, was made from another config, holds other files, is in
                use by another process, cannot be written, or its teacher is not trained yet.
        """
        if force or not self.training.model_file.exists():
            preflight.check_teacher(self.config, self.learning)
        check_lengths(self.paths.report / self.paths.model.name)
        self.check_folder(resume=resume, force=force)
        for folder in (self.folder, self.paths.showers_folder):
            check_creatable(folder.absolute().parent)
        self.folder.mkdir(parents=True, exist_ok=True)
        with claim(self.folder):
            self.check_folder(resume=resume, force=force)
            if force:
                self.manifest.clear()
            self.paths.showers_folder.mkdir(parents=True, exist_ok=True)
            results = (file for step in self.steps for file in step.results)
            made = self.training.best_file, self.training.mlflow_file
            self.manifest.begin([self.paths.config, self.paths.selection, *made, *results])
            write_text(self.paths.config, tomli_w.dumps(self.config_table))

    def check_folder(self, *, resume: bool, force: bool) -> None:
        """Check that the run directory may be made, replaced or continued; later steps may have been changed.

        Raises:
            InputError: it may not.
        """
        if is_unused(self.folder):
            return
        if force:
            self.manifest.check_own()
            return
        if not resume:
            raise InputError(f"{self.folder} exists; --resume continues, --out takes another folder, and --force "
                             "deletes what runs have made there")  # fmt: skip
        to_come = {step.table for step in self.steps if not self.manifest.has(step.results)}
        if self.paths.config.exists() and (
            changed := preflight.changed_tables(self.paths.config, self.config_table) - to_come
        ):
            raise InputError(f"{self.folder} was made from another config ({', '.join(sorted(changed))}); "
                             "give another folder with --out, or --force to replace what it has made")  # fmt: skip
        if not self.manifest.exists and not self.paths.config.exists():
            self.manifest.check_own()

    def execute(self, last: str | None = None) -> None:
        """Execute every step whose results are not whole, up to the one titled `last`, and all steps after a new model.

        Raises:
            InputError: another process is at work in the folder, or has begun another run in it.
        """
        with claim(self.folder):
            if preflight.changed_tables(self.paths.config, self.config_table):
                raise InputError(f"another run has begun in {self.folder}; give another folder with --out")
            if self.own:
                self.console.print("showers come from files: Geant4 makes none, has no model inside and is not timed")
            execute(self.steps, self.manifest, self.console, last)

    def copy_showers(self) -> None:
        """Copy the user's showers into the run."""
        assert self.own is not None
        with self._showers_claimed():
            for name in NAMES:
                self.own.copy(name, self.paths.showers(name))

    def make_showers(self) -> None:
        """Make the Geant4 showers of training, selection and test from one seed; the test showers have all labels.

        Raises:
            InputError: a folder of several runs holds other showers.
        """
        counts, first = self.config.showers, 0
        complete = Source.from_config(self.config.beam.complete(), self.detector)
        samples = zip(NAMES, counts.sizes, (self.source, self.source, complete), strict=True)
        with self._showers_claimed():
            for name, n, source in samples:
                make = partial(create, GEANT4, self.detector, self.config.physics)
                order = Order(self.detector, GEANT4, make, source, n, self.config.seed, first,
                              physics=self.config.physics.identity)  # fmt: skip
                file = self.paths.showers(name)
                if not file.exists():
                    produce(order, file, workers=self.workers, resume=True)
                elif not order.is_in(file):
                    raise InputError(f"{file} holds other showers than this run asks for; name another [showers] "
                                     "folder")  # fmt: skip
                first += n

    def _showers_claimed(self) -> AbstractContextManager[object]:
        """Claim of a folder that several runs share, so that one run at a time fills it."""
        return claim(self.paths.showers_folder, wait=True) if self.paths.shared else nullcontext()

    def showers(self, name: str) -> Showers:
        """Sample `train`, `select` or `test`."""
        return read(self.paths.showers(name), self.detector)

    def train(self) -> None:
        """Train the model on its devices, resuming from its checkpoint."""
        from caloforge.runs.learning import train

        train(self)

    def export(self) -> None:
        """Export the trained model to ONNX."""
        from caloforge.export import export

        export(self.paths.training, self.paths.model)

    def simulate_inside(self) -> None:
        """Run Geant4 with the exported model as its fast simulation."""
        from caloforge.simulators.geant4 import HookedGeant4

        inside = self.config.inside
        source = Source.from_config(self.config.beam.at(inside.energy), self.detector)
        threshold = units.energy(inside.threshold)
        physics = self.config.physics
        make = partial(HookedGeant4, self.detector, str(self.paths.model), threshold=threshold, physics=physics)
        order = Order(self.detector, f"geant4+{self.paths.model.name}", make, source, inside.n, self.config.seed,
                      physics=physics.identity)  # fmt: skip
        produce(order, self.paths.inside, workers=1, resume=True)

    def bench(self) -> None:
        """Time the model and its competitors beside Geant4."""
        from caloforge.bench import bench, write_report

        physics, energies = self.config.physics, self.config.bench.energies
        with ExitStack() as opened:
            made = {
                name: opened.enter_context(create(call, self.detector, physics if call == GEANT4 else None))
                for name, call in {self.config.name: str(self.paths.model), **self._competitors()}.items()
            }
            timed = {name: simulator for name, simulator in made.items() if not simulator.replays}
            report = bench(self.detector, timed, self.config.beam, energies, self.console.print, physics=physics,
                           with_geant4=self.own is None)  # fmt: skip
        write_report(report, self.paths.bench)

    def _competitors(self) -> dict[str, str]:
        """Simulators of the competitors by their names."""
        library = f"frozen={self.paths.showers('train')}"
        named = labelled(self.config.validation.competitors)
        return {label: library if name == "frozen" else name for label, name in named.items()}

    def validate(self) -> None:
        """Judge the model and its competitors on showers outside the training."""
        from caloforge.bench import read_report
        from caloforge.report import validate

        test, config = self.showers("test"), self.config.validation
        calls = {self.config.name: str(self.paths.model), **self._competitors()}
        seed, own = next_seed(self.config.seed), {GEANT4: self.config.physics}
        candidates = {name: candidate(call, test, seed, own.get(call)) for name, call in calls.items()}
        timings = read_report(self.paths.bench)
        self.paths.report.mkdir(exist_ok=True)
        validate(test, candidates, self.paths.report, training=self.showers("train"), recipe=config.recipe,
                 seeds=config.seeds, seed=self.config.seed, timings=timings)  # fmt: skip
        self._tell_mlflow()

    def _tell_mlflow(self) -> None:
        """Log headline, times and report, if the training has a run in MLflow."""
        if not (store := self.learning.training.mlflow):
            return
        from caloforge.training.tracking import Tracker

        found = read_run(self.folder)
        figures = {key: getattr(found, key) for key in ("auc", "auc_error", "ms", "geant4_ms")}
        known = {f"headline/{key}": value for key, value in figures.items() if value is not None}
        try:
            Tracker(store, self.training).report(known, self.paths.report)
        except InputError as error:
            self.console.print(f"Warning: {error}")

    def inside_line(self) -> str:
        """One line on the events inside Geant4."""
        response = read(self.paths.inside, self.detector).response
        mean, error = units.show_shares(response.mean(), response.std() / np.sqrt(len(response)))
        events = units.counted(len(response), "event")
        return f"inside Geant4: {events} of {self.config.inside.energy}, response {mean} +- {error}"


def load(
    config: Path,
    out: Path | None,
    workers: int | None = None,
    devices: int = 1,
    change: Callable[[Physics], Physics] = lambda physics: physics,
    absent: Mapping[str, Any] | None = None,
) -> Run:
    """A run from its config file, in `out` or runs/NAME, with its physics changed, and with tables that are `absent`.

    Raises:
        InputError: the config is inconsistent.
    """
    values = parse_toml(read_text(config), str(config))
    found: RunConfig = RunConfig.build({**(absent or {}), **values}, str(config))
    found = found.model_copy(update={"physics": change(found.physics)})
    return Run(found, out or Path("runs") / found.name, workers=workers, devices=devices)
