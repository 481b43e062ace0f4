"""Quantile map of the response of generated showers to Geant4's, conditional on energy."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from caloforge.models.parts.energy_scale import EnergyScale
from caloforge.models.parts.normal_scores import strictly_increasing
from caloforge.showers.domain import Domain

NODES = 8  # ranges of energy with equally many showers each
KNOTS = 33  # quantiles of each range
FEWEST = 400  # least number of showers in a range, if there are as many
LEAST_GAP = 1e-4  # least distance of the mean places of two ranges, in half ranges of the log energy
LEAST_RESPONSE = 1e-6  # response of a shower without energy, whose logarithm must exist
PART = 500  # showers generated at a time
TYPICAL = 2000  # stored training incidents, for which showers are generated


class ScoresAtEnergies(EnergyScale):
    """Normal scores of one quantity at each energy: it is standardised, then mapped by quantiles in ranges of energy.

    The shape depends on energy, since the tail of leaking showers grows with it. Quantiles are interpolated between the
    mean places of the ranges, and extrapolated linearly to both ends.

    Attributes:
        values: knots (NODES + 2, KNOTS) at the nodes.
        nodes: places (NODES + 2,) of the ranges in log energy, from -1 to 1, with both ends.
        scores: scores of the knots (KNOTS,).
    """

    values: Tensor
    scores: Tensor
    nodes: Tensor

    def __init__(self, domain: Domain) -> None:
        super().__init__(1, domain)
        knots = torch.linspace(-3.0, 3.0, KNOTS)
        self.register_buffer("scores", knots)
        self.register_buffer("values", knots.repeat(NODES + 2, 1))
        self.register_buffer("nodes", torch.linspace(-1.0, 1.0, NODES + 2))

    def fit(self, values: Tensor, energy: Tensor) -> None:
        """Fit to values (N, 1) at incident energies (N, 1) [MeV]."""
        self.fit_scale(values, energy)
        place, order = self.place(energy)[:, 0].double().sort(stable=True)
        scaled, n = self.scaled(values.double(), energy)[order, 0], len(order)
        size = min(max(FEWEST, n // NODES), n) if place[-1] - place[0] > LEAST_GAP else n
        last = torch.special.ndtri(torch.tensor(1 - 0.5 / (size + 1), dtype=torch.float64))
        scores = last * torch.linspace(-1.0, 1.0, KNOTS, dtype=torch.float64)
        parts = [slice(first, first + size) for first in torch.linspace(0, n - size, NODES).round().int().tolist()]
        probabilities = torch.special.ndtr(scores).to(scaled.device)
        nodes = torch.stack([place[part].mean() for part in parts])
        knots = torch.stack([strictly_increasing(torch.quantile(scaled[part], probabilities)) for part in parts])
        self.scores.copy_(scores)
        self.nodes.copy_(_spaced(torch.cat([-torch.ones_like(nodes[:1]), nodes, torch.ones_like(nodes[:1])])))
        ends = [_extrapolated(nodes[[1, 0]], knots[[1, 0]], -1.0), _extrapolated(nodes[-2:], knots[-2:], 1.0)]
        self.values.copy_(torch.stack([ends[0], *knots, ends[1]]))

    def forward(self, values: Tensor, energy: Tensor) -> Tensor:
        """Scores (N, 1) of values (N, 1)."""
        knots = self._knots(energy)
        return _piecewise(self.scaled(values, energy), knots, self.scores.expand_as(knots))

    def inverse(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Values (N, 1) of scores (N, 1), which are clamped to the outermost knots."""
        return self.between(scores.clamp(self.scores[0], self.scores[-1]), energy)

    def between(self, scores: Tensor, energy: Tensor) -> Tensor:
        """Values (N, 1) of scores (N, 1) that lie between the outermost knots."""
        knots = self._knots(energy)
        scaled = _piecewise(scores, self.scores.expand_as(knots), knots)
        return self.unscaled(scaled, energy)

    def _knots(self, energy: Tensor) -> Tensor:
        """Values (N, KNOTS) of the knots at energies (N, 1) [MeV]."""
        share = ((self.place(energy) - self.nodes[:-1]) / torch.diff(self.nodes)).clamp(0.0, 1.0)
        return self.values[0] + share @ torch.diff(self.values, dim=0)


def _spaced(nodes: Tensor) -> Tensor:
    """Increasing places (K,), at least `LEAST_GAP` apart."""
    steps = torch.diff(nodes).clamp(min=LEAST_GAP)
    return torch.cat([nodes[:1], nodes[:1] + torch.cumsum(steps, 0)])


def _extrapolated(nodes: Tensor, knots: Tensor, end: float) -> Tensor:
    """Knots (KNOTS,) at an end of the range, extrapolated from the knots (2, KNOTS) of the two nearest nodes.

    If all showers have one energy, they are the knots of the nearest node.
    """
    step = nodes[1] - nodes[0]
    ahead = (end - nodes[1]) / step if step.abs() > LEAST_GAP else torch.zeros_like(step)
    line, middle = knots[1] + ahead.clamp(max=1.0) * (knots[1] - knots[0]), KNOTS // 2
    tail = -line[: middle + 1].flip(0)
    below = -strictly_increasing(tail).flip(0)  # from the median outwards, so that the median stays if lines cross
    return torch.cat([below[:-1], strictly_increasing(line[middle:])])


def _piecewise(x: Tensor, at: Tensor, to: Tensor) -> Tensor:
    """Piecewise linear map of x (N, 1) through the knots of each row, from `at` (N, K) to `to` (N, K)."""
    low = (x >= at[:, 1:-1]).sum(1, keepdim=True)
    below, above, first, last = (knots.gather(1, low + step) for knots in (at, to) for step in (0, 1))
    return first + (x - below) * (last - first) / (above - below)


class ScoresOfParticles(nn.Module):
    """`ScoresAtEnergies` of each of several particles, whose distributions at one energy differ.

    Attributes:
        pdgs: PDG codes (P,).
        parts: scores of each particle.
    """

    pdgs: Tensor

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.register_buffer("pdgs", torch.tensor(domain.pdgs), persistent=False)
        self.parts = nn.ModuleList(ScoresAtEnergies(domain) for _ in domain.pdgs)

    def _scores(self) -> list[ScoresAtEnergies]:
        return cast("list[ScoresAtEnergies]", list(self.parts))

    def fit(self, values: Tensor, energy: Tensor, pdg: Tensor) -> None:
        """Fit to values (N, 1) at incident energies (N, 1) [MeV] of particles (N, 1); every particle must occur."""
        for code, part in zip(self.pdgs, self._scores(), strict=True):
            rows = pdg[:, 0] == code
            part.fit(values[rows], energy[rows])

    def forward(self, values: Tensor, energy: Tensor, pdg: Tensor) -> Tensor:
        """Scores (N, 1) of values (N, 1)."""
        return self._of_particle([part(values, energy) for part in self._scores()], pdg)

    def inverse(self, scores: Tensor, energy: Tensor, pdg: Tensor) -> Tensor:
        """Values (N, 1) of scores (N, 1)."""
        ends = self._of_particle([part.scores[-1].expand_as(scores) for part in self._scores()], pdg)
        scores = torch.minimum(torch.maximum(scores, -ends), ends)  # not per particle: the exporter confuses clamps
        return self._of_particle([part.between(scores, energy) for part in self._scores()], pdg)

    def _of_particle(self, found: list[Tensor], pdg: Tensor) -> Tensor:
        """Select the result (N, 1) of each row's particle from the results of all particles."""
        result = found[0]
        for code, other in zip(self.pdgs[1:], found[1:], strict=True):
            result = torch.where(pdg == code, other, result)
        return result


class ResponseMatch(nn.Module):
    """Quantile map of the response of generated showers to Geant4's, conditional on energy and particle.

    Adversarial networks, and likelihoods of hundreds of numbers, miss the width of the response, and its tail of
    leaking showers, by tens of per cent. The distribution of the response at an energy is one-dimensional and known, so
    that quantiles can correct it. Correlations of the response with the rest of the shower stay those of the network.
    """

    matched: Tensor

    def __init__(self, domain: Domain, draws: int) -> None:
        super().__init__()
        self.draws = draws
        scores = ScoresAtEnergies if len(domain.pdgs) == 1 else ScoresOfParticles
        self.real, self.drawn = scores(domain), scores(domain)
        self.register_buffer("matched", torch.zeros(()))
        self.names = domain.inputs
        for name in self.names:
            width, kind = (3 if name == "position" else 1), (torch.int64 if name == "pdg" else torch.float32)
            self.register_buffer(f"typical_{name}", torch.zeros(TYPICAL, width, dtype=kind))

    def fit(self, totals: Tensor, incidents: dict[str, Tensor]) -> None:
        """Fit to the total energies (N, 1) [MeV] of training showers, and store some of their incidents."""
        self.real.fit(_log_response(totals, incidents["energy"]), *self._conditions(incidents))
        mixed = torch.randperm(len(totals), generator=torch.Generator().manual_seed(0))  # files may be in order
        rows = mixed[torch.arange(TYPICAL) % len(totals)]
        for name, typical in self._typical().items():
            typical.copy_(incidents[name][rows])
        self.matched.zero_()

    def _conditions(self, incidents: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Conditions of the response: energies (N, 1) [MeV] and, if there are several, particles (N, 1)."""
        return tuple(incidents[name] for name in ("energy", "pdg") if name in self.names)

    def _typical(self) -> dict[str, Tensor]:
        return {name: getattr(self, f"typical_{name}") for name in self.names}

    def finalise(self, respond: Callable[..., Tensor], noise_size: int) -> None:
        """Fit the map to the showers that a model generates.

        A model that generates NaN stays unmatched, so that the selection of weights sees the NaN.

        Args:
            respond: function that gives total energies (N, 1) [MeV] of noise (N, noise_size) and incidents by name.
            noise_size: normal numbers per shower.
        """
        self.matched.zero_()
        generator = torch.Generator().manual_seed(0)
        totals, conditions = [], []
        with torch.no_grad():
            for first in range(0, self.draws, PART):
                rows = torch.arange(first, min(first + PART, self.draws)) % TYPICAL
                incidents = {name: values[rows] for name, values in self._typical().items()}
                noise = torch.randn(len(rows), noise_size, generator=generator)
                totals.append(respond(noise.to(self.matched.device), **incidents))
                conditions.append(self._conditions(incidents))
        known = [torch.cat(column) for column in zip(*conditions, strict=True)]
        response = _log_response(torch.cat(totals), known[0])
        if response.isfinite().all():
            self.drawn.fit(response, *known)
            self.matched.fill_(1.0)

    def forward(self, totals: Tensor, incidents: dict[str, Tensor]) -> Tensor:
        """Factors (N, 1) that correct the response of showers.

        Args:
            totals: deposited energies (N, 1) [MeV].
            incidents: network inputs of the showers, by name.
        """
        conditions = self._conditions(incidents)
        drawn = _log_response(totals, conditions[0])
        target = self.real.inverse(self.drawn(drawn, *conditions), *conditions)
        return (self.matched * (target - drawn)).exp()


def _log_response(totals: Tensor, energy: Tensor) -> Tensor:
    return (totals / energy).clamp(min=LEAST_RESPONSE).log()
