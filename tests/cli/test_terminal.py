"""Whatever standard output is, the work is kept, the exit code is true, and no traceback is printed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from caloforge.cli.judge import _say
from caloforge.processes import undisturbed
from caloforge.showers import read

MAIN = "from caloforge.cli import main; main()"
PRODUCE = ["produce", "--detector", "calogan-ecal", "--particle", "e+", "--energy", "1 GeV", "-n", "3", "--seed", "1",
           "--simulator", "gflash", "-o", "out.h5"]  # fmt: skip


def run(folder, words, redirect="", **environment):
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", MAIN, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.parametrize("redirect", ["> /dev/full", ">&-", "> /dev/full 2>&1", ">&- 2>&- <&-"])
def test_work_is_done_whatever_becomes_of_what_it_prints(tmp_path, redirect):
    result = run(tmp_path, PRODUCE, redirect)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert len(read(tmp_path / "out.h5")) == 3
    if redirect == "> /dev/full":
        assert result.stderr.endswith("standard output took no more: No space left on device\n")


@pytest.mark.parametrize("words", [["detectors"], ["detectors", "calogan-ecal"], ["--version"], ["produce", "--help"]])
def test_what_only_prints_has_failed_if_it_cannot(tmp_path, words):
    result = run(tmp_path, words, "> /dev/full")
    assert result.returncode == 1
    assert result.stderr == "standard output took no more: No space left on device\n"


def test_a_reader_that_has_had_enough_is_no_error_to_speak_of(tmp_path):
    result = run(tmp_path, ["detectors"], "| true")
    assert result.stderr == ""


@pytest.mark.parametrize("words", [["detectors"], ["detectors", "calogan-ecal"], ["produce", "--help"]])
def test_plain_characters_where_the_terminal_has_no_others(tmp_path, words):
    result = run(tmp_path, words, LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert result.stdout


def test_brackets_are_no_markup(capsys):
    _say("install caloforge[geant4]")
    assert capsys.readouterr().out == "install caloforge[geant4]\n"


def test_symbols_are_spelt_out(tmp_path):
    code = "from caloforge import terminal; terminal.protect(); print('1 ± 2 µm → é 中')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert result.stdout == "1 +- 2 um -> e ?\n", result.stderr


def test_terminated_work_says_so_and_leaves_no_claim(tmp_path):
    words = [word if word != "3" else "100000" for word in PRODUCE]
    command = [sys.executable, "-c", MAIN, *words, "--quiet"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out.h5.parts/shard-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.startswith("stopped; finished parts are kept")
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5.parts"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_a_file_to_be_written(number):
    seen = []

    def stop(*_):
        seen.append("stopped")

    before = signal.signal(number, stop)
    try:
        with undisturbed():
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            seen.append("written")
        assert seen == ["written", "stopped"]
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)


SWALLOWED = """
import os, signal, sys, time
from caloforge import cli
class Dying:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv.pop()))
        for _ in range(1000):
            pass
def work():
    Dying()
    time.sleep(30)
    print("survived")
cli.app = work
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_within_a_destructor_is_not_lost(tmp_path, number):
    command = [sys.executable, "-c", SWALLOWED, str(int(number))]
    # a shell starts what it runs in the background with SIGINT ignored, which children inherit
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)
    )
    assert "survived" not in result.stdout
    assert "Exception ignored" not in result.stderr
    assert result.returncode in (128 + signal.SIGTERM, 1, 130, -signal.SIGINT)
