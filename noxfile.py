"""Sessions for nox: lint, types, tests, coverage, lowest, base; `nox -s NAME` runs one."""

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"


@nox.session
def lint(session: nox.Session) -> None:
    """Style of all files."""
    session.install("ruff>=0.14")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Static types."""
    session.install("-c", "constraints.txt", "-e", ".[all,dev]")
    session.run("mypy")


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """All tests."""
    session.install("-e", ".[all,dev]")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """All tests, and the share of lines that they run, file by file."""
    session.install("-c", "constraints.txt", "-e", ".[all,dev]")
    session.install("coverage>=7.10")
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs)
    session.run("coverage", "report")


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """All tests on the lowest versions that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "-e", ".[all,dev]")
    session.run("pytest", "-q", "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session
def base(session: nox.Session) -> None:
    """What needs no extra: detectors, showers, GFlash, learned simulators, the command line."""
    session.install("-e", ".", "pytest>=8.4", "hypothesis>=6.130")
    places = ("tests/detector", "tests/showers", "tests/simulators/test_gflash.py", "tests/cli/test_listings.py")
    session.run("pytest", "-q", *places, *session.posargs)
