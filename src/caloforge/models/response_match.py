"""The response of drawn showers brought to Geant4's distribution at every energy, as quantiles to quantiles."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from caloforge.models.energy_scale import EnergyScale
from caloforge.models.transforms import growing
from caloforge.showers.domain import Domain

NODES = 8  # energies at which quantiles are kept, evenly in the logarithm
KNOTS = 33  # quantiles kept at each
AROUND = 400  # showers around a node at least, where there are as many
LEAST_RESPONSE = 1e-6  # in place of that of a shower that leaves nothing
PART = 500  # showers drawn at a time
TYPICAL = 2000  # training incidents that are kept, to draw showers for


class ScoresAtEnergies(EnergyScale):
    """One column as standard normal scores at every energy: standardised, then by the quantiles around each node.

    Quantiles between two nodes are interpolated; beyond the outermost ones the map goes on straight. A pooled map
    would give all energies one shape, while the tail of showers that leak grows with the energy.
    """

    values: Tensor
    scores: Tensor

    def __init__(self, domain: Domain) -> None:
        super().__init__(1, domain)
        knots = torch.linspace(-3.0, 3.0, KNOTS)
        self.register_buffer("scores", knots)
        self.register_buffer("values", knots.repeat(NODES, 1))
        self.register_buffer("nodes", torch.linspace(-1.0, 1.0, NODES), persistent=False)

    nodes: Tensor

    def fit(self, values: Tensor, energy: Tensor) -> None:
        """Fit to values (N, 1) at incident energies (N, 1) [MeV]."""
        self.fit_scale(values, energy)
        scaled, place = self.scaled(values.double(), energy)[:, 0], self.place(energy)[:, 0]
        around = min(max(AROUND, len(place) // NODES), len(place))
        last = torch.special.ndtri(torch.tensor(1 - 0.5 / (around + 1), dtype=torch.float64))
        scores = last * torch.linspace(-1.0, 1.0, KNOTS, dtype=torch.float64)
        self.scores.copy_(scores)
        for i, node in enumerate(self.nodes):
            far = (place - node).abs()
            near = scaled[far <= far.sort().values[around - 1]]
            self.values[i] = growing(torch.quantile(near, torch.special.ndtr(scores).to(near.device)))

    def forward(self, values: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, 1) of values (N, 1)."""
        knots = self._knots(energy)
        return _piecewise(self.scaled(values, energy), knots, self.scores.expand_as(knots))

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Values (N, 1) of scores (N, 1), those beyond the outermost knots taken as these."""
        scores = scores.clamp(self.scores[0], self.scores[-1])
        knots = self._knots(energy)
        scaled = _piecewise(scores, self.scores.expand_as(knots), knots)
        return self.unscaled(scaled, energy)

    def _knots(self, energy: Tensor) -> Tensor:
        """Values (N, KNOTS) at energies (N, 1)."""
        far = (self.place(energy) - self.nodes).abs() * (NODES - 1) / 2
        return (1 - far).clamp(min=0.0) @ self.values


def _piecewise(x: Tensor, at: Tensor, to: Tensor) -> Tensor:
    """Piecewise linear map of x (N, 1) through each row's own knots (at, to), both (N, K)."""
    low = (x >= at[:, 1:-1]).sum(1, keepdim=True)
    below, above, first, last = (knots.gather(1, low + step) for knots in (at, to) for step in (0, 1))
    return first + (x - below) * (last - first) / (above - below)


class ResponseMatch(nn.Module):
    """Factor that gives a drawn shower the response that ranks alike among Geant4's showers of its energy.

    Networks trained against one another, or by the likelihood of hundreds of numbers, miss the width of the response
    by tens of per cent where it is a per cent wide, and its tail of showers that leak. Its distribution at an energy is
    one-dimensional and known, so it is set by quantiles; how it goes with the rest of the shower stays the network's.
    """

    matched: Tensor

    def __init__(self, domain: Domain, draws: int) -> None:
        super().__init__()
        self.draws = draws
        self.real, self.drawn = ScoresAtEnergies(domain), ScoresAtEnergies(domain)
        self.register_buffer("matched", torch.zeros(()))
        self.names = domain.inputs
        for name in self.names:
            width, kind = (3 if name == "position" else 1), (torch.int64 if name == "pdg" else torch.float32)
            self.register_buffer(f"typical_{name}", torch.zeros(TYPICAL, width, dtype=kind))

    def fit(self, totals: Tensor, incidents: dict[str, Tensor]) -> None:
        """Fit to the total energies (N, 1) [MeV] of training showers, and keep some of their incidents."""
        self.real.fit(_log_response(totals, incidents["energy"]), incidents["energy"])
        rows = torch.arange(TYPICAL) % len(totals)
        for name, typical in self._typical().items():
            typical.copy_(incidents[name][rows])
        self.matched.zero_()

    def _typical(self) -> dict[str, Tensor]:
        return {name: getattr(self, f"typical_{name}") for name in self.names}

    def settle(self, respond: Callable[..., Tensor], noise_size: int) -> None:
        """Match what a model draws: `respond(noise, **incidents)` gives its total energies (N, 1) [MeV]."""
        self.matched.zero_()
        generator = torch.Generator().manual_seed(0)
        totals, energies = [], []
        with torch.no_grad():
            for first in range(0, self.draws, PART):
                rows = torch.arange(first, min(first + PART, self.draws)) % TYPICAL
                incidents = {name: values[rows] for name, values in self._typical().items()}
                noise = torch.randn(len(rows), noise_size, generator=generator)
                totals.append(respond(noise.to(self.matched.device), **incidents))
                energies.append(incidents["energy"])
        energy = torch.cat(energies)
        self.drawn.fit(_log_response(torch.cat(totals), energy), energy)
        self.matched.fill_(1.0)

    def forward(self, totals: Tensor, energy: Tensor) -> Tensor:
        """Factors (N, 1) on all cells of showers of total energies (N, 1) and incident energies (N, 1), both [MeV]."""
        drawn = _log_response(totals, energy)
        wanted = self.real.inverse(self.drawn(drawn, energy), energy)
        return (self.matched * (wanted - drawn)).exp()


def _log_response(totals: Tensor, energy: Tensor) -> Tensor:
    return (totals / energy).clamp(min=LEAST_RESPONSE).log()
