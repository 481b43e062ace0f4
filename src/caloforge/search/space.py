"""The space of a search, which converts between fields of a config, by dotted path, and Optuna's parameters."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caloforge.errors import InputError, nearest
from caloforge.runs.config import RunConfig
from caloforge.search.config import Choices, Range, SearchConfig

if TYPE_CHECKING:
    import optuna

SEARCHED = ("model", "training")  # tables; all others fix the showers or the judge, which trials share
Values = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """The config as given, and the fields of it that a search varies.

    Attributes:
        given: config of a run with a table `[search]`.
    """

    given: RunConfig

    @classmethod
    def of(cls, given: RunConfig, source: str) -> "Space":
        """The space of a config, with every end of a range and every choice checked.

        Args:
            given: config of a run.
            source: file of the config, for messages.

        Raises:
            InputError: no `[search]`, a field that does not exist or cannot be searched, a value that the field does
                not take, or a value of the config itself that lies outside of its range or choices.
        """
        if given.search is None:
            raise InputError(f"{source} has no table [search]; name fields with their ranges in [search.space]")
        space = cls(given)
        space._check_paths()
        for path, dimension in space.search.space.items():
            for value in _probes(dimension):
                try:
                    space.apply({path: value})
                except InputError as error:
                    raise InputError(f"[search.space] {path}: {error}") from None
        _ = space.default
        space._check_pruning()
        return space

    @property
    def search(self) -> SearchConfig:
        """The table `[search]`."""
        assert self.given.search is not None
        return self.given.search

    @cached_property
    def _tree(self) -> Values:
        """The config as plain values; the model with all defaults, since a path may lead into a table it leaves out."""
        tree = self.given.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude={"search"})
        return {**tree, "model": _plain(self.given.learning().model)}

    def apply(self, values: Values) -> RunConfig:
        """Config of a run with the values at their paths, and without `[search]`.

        Raises:
            InputError: the values contradict each other.
        """
        tree = self._tree
        for path, value in values.items():
            tree = with_value(tree, path.split("."), value)
        config: RunConfig = RunConfig.build(tree, self.given.name)
        config.learning()
        return config

    @cached_property
    def default(self) -> Values:
        """Optuna's parameters of the config as given, which is the first trial.

        Raises:
            InputError: a value of the config lies outside of its range or choices.
        """
        return {path: self._default(path, dimension) for path, dimension in self.search.space.items()}

    def _default(self, path: str, dimension: Range | Choices) -> Any:
        own = self.given.learning()
        if isinstance(dimension, Choices):
            same = [one for one in dimension.choices if self.apply({path: one}).learning() == own]
            if same:
                return label(same[0])
        tree = {"model": _plain(own.model), "training": _plain(own.training)}
        value = value_at(tree, path.split("."))
        if isinstance(dimension, Range) and _is_in(value, dimension):
            return int(value) if dimension.whole else float(value)
        reason = "the config gives no value"
        if value is not None:
            reason = f"the config's own value {json.dumps(value)} is not in {in_words(dimension)}"
        raise InputError(f"[search.space] {path}: {reason}; the first trial is the config as given, so change one of "
                         "the two")  # fmt: skip

    def suggest(self, trial: "optuna.Trial") -> Values:
        """Parameters of a trial, each drawn by the sampler unless it is known already."""
        return {path: _suggest(trial, path, dimension) for path, dimension in self.search.space.items()}

    def values(self, params: Values) -> Values:
        """Values for the config from Optuna's parameters."""
        space = self.search.space
        return {
            path: json.loads(value) if isinstance(space[path], Choices) else value for path, value in params.items()
        }

    def _check_paths(self) -> None:
        paths = list(self.search.space)
        for path in paths:
            first = path.split(".")[0]
            if first in RunConfig.model_fields and first not in SEARCHED:
                raise InputError(f"[search.space] {path}: trials share their showers and their judge, so only fields "
                                 "of [model] and [training] can be searched")  # fmt: skip
            if first not in SEARCHED:
                raise InputError(f"[search.space] {path}: no table [{first}]; {nearest(first, SEARCHED)}")
            if inside := [other for other in paths if other.startswith(f"{path}.")]:
                raise InputError(f"[search.space] {inside[0]} lies within {path}; name one of the two")

    def _check_pruning(self) -> None:
        """Refuse to compare losses that are not the same function."""
        if not self.search.prune:
            return
        if "training.select" in self.search.space:
            raise InputError("[search] prune = true compares scores of one kind; take training.select out of the space")
        changing = [p for p in self.search.space if p in ("model", "model.kind") or p.startswith("model.weights")]
        if changing and self.given.learning().training.select != "auc":
            raise InputError(f'[search] prune = true compares held-out losses, which {changing[0]} changes; let '
                             'training.select = "auc" judge, or set prune = false')  # fmt: skip


def with_value(tree: Any, path: list[str], value: Any) -> Any:
    """A copy of nested tables and lists with a value at a path.

    Raises:
        InputError: the path leads into something that is neither, or beyond a list.
    """
    if not path:
        return value
    head, *rest = path
    if isinstance(tree, list):
        if not head.isdecimal() or int(head) >= len(tree):
            raise InputError(f"'{head}' is no place in a list of {len(tree)}; places count from 0")
        return [with_value(one, rest, value) if place == int(head) else one for place, one in enumerate(tree)]
    if not isinstance(tree, dict):
        raise InputError(f"'{head}' would lie in the value {tree!r}, which is no table")
    return {**tree, head: with_value(tree.get(head, {}), rest, value)}


def value_at(tree: Any, path: list[str]) -> Any:
    """The value at a path; None if there is none."""
    for part in path:
        if isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = tree[part]
        else:
            return None
    return tree


def label(choice: Any) -> str:
    """A choice as Optuna keeps it: JSON, since it keeps neither lists nor tables, and takes 1 for true."""
    return json.dumps(choice, sort_keys=True)


def in_words(dimension: Range | Choices) -> str:
    """A range or choices in a few words."""
    if isinstance(dimension, Choices):
        return "the choices " + ", ".join(map(label, dimension.choices))
    return f"the range {dimension.low:g} .. {dimension.high:g}"


def _suggest(trial: "optuna.Trial", path: str, dimension: Range | Choices) -> Any:
    if isinstance(dimension, Choices):
        return trial.suggest_categorical(path, [label(one) for one in dimension.choices])
    if dimension.whole:
        return trial.suggest_int(path, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(path, dimension.low, dimension.high, log=dimension.log)


def _probes(dimension: Range | Choices) -> tuple[Any, ...]:
    return dimension.choices if isinstance(dimension, Choices) else (dimension.low, dimension.high)


def _is_in(value: Any, dimension: Range) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return dimension.low <= value <= dimension.high and not (dimension.whole and value != int(value))


def _plain(table: Any) -> Values:
    values: Values = table.model_dump(mode="json", exclude_none=True)
    return values
