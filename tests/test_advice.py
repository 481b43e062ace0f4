"""What messages advise loses nothing: whoever follows the first advice keeps all files."""

import ast
from pathlib import Path

SOURCES = sorted((Path(__file__).parents[1] / "src" / "caloforge").rglob("*.py"))
HARMLESS = ("another", "--resume continues", "continue with the former")


def texts(node):
    """The constant text of a message, with names of constants where they are put in."""
    return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in getattr(node, "values", [node]))


def messages():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                for found in ast.walk(node):
                    if isinstance(found, ast.JoinedStr) or (
                        isinstance(found, ast.Constant) and isinstance(found.value, str)
                    ):
                        yield path.name, texts(found)


def test_messages_advise_what_loses_nothing_before_anything_else():
    every = list(messages())
    assert len(every) > 200
    forced = [(name, text) for name, text in every if "--force" in text]
    assert len(forced) >= 4
    for name, text in forced:
        first = min((text.find(word) for word in HARMLESS if word in text), default=len(text))
        assert first < text.index("--force"), f"{name}: {text}"
    bad = [(name, text) for name, text in every if "delete it" in text or "remove it" in text or "; delete" in text]
    assert not bad
