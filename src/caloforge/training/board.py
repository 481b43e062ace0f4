"""Output of a training at each evaluation, for TensorBoard and MLflow: losses, rates, a picture of the profiles."""

import time
from collections.abc import Mapping

from caloforge.models import Model
from caloforge.showers import Showers
from caloforge.training.events import EventFile
from caloforge.training.picture import Picture, profiles_picture
from caloforge.training.response import draw
from caloforge.training.run import TrainingFolder
from caloforge.training.tracking import LOSS, Tracker

DRAWN = 200  # showers of a picture
SHARE = 0.01  # largest share of the training's time that pictures take
BESIDE = {"step", "seconds", "loss"}  # keys of a line of losses that are no held-out losses


class Board:
    """The event file of one training.

    Args:
        folder: files of the training.
        selection: Geant4 showers; the model generates showers of the same incidents.
        step: step from which the training continues.
        seed: seed of the generated showers, the same for all pictures.
        tracker: MLflow, which gets the same numbers.
    """

    def __init__(
        self, folder: TrainingFolder, selection: Showers, step: int, seed: int, tracker: Tracker | None = None
    ) -> None:
        self._file, self._tracker = EventFile(folder.events_file, step), tracker
        self._sample, self._seed, self._spent = selection[:DRAWN], seed, 0.0
        self._reference = self._sample.thresholded().mean(0)

    def tell(self, line: Mapping[str, float], rates: Mapping[str, float], average: Model) -> None:
        """Write one evaluation.

        Args:
            line: step, seconds, loss and held-out losses.
            rates: learning rate and showers per second.
            average: model with the averaged weights.
        """
        numbers = {LOSS: line["loss"]} | {f"rate/{name}": value for name, value in rates.items()}
        numbers |= {f"selection/{name}": value for name, value in line.items() if name not in BESIDE}
        if self._tracker is not None:
            self._tracker.tell(int(line["step"]), numbers)
        pictures = {"profiles": self._picture(average)} if self._spent <= SHARE * line["seconds"] else {}
        self._file.write(int(line["step"]), numbers, pictures)

    def end(self) -> None:
        """Tell MLflow that the training has ended."""
        if self._tracker is not None:
            self._tracker.end()

    def _picture(self, average: Model) -> Picture:
        begin = time.perf_counter()
        cells = draw(average, self._sample, self._seed).mean(0)
        picture = profiles_picture(self._sample.detector, self._reference, cells)
        self._spent += time.perf_counter() - begin
        return picture
