from dataclasses import replace

import numpy as np
import pytest
import torch

from caloforge.export.graph import check_graph
from caloforge.export.onnx import to_onnx
from caloforge.models import build
from caloforge.models.parts.response_match import ResponseMatch, ScoresAtEnergies
from caloforge.showers import Incidents
from caloforge.showers.domain import Domain

LOW, HIGH = 1e3, 1e5


def leaking(n, seed):
    """Responses whose core narrows with the energy while a tail of showers that leak grows: (N, 1) each."""
    random = np.random.default_rng(seed)
    energy = np.exp(random.uniform(np.log(LOW), np.log(HIGH), n))
    place = np.log(energy / LOW) / np.log(HIGH / LOW)
    leak = random.exponential(0.1, n) * (random.random(n) < 0.1 * place)
    response = (0.9 + 0.05 * place) * np.exp(random.normal(0, 0.1 * np.exp(-2 * place)) - leak)
    return torch.from_numpy(response)[:, None].float(), torch.from_numpy(energy)[:, None].float()


@pytest.fixture(scope="module")
def domain():
    return Domain.of(Incidents.make("gamma", [LOW, HIGH]))


def octiles(values, energy):
    return values[energy[:, 0].argsort()].chunk(8)


def test_scores_are_normal_at_every_energy(domain):
    """Five errors of mean and width, and of the tail's count, in each eighth of 24 000 showers."""
    response, energy = leaking(24_000, 1)
    scores = ScoresAtEnergies(domain)
    scores.fit(response.log(), energy)
    found = scores(response.log(), energy)
    for part in octiles(found, energy):
        assert abs(float(part.mean())) < 5 / np.sqrt(3000)
        assert abs(float(part.std()) - 1) < 5 / np.sqrt(6000)
        assert int((part < -2).sum()) == pytest.approx(0.0228 * 3000, abs=5 * np.sqrt(0.0228 * 3000))


def test_tails_follow_the_energy_to_both_ends(domain):
    """Drawn from normal numbers, each eighth has the width of a large independent sample, made by leaking showers."""
    response, energy = leaking(64_000, 11)
    scores = ScoresAtEnergies(domain)
    scores.fit(response.log(), energy)
    truth, place = leaking(400_000, 12)
    normal = torch.randn(len(place), 1, generator=torch.Generator().manual_seed(13))
    drawn = scores.inverse(normal, place).exp()
    for ours, theirs in zip(octiles(drawn, place), octiles(truth, place), strict=True):
        assert float(ours.std() / theirs.std()) == pytest.approx(1, abs=0.05)


def test_scores_round_trip(domain):
    response, energy = leaking(3000, 2)
    scores = ScoresAtEnergies(domain)
    scores.fit(response.log(), energy)
    found = scores(response.log(), energy)
    inner = (found.abs() < scores.scores[-1])[:, 0]
    assert inner.float().mean() > 0.98
    assert (scores.inverse(found, energy) - response.log())[inner].abs().max() < 1e-5
    assert torch.isfinite(scores.inverse(torch.tensor([[-50.0], [50.0]]), energy[:2])).all()


def test_one_energy_takes_all_showers():
    random = torch.Generator().manual_seed(3)
    values, energy = torch.randn(2000, 1, generator=random).exp(), torch.full((2000, 1), 5e3)
    scores = ScoresAtEnergies(Domain.of(Incidents.make("gamma", [5e3])))
    scores.fit(values, energy)
    assert torch.equal(scores.values[0], scores.values[-1])
    assert float(scores(values, energy).std()) == pytest.approx(1, abs=0.05)


def respond(noise, energy):
    """A generator of another mean and width, without tail."""
    return energy * (0.85 + 0.02 * noise[:, :1])


@pytest.mark.parametrize("ordered", [False, True])
def test_drawn_responses_become_geant4s(domain, ordered):
    """In each quarter of the energies, whatever the order of the training showers in their file."""
    response, energy = leaking(8000, 4)
    if ordered:
        response, energy = (values[energy[:, 0].argsort()] for values in (response, energy))
    match = ResponseMatch(domain, 16_000)
    match.fit(response * energy, {"energy": energy})
    before = respond(torch.randn(8000, 1, generator=torch.Generator().manual_seed(5)), energy)
    assert torch.equal(match(before, {"energy": energy}), torch.ones_like(before))
    match.finalise(respond, 1)
    after = before * match(before, {"energy": energy}) / energy
    order = energy[:, 0].argsort()
    for ours, theirs in zip(after[order].chunk(4), response[order].chunk(4), strict=True):
        assert float(ours.mean() / theirs.mean()) == pytest.approx(1, abs=5 * float(theirs.std()) / np.sqrt(1000))
        assert float(ours.std() / theirs.std()) == pytest.approx(1, abs=0.2)
        below = theirs.quantile(0.02)
        assert float((ours < below).float().mean()) == pytest.approx(0.02, abs=5 * np.sqrt(0.04 / 2000))


def test_what_is_not_a_number_is_not_matched(domain):
    response, energy = leaking(1000, 14)
    match = ResponseMatch(domain, 1000)
    match.fit(response * energy, {"energy": energy})
    match.finalise(respond, 1)
    assert float(match.matched) == 1
    match.finalise(lambda noise, energy: respond(noise, energy) * torch.where(noise > 3, torch.nan, 1.0), 1)
    assert float(match.matched) == 0


def test_each_particle_has_its_own_distribution():
    """Pions respond 0.6 times as strongly as electrons, and the network draws both alike."""
    incidents = Incidents.make(np.resize([11, 211], 8000), np.geomspace(LOW, HIGH, 8000))
    response, energy = leaking(8000, 15)
    given = {"energy": energy, "pdg": torch.from_numpy(incidents.pdg.astype(np.int64))[:, None]}
    pions = given["pdg"] == 211
    response = torch.where(pions, 0.6 * response, response)
    match = ResponseMatch(Domain.of(incidents), 16_000)
    match.fit(response * energy, given)
    match.finalise(lambda noise, **given: respond(noise, given["energy"]), 1)
    before = respond(torch.randn(8000, 1, generator=torch.Generator().manual_seed(16)), energy)
    after = before * match(before, given) / energy
    for rows in (pions, ~pions):
        ours, theirs = after[rows], response[rows]
        assert float(ours.mean() / theirs.mean()) == pytest.approx(1, abs=5 * float(theirs.std()) / np.sqrt(4000))
        assert float(ours.std() / theirs.std()) == pytest.approx(1, abs=0.2)


def test_a_match_of_several_particles_is_exported(uniform, toy, tiny_configs):
    """The graph's nodes are in order, which the exporter upsets where several clamps take one number."""
    showers = toy(uniform, 300, seed=17)
    incidents = replace(showers.incidents, pdg=np.resize(np.array([11, 22], np.int32), 300))
    model = build(tiny_configs["vae"], uniform, Domain.of(incidents))
    model.fit(replace(showers, incidents=incidents))
    model.finalise()
    assert float(model.response.matched) == 1
    graph = to_onnx(model.requires_grad_(False))
    check_graph(graph)
    assert {value.name for value in graph.graph.input} == {"noise", "energy", "pdg"}


def test_empty_showers_stay_numbers(domain):
    response, energy = leaking(1000, 6)
    match = ResponseMatch(domain, 1000)
    match.fit(response * energy, {"energy": energy})
    match.finalise(lambda noise, energy: energy * noise.abs(), 1)
    assert torch.isfinite(match(torch.zeros(5, 1), {"energy": energy[:5]})).all()


@pytest.mark.parametrize("kind", ["vae", "wgan-gp", "gan-3d", "fast-ar"])
def test_settled_models_draw_the_responses_they_were_fitted_to(kind, uniform, toy, tiny_configs):
    showers = toy(uniform, 1000, seed=7)
    torch.manual_seed(8)
    model = build(tiny_configs[kind], uniform, Domain.of(showers.incidents))
    model.fit(showers)
    energy = torch.from_numpy(showers.incidents.energy).float()[:, None]
    noise = torch.randn(1000, model.noise_size, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        if kind == "fast-ar":  # untrained, its flow leaves the scores as they are, so that nothing is to be matched
            model.shares.quantiles.values[:, 0] *= 1.5
        model.finalise()
        model.response.matched.zero_()
        before = model.sample(noise, energy=energy).sum(1, keepdim=True) / energy
        model.response.matched.fill_(1.0)
        after = model.sample(noise, energy=energy).sum(1, keepdim=True) / energy
    wanted = torch.from_numpy(showers.thresholded()).sum(1, keepdim=True) / energy
    assert not 0.8 < float(before.std() / wanted.std()) < 1.25
    assert float(after.std() / wanted.std()) == pytest.approx(1, abs=0.15)
    assert float(after.mean() / wanted.mean()) == pytest.approx(1, abs=1e-3)
