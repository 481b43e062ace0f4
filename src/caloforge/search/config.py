"""The table `[search]` of a run's config: the space that is searched, and the objectives."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from caloforge.config import Strict

Objective = Literal["auc", "ms"]
LEAVES = {"low", "high", "log", "choices"}  # keys of a range or of choices


class Range(Strict):
    """A range of numbers.

    Attributes:
        low, high: the ends, both included; values are whole numbers if both ends are.
        log: draw logarithms uniformly, not the numbers.
    """

    low: int | float
    high: int | float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, {self.low} is not less than {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low above 0, not {self.low}")
        return self


class Choices(Strict):
    """Values to choose from.

    Attributes:
        choices: numbers, words, lists or whole tables.
    """

    choices: Annotated[tuple[Any, ...], Field(min_length=2)]

    @field_validator("choices")
    @classmethod
    def _differ(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        for place, one in enumerate(choices):
            if any(one == other and type(one) is type(other) for other in choices[:place]):
                raise ValueError(f"the choice {one!r} is there twice")
        return choices


def _kind(value: Any) -> str:
    chosen = "choices" in value if isinstance(value, dict) else isinstance(value, Choices)
    return "choices" if chosen else "range"


Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(_kind),
]


class SearchConfig(Strict):
    """A search for hyper-parameters.

    Attributes:
        space: fields of `[model]` and `[training]` by dotted path, each with a range or with choices.
        objectives: quantities that are minimised: "auc", the distance of the judge's headline AUC from one half on the
            selection showers; "ms", the least processor time per shower of the exported model at batch 1 on one thread.
        prune: whether trials end early if their score on the selection showers is worse than the median at the same
            step; only with the one objective "auc".
        sampler: sampler of the values: "tpe", which learns from earlier trials, or "random".
        recipe: recipe of `[validation]` whose judge compares the trials.
    """

    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)] = ("auc",)
    prune: bool = False
    sampler: Literal["tpe", "random"] = "tpe"
    recipe: str = "quick"

    @field_validator("space", mode="before")
    @classmethod
    def _by_dotted_path(cls, space: Any) -> Any:
        """Join the parts of paths that TOML has read as tables because they are not quoted."""
        return dict(_leaves(space)) if isinstance(space, dict) else space

    @field_validator("objectives")
    @classmethod
    def _named_once(cls, objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if len(set(objectives)) < len(objectives):
            raise ValueError("an objective is there twice")
        return objectives

    @model_validator(mode="after")
    def _can_prune(self) -> Self:
        if self.prune and self.objectives != ("auc",):
            raise ValueError('prune = true needs objectives = ["auc"]: Optuna prunes trials of one objective only, and '
                             "times are known at the end alone")  # fmt: skip
        return self


def _leaves(space: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in space.items():
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, dict) and value and not LEAVES & value.keys():
            yield from _leaves(value, path)
        else:
            yield path, value
