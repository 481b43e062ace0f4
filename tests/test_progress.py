"""Progress in a terminal and in the log of a batch job."""

import re

import pytest

from caloforge import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_five_percent_with_rate_and_time_left(clock, capfd):
    with progress.bar() as shown:
        task = shown.add_task("showers", total=1000, completed=100)
        for _ in range(90):
            clock[0] += 1.0
            shown.advance(task, 10)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "showers: 150/1000 (15%), 5 s elapsed, 10/s, 1 min 25 s left"
    assert lines[-1] == "showers: 1000/1000 (100%), 1 min 30 s elapsed"
    assert len(lines) == 18


def test_slow_work_is_told_every_minute(clock, capfd):
    with progress.bar() as shown:
        task = shown.add_task("training [bold]", total=100000)
        for step in range(1, 13):
            clock[0] += 20.0
            shown.update(task, completed=step, description=f"training [bold] loss {step}")
    lines = capfd.readouterr().err.splitlines()
    assert [re.search(r"loss \d+", line).group() for line in lines] == ["loss 3", "loss 6", "loss 9", "loss 12"]


def test_quiet_prints_nothing(capfd):
    with progress.bar(quiet=True) as shown:
        shown.advance(shown.add_task("showers", total=2), 2)
    assert capfd.readouterr().err == ""
