"""A search on a file of showers that cost nothing."""

import pytest

from caloforge.showers import write

CONFIG = """
name = "tiny"
detector = "{folder}/small.toml"
[showers]
train = "{folder}/mine.h5"
shares = [0.5, 0.15, 0.35]
[model]
kind = "coupling-flow"
layers = {{blocks = 2, hidden = 8, bins = 4}}
cells = {{hidden = 16, blocks = 2, bins = 4}}
[training]
steps = 20
evaluate_every = 10
[validation]
recipe = "quick"
seeds = 1
[search]
objectives = ["auc", "ms"]
[search.space]
"training.learning_rate" = {{low = 1e-4, high = 1e-2, log = true}}
"model.cells.hidden" = {{choices = [8, 16, 32]}}
"model.cells.blocks" = {{low = 1, high = 3}}
"""


@pytest.fixture(scope="session")
def config(tmp_path_factory, small, toy):
    """Config file of a search with three fields and two objectives."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "small.toml").write_text(small.toml)
    write(folder / "mine.h5", toy(small, 1300, seed=1))
    (folder / "search.toml").write_text(CONFIG.format(folder=folder))
    return folder / "search.toml"
