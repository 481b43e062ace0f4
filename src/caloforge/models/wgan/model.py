"""The Wasserstein GAN with gradient penalty of ATLAS (ATL-SOFT-PUB-2018-001), conditioned on the incident.

A critic learns the Wasserstein distance between generated showers and Geant4's (Arjovsky et al., arXiv:1701.07875). A
penalty on its gradient keeps it smooth (Gulrajani et al., arXiv:1704.00028). The generator minimises that distance.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from caloforge.detector import Detector
from caloforge.models.base import Batch, OptimiserStep
from caloforge.models.matched import ResponseMatched
from caloforge.models.parts.distance import distance_at_energies
from caloforge.models.parts.impact import ImpactConditions
from caloforge.models.parts.layer_scores import LayerScores, cell_cut
from caloforge.models.parts.networks import dense
from caloforge.models.parts.transforms import logistic
from caloforge.models.wgan.config import WGANConfig
from caloforge.showers import Showers
from caloforge.showers.domain import Domain

SOFT = 1.0  # energy, in cuts, above which the critic's view of a cell is logarithmic
LEAST_SHARE = 1e-9  # least share of a cell in its layer in the mean shower, for cells that are hardly ever hit
LEAST_LOGIT = -60.0  # least logit of a weight; its exponential is still a number of single precision


class WGANModel(ResponseMatched):
    """A generator of layer scores and cell weights, and a critic of layer scores, cell shares and cell logarithms."""

    selection_batch = 2000

    def __init__(self, config: WGANConfig, detector: Detector, domain: Domain) -> None:
        super().__init__(detector, domain, config.latent)
        self.config = config
        self.cut = cell_cut(detector)
        self.conditions = ImpactConditions(detector, domain)
        self.layers = LayerScores(detector, domain)
        n_layers, n_cells, given = len(detector.layers), detector.n_cells, self.conditions.size
        leaky = partial(nn.LeakyReLU, 0.2)
        self.generator = dense([config.latent + given, *config.hidden, n_layers + n_cells], leaky)
        self.critic = dense([n_layers + 2 * n_cells + given, *config.hidden, 1], leaky, last_bias=False)
        self.register_buffer("bias", torch.zeros(n_cells))
        self.register_buffer("mean_view", torch.zeros(2, n_cells))
        self.register_buffer("view_width", torch.ones(2))

    bias: Tensor
    mean_view: Tensor
    view_width: Tensor

    def fit_transforms(self, showers: Showers) -> None:
        """Fit the layer scores, the mean shower that the generator starts from, and the scale of the critic's views."""
        batch = Batch.of(showers)
        self.layers.fit(batch.cells, batch.incidents["energy"])
        mean = batch.cells.mean(0, keepdim=True)
        by_layer = self.layers.sums(mean).clamp(min=1e-12).index_select(1, self.layers.cell_layer)
        self.bias.copy_((mean / by_layer).clamp(LEAST_SHARE, 0.9).logit()[0])
        for i, view in enumerate(self._views(batch.cells)):
            self.mean_view[i] = view.mean(0)
            self.view_width[i] = (view.var(0).sum() / len(self.detector.layers)).sqrt().clamp(min=1e-6)

    def optimiser_steps(self) -> tuple[OptimiserStep, ...]:
        """Updates of the critic (`critic_steps` of them), then one of the generator."""
        adam = partial(torch.optim.Adam, betas=(0.0, 0.9), fused=True)
        critic, generator = list(self.critic.parameters()), list(self.generator.parameters())
        return (
            OptimiserStep("critic", critic, self.critic_loss, self.config.critic_steps, adam),
            OptimiserStep("generator", generator, self.loss, 1, adam),
        )

    def critic_loss(self, batch: Batch) -> Tensor:
        """Mean verdict on generated showers, minus that on real showers, plus the gradient penalty."""
        conditions = self.conditions(**batch.incidents)
        energy = batch.incidents["energy"]
        with torch.no_grad():
            generated = self.critic_features(*self._draw(conditions), energy)
        real = self._features(self.layers(batch.cells, energy), batch.cells)
        score = partial(self.criticise, conditions=conditions)
        penalty = gradient_penalty(score, real, generated, torch.rand(len(real), 1, device=real.device))
        return score(generated).mean() - score(real).mean() + self.config.gradient_penalty * penalty

    def loss(self, batch: Batch) -> Tensor:
        """Loss of the generator: minus the critic's mean verdict, plus the activity regularisation."""
        conditions = self.conditions(**batch.incidents)
        scores, weights = self._draw(conditions)
        generated = self.critic_features(scores, weights, batch.incidents["energy"])
        activity = self.config.activity * weights.sum(1).mean()
        return activity - self.criticise(generated, conditions).mean()

    def selection_loss(self, batch: Batch) -> Tensor:
        """Physics distance of generated showers from the real showers of the same incidents."""
        noise = torch.randn(len(batch), self.noise_size, device=batch.cells.device)
        generated = self.sample(noise, **batch.incidents)
        return distance_at_energies(batch.cells, generated, batch.incidents["energy"], self.detector)

    def draw(self, noise: Tensor, **incidents: Tensor) -> tuple[Tensor, ...]:
        """Layer energies (N, n_layers) [MeV] and cell weights (N, n_cells)."""
        scores, weights = self.generate(noise, self.conditions(**incidents))
        return self.layers.inverse(scores, incidents["energy"]), weights

    def cells_of(self, energies: Tensor, drawn: tuple[Tensor, ...], **incidents: Tensor) -> Tensor:  # noqa: ARG002
        """Cells (N, n_cells) [MeV] of layer energies and cell weights."""
        (weights,) = drawn
        return self.layers.distribute(weights, energies, self.cut)

    def generate(self, noise: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Layer scores (N, n_layers) and weights of the cells within their layers (N, n_cells), between 0 and 1."""
        scores, logits = self.generator(torch.cat([noise, conditions], 1)).tensor_split([len(self.detector.layers)], 1)
        return scores, logistic((logits + self.bias).clamp(min=LEAST_LOGIT))

    def criticise(self, features: Tensor, conditions: Tensor) -> Tensor:
        """The critic's verdict (N,) on the features of showers (N, n_layers + 2 n_cells)."""
        verdict: Tensor = self.critic(torch.cat([features, conditions], 1))
        return verdict[:, 0]

    def critic_features(self, scores: Tensor, weights: Tensor, energy: Tensor) -> Tensor:
        """Features (N, n_layers + 2 n_cells) of generated showers for the critic."""
        layers, own = self.layers.inverse(scores, energy), self.layers.cell_layer
        level = self.layers.sums(weights).detach()  # weights drift towards zero, and gradients of shares hold 1 / sum^2
        weights = weights / level.index_select(1, own)
        return self._features(scores, weights * (layers / self.layers.sums(weights)).index_select(1, own))

    def _features(self, scores: Tensor, cells: Tensor) -> Tensor:
        """Layer scores and both views of the cells; each view has the same total variance as the scores."""
        views = zip(self._views(cells), self.mean_view, self.view_width, strict=True)
        return torch.cat([scores, *((view - mean) / width for view, mean, width in views)], 1)

    def _views(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Two views of the cells: square roots of their shares in the shower, and their logarithms."""
        shares = cells / cells.sum(1, keepdim=True).clamp(min=1e-12)
        return (shares + 1e-12).sqrt(), (cells / (SOFT * self.cut)).log1p()

    def _draw(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        return self.generate(torch.randn(len(conditions), self.noise_size, device=conditions.device), conditions)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor, uniform: Tensor) -> Tensor:
    """Mean of (norm of the critic's gradient - 1)^2 at random points between real and generated showers.

    The points are real + uniform (generated - real). Source: arXiv:1704.00028, equation 3.

    Args:
        critic: function that gives verdicts (N,) on features (N, D).
        real: features of Geant4's showers (N, D).
        generated: features of generated showers (N, D).
        uniform: one uniform number per shower (N, 1).
    """
    between = (real + uniform * (generated - real)).requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = (gradient.norm(dim=1) - 1).square().mean()
    return penalty
