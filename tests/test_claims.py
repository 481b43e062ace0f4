"""One process at a time has an output or folder; the dead give way, and no lock of the file system is needed."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from caloforge import claims
from caloforge.claims import claim, is_held
from caloforge.errors import InputError, RunError
from caloforge.files import lock_name

HOLD = """
import sys
from pathlib import Path
from caloforge.claims import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""
ELSEWHERE = {"host": "there", "machine": "01234567", "pid": os.getpid(), "start": 1, "since": "2026-01-02 03:04:05"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT", 0.2)
    monkeypatch.setattr(claims, "SILENCE", 1.0)
    monkeypatch.setattr(claims, "POLL_SECONDS", 0.02)


@pytest.fixture(params=["file", "folder"])
def path(request, tmp_path):
    if request.param == "folder":
        (tmp_path / "run").mkdir()
        return tmp_path / "run"
    return tmp_path / "out.h5"


def hold(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def killed(path):
    process = hold(path)
    process.kill()
    process.communicate()
    return process.pid


def everything(path):
    folder = path if path.is_dir() else path.parent
    return [entry.name for entry in folder.rglob("*")]


def test_the_second_is_told_who_is_first(path):
    process = hold(path)
    said = rf"being written by process {process.pid} on \S+ since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    with pytest.raises(InputError, match=said):
        claim(path)
    process.communicate(b"\n")
    claim(path).release()
    assert not everything(path)


def test_a_claim_needs_no_links_and_no_locks(path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("fcntl.flock", refuse)
    with claim(path) as first:
        with pytest.raises(InputError, match="is being written"):
            claim(path)
        first.check()
    assert not everything(path)


def test_the_claim_of_a_killed_process_is_taken_over_and_told(path):
    pid, said = killed(path), []
    with claim(path, say=said.append) as held:
        held.check()
    assert len(said) == 1
    assert f"process {pid} on" in said[0]
    assert "has ended; it is taken over" in said[0]
    assert not everything(path)


def test_of_many_that_find_a_dead_claim_one_gets_it(path):
    killed(path)
    barrier = threading.Barrier(8)

    def attempt(_):
        barrier.wait()
        try:
            return claim(path, say=lambda _: None)
        except InputError:
            return None

    with ThreadPoolExecutor(8) as pool:
        held = [one for one in pool.map(attempt, range(8)) if one]
    assert len(held) == 1
    held[0].check()
    held[0].release()
    assert not everything(path)


def test_a_newer_lock_with_the_file_number_of_a_dead_one_stays(path):
    killed(path)
    lock = lock_name(path)
    dead = claims._owner(lock)
    alive = {**json.loads(lock.read_text()), "pid": os.getpid()}
    lock.write_text(json.dumps(alive))  # in place: the same number
    claims._remove_stale(lock, dead)
    assert json.loads(lock.read_text()) == alive


def test_a_process_elsewhere_lives_as_long_as_it_beats(path):
    lock = lock_name(path)
    lock.write_text(json.dumps(ELSEWHERE))
    stop = threading.Event()

    def beat():
        while not stop.wait(0.1):
            os.utime(lock)

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(InputError, match=f"process {os.getpid()} on there since 2026-01-02 03:04:05"):
        claim(path, say=lambda _: None)
    stop.set()
    thread.join()
    said, begin = [], time.monotonic()
    claim(path, say=said.append).release()
    assert 0.5 < time.monotonic() - begin < 10
    assert "waiting for a sign of its life" in said[0]
    assert "taken over" in said[-1]
    assert not everything(path)


def test_a_claim_beats(path):
    with claim(path):
        first = lock_name(path).stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while lock_name(path).stat().st_mtime_ns == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"pid": null}', b"\xff"])
def test_a_damaged_claim_is_waited_for_and_taken_over(path, content):
    lock_name(path).write_bytes(content)
    claim(path, say=lambda _: None).release()
    assert not everything(path)


def test_a_claim_that_was_taken_over_is_noticed(path):
    with claim(path) as first:
        lock_name(path).unlink()
        with claim(path) as second:
            with pytest.raises(RunError, match="taken over by another process"):
                first.check()
            first.release()
            second.check()


def test_whoever_waits_comes_next(path):
    first, said = claim(path), []
    threading.Timer(0.3, first.release).start()
    with claim(path, wait=True, say=said.append) as second:
        second.check()
    assert "waiting" in said[0]
    assert not everything(path)


def test_what_a_killed_taker_left_does_not_stop_the_next(path):
    killed(path)
    lock_name(path).with_suffix(".takeover").touch()
    claim(path, say=lambda _: None).release()
    assert not everything(path)


def test_whether_a_claim_is_held_is_told_at_once(path):
    assert not is_held(path)
    with claim(path):
        assert is_held(path)
    assert not is_held(path)
    killed(path)
    assert not is_held(path)
    lock_name(path).write_text(json.dumps(ELSEWHERE))
    assert is_held(path)
    time.sleep(1.2)  # without a heartbeat
    assert not is_held(path)
