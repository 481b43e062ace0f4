"""The table [search]: ranges and choices, paths into a config, and what is refused."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from caloforge.config import read_file
from caloforge.errors import InputError
from caloforge.named_runs import SEARCHES, config_file, run_names
from caloforge.runs.config import RunConfig
from caloforge.search.config import SearchConfig
from caloforge.search.objectives import OBJECTIVES
from caloforge.search.space import Space, with_value
from caloforge.search.study import sampler
from caloforge.search.trial import Outcome

CONFIG = """
name = "tiny"
detector = "calogan-ecal"
[incidents]
particle = "e+"
energy = "1 GeV:20 GeV"
[showers]
train = 300
select = 200
test = 400
[model]
kind = "coupling-flow"
cells = {hidden = 64, blocks = 4}
[training]
learning_rate = 2e-3
"""
SPACE = """
[search.space]
"training.learning_rate" = {low = 1e-4, high = 1e-2, log = true}
"model.cells.hidden" = {choices = [32, 64]}
"model.cells.blocks" = {low = 2, high = 6}
"""


def space(text, config=CONFIG):
    return Space.of(RunConfig.read(config + text, "tiny.toml"), "tiny.toml")


def test_values_go_to_their_paths_and_nothing_else_changes():
    found = space(SPACE)
    config = found.apply({"model.cells.hidden": 32, "training.learning_rate": 1e-3})
    assert config.search is None
    learning, given = config.learning(), found.given.learning()
    assert (learning.model.cells.hidden, learning.training.learning_rate) == (32, 1e-3)
    assert learning.model.layers == given.model.layers
    assert learning.model.cells.blocks == given.model.cells.blocks == 4
    assert found.apply({}).learning() == given


def test_the_config_as_given_is_the_default():
    found = space(SPACE)
    assert found.default == {"training.learning_rate": 2e-3, "model.cells.hidden": "64", "model.cells.blocks": 4}
    assert found.values(found.default)["model.cells.hidden"] == 64
    assert found.apply(found.values(found.default)).learning() == found.given.learning()


def test_paths_without_quotes_lead_into_lists_and_whole_tables():
    lists = CONFIG.replace('"coupling-flow"', '"vae"').replace("cells", "#cells")
    found = space("[search.space]\nmodel.hidden.1 = {low = 100, high = 180}", lists)
    assert found.apply({"model.hidden.1": 120}).learning().model.hidden == (200, 120, 100, 50)
    tables = """
    [search.space]
    model = {choices = [{kind = "coupling-flow", cells = {hidden = 64, blocks = 4}}, {kind = "vae", latent = 5}]}
    """
    found = space(tables)
    words = found.search.space["model"].choices
    assert found.values(found.default) == {"model": words[0]}
    learning = found.apply({"model": words[1]}).learning()
    assert (learning.model.kind, learning.model.latent, learning.training.batch) == ("vae", 5, 100)  # as of a VAE


def test_whole_numbers_stay_whole():
    read = SearchConfig.build({"space": {"a": {"low": 2, "high": 6}, "b": {"low": 2.0, "high": 6}}}, "s")
    assert (read.space["a"].whole, read.space["b"].whole) == (True, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"tiny\.toml has no table \[search\]"),
        ('[search.space]\n"model.cells.hiden" = {low = 1, high = 5}', "did you mean 'hidden'"),
        ('[search.space]\n"training.learning_rat" = {low = 1e-4, high = 1e-3}', "did you mean 'learning_rate'"),
        ('[search.space]\n"trainin.steps" = {low = 1, high = 5}', r"no table \[trainin\]; did you mean 'training'"),
        ('[search.space]\n"showers.train" = {low = 100, high = 500}', "trials share their showers and their judge"),
        ('[search.space]\n"model.cells.blocks" = {low = 6, high = 2}', "low must be less than high"),
        ('[search.space]\n"model.cells.blocks" = {low = 3, high = 3}', "low must be less than high"),
        ('[search.space]\n"training.clip" = {low = 0.0, high = 2.0, log = true}', "low above 0, not 0"),
        ('[search.space]\n"training.clip" = {low = 0.5, hihg = 2.0}', "unknown key .*did you mean 'high'"),
        ('[search.space]\n"training.clip" = {low = 0.5}', "high' is missing"),
        ('[search.space]\n"model.cells.blocks" = {low = 2, high = 600}', "model.cells.blocks: .*less than or equal"),
        ('[search.space]\n"training.decay" = {choices = ["cosine", "linear"]}', "training.decay: .*'cosine' or 'none'"),
        ('[search.space]\n"training.batch" = {choices = [128, 128]}', "the choice 128 is there twice"),
        ('[search.space]\n"training.batch" = {choices = [128]}', "at least 2"),
        ('[search.space]\n"training.clip" = {low = 2.0, high = 3.0}', r"own value 1\.0 is not in the range 2 \.\. 3"),
        ('[search.space]\n"training.batch" = {choices = [64, 128]}', "own value 256 is not in the choices 64, 128"),
        ('[search.space]\n"training.minutes" = {low = 1.0, high = 2.0}', "the config gives no value"),
        ('[search.space]\n"model.cells.hidden.2" = {low = 1, high = 2}', "'2' would lie in the value 64"),
        (SPACE + '"model.cells" = {choices = [{hidden = 64, blocks = 4}, {hidden = 8, blocks = 4}]}', "lies within"),
        ('[search]\nprune = true\nobjectives = ["auc", "ms"]' + SPACE, "Optuna prunes trials of one objective only"),
        ('[search]\nobjectives = ["auc", "auc"]' + SPACE, "an objective is there twice"),
        ('[search]\nobjectives = ["acu"]' + SPACE, "'auc' or 'ms'"),
        ('[search]\nprune = true\n[search.space]\n"training.select" = {choices = ["loss", "auc"]}', "out of the space"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(text, said):
    with pytest.raises(InputError, match=said) as told:
        space(text)
    assert "\n" not in str(told.value)


def test_losses_that_a_field_changes_are_not_compared():
    vae = CONFIG.replace('"coupling-flow"', '"vae"').replace("cells", "#cells")
    text = '[search]\nprune = true\n[search.space]\n"model.weights.kl" = {low = 1e-5, high = 1e-2, log = true}'
    with pytest.raises(InputError, match=r"held-out losses, which model\.weights\.kl changes"):
        space(text, vae)
    assert space(text, vae.replace("[training]", '[training]\nselect = "auc"')).search.prune


def test_places_of_lists():
    assert with_value([1, {"a": 2}], ["1", "a"], 3) == [1, {"a": 3}]
    for path in (["2"], ["-1"], ["a"]):
        with pytest.raises(InputError, match="is no place in a list of 2"):
            with_value([1, 2], path, 0)


def test_scores_are_least_where_showers_cannot_be_told_apart():
    def of(auc):
        return OBJECTIVES["auc"].score(Outcome(auc, 0.01, "trees_features", 2.0, 1.0))

    assert of(0.45) == pytest.approx(of(0.55))
    assert of(0.55) < of(0.6)
    assert OBJECTIVES["ms"].score(Outcome(0.5, 0.01, "trees_features", 2.0, 1.0)) == 2.0


@pytest.mark.parametrize("kind", ["tpe", "random"])
def test_a_trial_draws_the_same_again(kind):
    import optuna

    def draw(number, seed=1):
        search = SimpleNamespace(sampler=kind)
        study = optuna.create_study(sampler=sampler(search, seed, number))
        return study.ask().suggest_float("x", 0, 1)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    assert draw(3) == draw(3)
    assert len({draw(3), draw(4), draw(3, seed=2)}) == 3


@pytest.mark.parametrize("name", run_names(SEARCHES))
def test_every_named_search_holds_together(name):
    path = config_file(name, SEARCHES)
    found = Space.of(read_file(RunConfig, path), name)
    assert found.default.keys() == tomllib.loads(Path(path).read_text())["search"]["space"].keys()


def test_names_of_searches():
    assert set(run_names(SEARCHES)) == {"quickstart", "quick-vae", "vae", "vae-small", "wgan-gp", "wgan-gp-small"}
    with pytest.raises(InputError, match="no search 'quickstrat'; did you mean 'quickstart'"):
        config_file("quickstrat", SEARCHES)
