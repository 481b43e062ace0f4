"""The loop serves models with several networks: a critic that learns five times per step of its generator."""

import torch
from torch import nn

from caloforge.models import Model, OptimiserStep
from caloforge.training import TrainingConfig, train
from caloforge.training import trainer as training_loop


class Game(Model):
    """Two numbers, one per player."""

    def __init__(self, detector, domain):
        super().__init__(detector, domain, 1)
        self.critic, self.generator = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self.played = []

    def fit(self, showers):
        pass

    def loss(self, batch):
        return (self.critic - 1) ** 2 + (self.generator - 2) ** 2 + 0 * batch.cells.sum()

    def sample(self, noise, **incidents):
        return noise.new_zeros(len(noise), self.detector.n_cells) + 0 * incidents["energy"]

    def optimiser_steps(self):
        return (
            OptimiserStep("critic", [self.critic], lambda batch: self._play("critic", batch), repeat=5),
            OptimiserStep("generator", [self.generator], lambda batch: self._play("generator", batch)),
        )

    def _play(self, name, batch):
        self.played.append((name, float(self.critic.detach()), float(self.generator.detach()), batch.cells.clone()))
        return self.loss(batch)


def test_optimiser_steps_take_their_parameters_in_order(small, toy, tmp_path, monkeypatch):
    games = []

    def build(_, detector, domain):
        games.append(Game(detector, domain))
        return games[-1]

    monkeypatch.setattr(training_loop, "build", build)
    config = TrainingConfig.read('model = {kind = "coupling-flow"}\ntraining = {steps = 3, batch = 8}', "toy")
    train(config, toy(small, 50, seed=1), toy(small, 20, seed=2), tmp_path / "run", quiet=True)
    played = games[0].played
    assert [name for name, *_ in played] == (["critic"] * 5 + ["generator"]) * 3
    assert len({critic for name, critic, _, _ in played if name == "critic"}) == 15
    assert len({generator for name, _, generator, _ in played if name == "generator"}) == 3
    assert len({generator for _, _, generator, _ in played[:6]}) == 1
    assert not torch.equal(played[0][3], played[1][3])
