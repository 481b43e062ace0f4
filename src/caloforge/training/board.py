"""Output of a training for TensorBoard at each evaluation: losses, rates, and a picture of the profiles."""

import time
from collections.abc import Mapping

from caloforge.models import Model
from caloforge.showers import Showers
from caloforge.training.events import EventFile
from caloforge.training.picture import Picture, profiles_picture
from caloforge.training.response import draw
from caloforge.training.run import TrainingFolder

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
    """

    def __init__(self, folder: TrainingFolder, selection: Showers, step: int, seed: int) -> None:
        self._file = EventFile(folder.events_file, step)
        self._sample, self._seed, self._spent = selection[:DRAWN], seed, 0.0
        self._reference = self._sample.thresholded().mean(0)

    def tell(self, line: Mapping[str, float], rates: Mapping[str, float], average: Model) -> None:
        """Write one evaluation.

        Args:
            line: step, seconds, loss and held-out losses.
            rates: learning rate and showers per second.
            average: model with the averaged weights.
        """
        numbers = {"loss/training": line["loss"]} | {f"rate/{name}": value for name, value in rates.items()}
        numbers |= {f"selection/{name}": value for name, value in line.items() if name not in BESIDE}
        pictures = {"profiles": self._picture(average)} if self._spent <= SHARE * line["seconds"] else {}
        self._file.write(int(line["step"]), numbers, pictures)

    def _picture(self, average: Model) -> Picture:
        begin = time.perf_counter()
        cells = draw(average, self._sample, self._seed).mean(0)
        picture = profiles_picture(self._sample.detector, self._reference, cells)
        self._spent += time.perf_counter() - begin
        return picture
