"""Examples in docstrings run, and say what they print."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import caloforge as cf

PACKAGE = Path(__file__).parents[1] / "src" / "caloforge"
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


def test_the_front_has_examples():
    assert {"__init__.py", "making.py", "container.py", "incidents.py"} <= {path.name for path in WITH_EXAMPLES}


def test_every_function_of_the_front_has_an_example():
    functions = [name for name in cf.__all__ if inspect.isfunction(getattr(cf, name))]
    assert {"produce", "read", "train", "validate", "run"} <= set(functions)
    assert not [name for name in functions if ">>> " not in getattr(cf, name).__doc__]
    assert not [name for name in functions if inspect.get_annotations(getattr(cf, name)).get("return") is None]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=[path.stem for path in WITH_EXAMPLES])
def test_examples(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    module = import_module(".".join(part for part in parts if part != "__init__"))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
