"""Configuration: strict, typed, frozen, with errors that name the key."""

import os
import tracemalloc
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from caloforge.config import Strict, read_file
from caloforge.errors import InputError, nearest
from caloforge.units import Energy, Length


class Inner(Strict):
    size: Length = 1.0
    count: Annotated[int, Field(ge=1)] = 1


class Round(Strict):
    kind: Literal["round"] = "round"
    radius: Length = 1.0


class Square(Strict):
    kind: Literal["square"] = "square"
    side: Length = 1.0


class Outer(Strict):
    energy: Energy
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    many: Annotated[int, Field(ge=1)] | str = 1
    shape: Annotated[Round | Square, Field(discriminator="kind")] = Round()


def test_reads_units_and_nested_tables():
    config = Outer.read('energy = "2 GeV"\n[inner]\nsize = "3 cm"\n[[several]]\ncount = 2\n', "x.toml")
    assert config.energy == 2000
    assert config.inner.size == 30
    assert config.several[0].count == 2


def test_is_frozen():
    config = Outer(energy="1 GeV")
    with pytest.raises(ValidationError):
        config.energy = 3.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('enregy = "1 GeV"', "x.toml: unknown key 'enregy'; did you mean 'energy'"),
        ('energy = "1 GeV"\n[inner]\nsise = "1 mm"', "x.toml: unknown key 'inner.sise'; did you mean 'size'"),
        ('energy = "1 GeV"\n[[several]]\ncont = 1', "unknown key 'several.0.cont'; did you mean 'count'"),
        (
            'energy = "1 GeV"\nshape = {kind = "round", radus = "1 mm"}',
            "unknown key 'shape.radus'; did you mean 'radius'",
        ),
        ('energy = "1 GeV"\nshape = {kind = "round", edge = "1 mm"}', "unknown key 'shape.edge'; known: kind, radius"),
        ('energy = "1 GeV"\nshape = {kind = "round", radius = "1"}', "x.toml: shape.radius: length '1' has no unit"),
        ('energy = "1 GeV"\nshape = {kind = "rond"}', "x.toml: unknown kind 'rond' of shape; did you mean 'round'?"),
        ('energy = "1 GeV"\nmany = 0', "x.toml: many: Input should be greater than or equal to 1"),
        ("", "x.toml: key 'energy' is missing"),
        ('energy = "1"', "energy: energy '1' has no unit"),
        ('energy = "1 GeV"\n[inner]\ncount = 0', "inner.count: Input should be greater than or equal to 1"),
        ('energy = "1 GeV"\n[inner]\ncount = "two"', "inner.count"),
        ("energy = ", "x.toml is not valid TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "x.toml"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(InputError) as error:
        Outer.read(text, "x.toml")
    assert message in str(error.value)
    assert str(error.value).count("\n") < 3


def test_reads_files(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('energy = "1 GeV"')
    assert read_file(Outer, path).energy == 1000
    path.write_bytes(b"\xff\xfe energy")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_file(Outer, path)
    with pytest.raises(InputError, match="No such file"):
        read_file(Outer, tmp_path / "absent.toml")
    with pytest.raises(InputError, match="is a folder, device or pipe"):
        read_file(Outer, tmp_path)


def test_reads_regular_files_of_bounded_size_only(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"):
            read_file(Outer, path)
    big = tmp_path / "big.toml"
    with big.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="such files may have 4 MiB"):
        read_file(Outer, big)


@pytest.mark.parametrize("key", [".".join("a" * 100_000), " . ".join(['"a b"'] * 20_000), ".".join(["'a'", "b"] * 20)])
def test_deep_keys_cost_no_memory(key):
    tracemalloc.start()
    with pytest.raises(InputError, match="nested too deeply: a key may have 32 parts"):
        Outer.read(f"{key} = 1", "x.toml")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_dots_in_values_are_no_depth():
    text = "energy = '" + "1. " * 100 + "'\nenergy2 = [" + "1.5, " * 100 + "]"
    with pytest.raises(InputError, match="unknown key 'energy2'"):
        Outer.read(text, "x.toml")


def test_nearest_names_one_word_or_a_dozen():
    assert nearest("electrno", ["electron", "muon"]) == "did you mean 'electron'?"
    assert nearest("xyz", ["b", "a"]) == "known: a, b"
    assert nearest("xyz", [f"word{i:02}" for i in range(30)]).endswith("word11, ...")
