"""Processes that share a budget: real ones, foreign bytes, and files that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind

from eai_autotrace.config import Config
from eai_autotrace.sampling.board import Board
from eai_autotrace.sampling.factory import make_eai_sampler

WORKER = Path(__file__).parent / "worker.py"


@pytest.fixture
def folder(tmp_path):
    """A folder of this user's alone."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_four_processes_meet_one_target(folder):
    """
    Four processes with unequal load keep 10 traces a second together, within what chance allows.
    """
    seconds = 20
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, str(load), str(folder), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for load in (280, 80, 32, 8)
    ]
    found = [worker.communicate(timeout=120)[0].split() for worker in workers]

    # Counted from the second second on: before, they do not know each other.
    kept = sum(int(late) for late, _ in found)
    assert 7 < kept / (seconds - 2) < 13, found
    assert 0.7 < sum(float(adjusted) for _, adjusted in found) / (400 * seconds) < 1.3


def test_shares(folder):
    """
    Each process has the share of what begins in it; one alone has all.
    """
    boards = [Board("shop", folder) for _ in range(3)]
    other = Board("another service", folder)

    first = boards[0].share(99)
    other.share(1000)
    boards[1].share(100)
    found = [board.share(rate) for board, rate in zip(boards, (99, 100, 0), strict=True)]

    assert first == 1
    assert found == pytest.approx([0.5, 101 / 200, 1 / 200])
    boards[1].close()
    assert boards[0].share(99) == pytest.approx(1)


def test_a_process_that_has_ended(folder, monkeypatch):
    """
    What a process has written that is gone counts for some seconds, and its slot is free then.
    """
    Board("shop", folder).share(900)
    board = Board("shop", folder)
    assert board.share(99) == pytest.approx(0.1)

    later = time.monotonic() + 4
    monkeypatch.setattr("eai_autotrace.sampling.board.time.monotonic", lambda: later)

    assert board.share(99) == 1


def test_a_forked_process_has_a_slot_of_its_own(folder):
    """
    A child does not write over its parent's slot.
    """
    board = Board("shop", folder)
    board.share(99)
    child = os.fork()
    if not child:
        board.share(100)
        os._exit(0)
    os.waitpid(child, 0)

    assert board.share(99) == pytest.approx(0.5)


@pytest.mark.parametrize("content", [b"\xff" * 20_000, b"x" * 100, os.urandom(16_384), b""])
def test_foreign_bytes_count_for_nothing(folder, content):
    """
    Whatever stands in the file, a share is one, and the board is used.
    """
    Board("shop", folder).close()
    (path,) = folder.glob("*.board")
    path.write_bytes(content)

    share = Board("shop", folder).share(99)

    assert 0 < share <= 1


def test_a_full_board(folder):
    """
    With more processes than slots each still has a share.
    """
    boards = [Board("shop", folder) for _ in range(260)]

    shares = [board.share(1) for board in boards]

    assert all(0 < share <= 1 for share in shares)
    assert shares[-1] == pytest.approx(1 / 129, rel=0.01)


@pytest.mark.parametrize("how", ["readable by others", "a link"])
def test_a_file_that_is_not_ours_alone(folder, how):
    """
    A file that others can write, or a link to another file, is refused.
    """
    Board("shop", folder).close()
    (path,) = folder.glob("*.board")
    assert path.stat().st_mode & 0o777 == 0o600
    if how == "a link":
        path.rename(folder / "target")
        path.symlink_to(folder / "target")
    else:
        path.chmod(0o666)

    with pytest.raises(OSError, match=r"."):
        Board("shop", folder)


def test_without_a_place_each_process_is_by_itself(monkeypatch, caplog):
    """
    Where there can be no board, one line says so, and sampling works.
    """

    def refuse(*_):
        raise PermissionError("/dev/shm/x is not this user's alone")

    monkeypatch.setattr("eai_autotrace.sampling.board.Board", refuse)

    sampler = make_eai_sampler(Config(sampling_adaptive_enabled=True))

    assert sampler.decide_root(1, "x", SpanKind.SERVER, dict)[0] in {True, False}
    assert caplog.messages == [
        "OTEL_EAI_SAMPLING_SCOPE: /dev/shm/x is not this user's alone; each process keeps so many"
        " traces by itself"
    ]
