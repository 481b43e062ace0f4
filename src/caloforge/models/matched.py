"""Base of the models whose response is calibrated: the fit, the draws and the correction."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from caloforge.detector import Detector
from caloforge.models.base import Batch, Model
from caloforge.models.parts.response_match import ResponseMatch
from caloforge.showers import Showers
from caloforge.showers.domain import Domain


class ResponseMatched(Model):
    """A model that draws energies, corrects their sum to Geant4's response, and computes cells.

    A subclass draws energies of layers or cells (`draw`) and computes cells from the corrected energies (`cells_of`).

    Attributes:
        draws: number of generated showers that the correction is fitted to.
        response: quantile map of the response, conditional on energy and particle.
        match_noise: number of a shower's first noise numbers that determine its total energy.
    """

    draws: ClassVar[int] = 16_000

    def __init__(self, detector: Detector, domain: Domain, noise_size: int, match_noise: int | None = None) -> None:
        super().__init__(detector, domain, noise_size)
        self.match_noise = noise_size if match_noise is None else match_noise
        self.response = ResponseMatch(domain, self.draws)

    @abstractmethod
    def fit_transforms(self, showers: Showers) -> None:
        """Fit the model's own transforms to the training showers."""

    @abstractmethod
    def draw(self, noise: Tensor, **incidents: Tensor) -> tuple[Tensor, ...]:
        """Energies (N, layers or cells) [MeV] before the correction, then further tensors that `cells_of` needs.

        The energies depend on the first `match_noise` numbers of the noise only. `finalise` passes these alone.
        """

    @abstractmethod
    def cells_of(self, energies: Tensor, drawn: tuple[Tensor, ...], **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV] of corrected energies and the further tensors of `draw`."""

    def total(self, energies: Tensor) -> Tensor:
        """Deposited energy (N, 1) [MeV] of drawn energies: their sum."""
        return energies.sum(1, keepdim=True)

    def fit(self, showers: Showers) -> None:
        """Fit the transforms, and the distribution of the response, to the training showers."""
        self.fit_transforms(showers)
        batch = Batch.of(showers)
        self.response.fit(batch.cells.sum(1, keepdim=True), batch.incidents)

    def finalise(self) -> None:
        """Fit the correction to the showers that the present weights generate."""
        self.response.finalise(lambda noise, **given: self.total(self.draw(noise, **given)[0]), self.match_noise)

    def sample(self, noise: Tensor, **incidents: Tensor) -> Tensor:
        """Thresholded cells (N, n_cells) [MeV]."""
        energies, *drawn = self.draw(noise, **incidents)
        energies = energies * self.response(self.total(energies), incidents)
        return self.cells_of(energies, tuple(drawn), **incidents)
