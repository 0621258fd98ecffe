"""The line of those who wait for the lock of writers: who has waited long goes first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from nosqlpy import Client
from nosqlpy._core.engine.shared import WAITING, private_words
from nosqlpy._io.storage import line
from nosqlpy._io.storage.files import FileStorage
from nosqlpy._io.storage.line import GIVE_WAY_S, PATIENCE_S, STALE_MS, Line
from nosqlpy.errors import LockedError

ADA, BOB = 11, 12


class Clock(SimpleNamespace):
    """A clock that goes on when somebody sleeps."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(line, "time", made)
    return made


def refusal(timeout_s: float) -> LockedError:
    return LockedError(f"waited {timeout_s}")


def says_that_she_waits(words: memoryview) -> None:
    """Leave the word of a process that waits, as it is while she does."""
    word = 0

    def taken_after_long() -> bool:
        nonlocal word
        word = words[WAITING]
        return word != 0

    Line(words, ADA).wait(taken_after_long, 10, refusal)
    words[WAITING] = word


def test_who_gets_the_lock_at_once_says_nothing(clock: Clock) -> None:
    words = private_words()
    Line(words, ADA).wait(lambda: words[WAITING] == 0, 0, refusal)

    assert words[WAITING] == 0
    assert clock.now == 1000.0


def test_who_has_waited_says_so_until_he_has_the_lock(clock: Clock) -> None:
    words = private_words()
    Line(words, ADA).wait(lambda: words[WAITING] != 0, 10, refusal)

    assert PATIENCE_S <= clock.now - 1000 < 2 * PATIENCE_S
    assert words[WAITING] == 0


def test_who_gives_up_does_not_wait_any_more(clock: Clock) -> None:
    words = private_words()
    with pytest.raises(LockedError, match=r"waited 0\.5"):
        Line(words, ADA).wait(lambda: False, 0.5, refusal)

    assert 0.5 <= clock.now - 1000 < 0.51
    assert words[WAITING] == 0


def test_others_let_him_go_first_for_a_while(clock: Clock) -> None:
    words = private_words()
    says_that_she_waits(words)
    began = clock.now
    Line(words, BOB).wait(lambda: True, 10, refusal)

    assert GIVE_WAY_S <= clock.now - began < 2 * GIVE_WAY_S
    assert words[WAITING] != 0, "she still waits"


def test_nobody_waits_for_one_who_has_ended(clock: Clock) -> None:
    words = private_words()
    says_that_she_waits(words)
    clock.now += (STALE_MS + 1) / 1000
    began = clock.now
    Line(words, BOB).wait(lambda: True, 10, refusal)

    assert clock.now == began
    assert words[WAITING] == 0


def test_a_word_from_the_future_is_nobody_s(clock: Clock) -> None:
    words = private_words()
    words[WAITING] = 2**64 - 1
    Line(words, BOB).wait(lambda: True, 10, refusal)

    assert clock.now == 1000.0
    assert words[WAITING] == 0


def test_a_lock_that_is_free_is_left_to_one_who_waits(tmp_path: Path) -> None:
    with Client(tmp_path / "data") as db:
        db["x"].insert_one({"_id": 1})
        storage = FileStorage(tmp_path / "data")
        storage.lock(shared=False, timeout_s=0)
        storage.attend(exclusive=False)
        storage.unlock()
        storage.words[WAITING] = 1
        left = storage.try_lock()
        storage.words[WAITING] = 0
        taken = storage.try_lock()
        storage.close()

    assert not left
    assert taken
