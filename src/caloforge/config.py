"""Strict, typed, frozen configuration: an unknown key is an error that names the nearest known one."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from caloforge import units
from caloforge.errors import InputError, nearest
from caloforge.files import MAX_TEXT, read_text

MAX_KEY = 60  # characters of a wrong key in messages
MAX_MESSAGE = 300  # characters
SIMPLE_TYPES = ("constrained-int", "constrained-float", "constrained-str")  # pydantic's names of types in a union
MAX_DEPTH = 32  # parts of a dotted key; the parser's memory grows with their square
DEEP_KEY = re.compile(r"""(?m)(?:^|[\[{,])[ \t]*+(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")


def _positive_energy(text: str) -> str:
    if units.energy(text) <= 0:
        raise ValueError(f"energy must be positive, '{text}' is not")
    return text


PositiveEnergy = Annotated[str, AfterValidator(_positive_energy)]  # such as "10 GeV"


class Strict(BaseModel):
    """Base of everything read from TOML: frozen, no unknown keys, no silent conversions of type."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """Build from TOML text.

        Raises:
            InputError: not TOML, or a key or value that does not fit; the message names `source` and the key.
        """
        return cls.build(parse_toml(text, source), source)

    @classmethod
    def build(cls, values: dict[str, Any], source: str) -> Self:
        """Build from a dictionary.

        Raises:
            InputError: a key or value that does not fit.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(f"{source}: {_explain(error, cls)}") from None


def read_file(cls: type[Strict], path: Path) -> Any:
    """Read a TOML file into `cls`.

    Raises:
        InputError: no such file, no regular one, not text, or content that does not fit.
    """
    return cls.read(read_text(path), str(path))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML of bounded size and depth.

    Raises:
        InputError: not TOML, longer than 4 MiB, or with keys or values nested too deeply; the message names `source`.
    """
    if len(text) > MAX_TEXT:
        raise InputError(f"{source} is longer than {MAX_TEXT >> 20} MiB")
    if DEEP_KEY.search(text):
        raise InputError(f"{source} is nested too deeply: a key may have {MAX_DEPTH} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{source} is nested too deeply") from None
    except ValueError as error:  # of the parser, or of a number with thousands of digits
        raise InputError(f"{source} is not valid TOML: {str(error)[:MAX_MESSAGE]}") from None


def _explain(error: ValidationError, cls: type[BaseModel]) -> str:
    """First problem of a validation error as one line; an unknown key is named before a missing one."""
    first = min(error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden")
    path, known = _followed(cls, first["loc"])
    where = ".".join(str(part)[:MAX_KEY] for part in path)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'; {nearest(str(path[-1])[:MAX_KEY], known)}"
    if first["type"] == "missing":
        return f"key '{where}' is missing"
    if first["type"] == "union_tag_invalid":
        known = [tag.strip(" '") for tag in first["ctx"]["expected_tags"].split(",")]
        return f"unknown kind '{str(first['ctx']['tag'])[:MAX_KEY]}' of {where}; {nearest(first['ctx']['tag'], known)}"
    message = first["msg"].removeprefix("Value error, ")[:MAX_MESSAGE]
    return f"{where}: {message}" if where else message


def _followed(cls: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[int | str], list[str]]:
    """Location as the file spells it, without the kinds that choose a model of a union, and the keys known there."""
    current: list[type[BaseModel]] = [cls]
    path: list[int | str] = []
    for i, part in enumerate(location):
        chosen = [model for model in current if part in _kinds(model)]
        if chosen and i < len(location) - 1:
            current = chosen
            continue
        if part in SIMPLE_TYPES:
            continue
        path.append(part)
        if i < len(location) - 1:
            fields = [model.model_fields[part] for model in current if part in model.model_fields]
            current = [m for field in fields for m in _models_in(field.annotation)] if fields else current
    return path, [field.alias or name for model in current for name, field in model.model_fields.items()]


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """Words by which a union chooses this model."""
    field = model.model_fields.get("kind")
    return getattr(field.annotation, "__args__", ()) if field else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def flat(values: Any, above: str = "") -> dict[str, Any]:
    """Keys of nested tables by dotted name; lists stay whole."""
    if not isinstance(values, dict):
        return {above: values}
    return {
        name: one
        for key, value in values.items()
        for name, one in flat(value, f"{above}.{key}" if above else key).items()
    }
