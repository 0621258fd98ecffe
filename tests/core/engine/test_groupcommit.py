from __future__ import annotations

import pytest

from nosqlpy._core.engine.groupcommit import GroupCommit, Verdict
from nosqlpy.errors import StorageError

ME, OTHER = object(), object()


def group(lsn: int = 10) -> GroupCommit:
    """Return a group whose log is durable up to frame 5, and appended up to `lsn`."""
    made = GroupCommit(5)
    made.appended = lsn
    return made


def test_what_was_recovered_is_durable() -> None:
    assert GroupCommit(5).verdict(5) is Verdict.DONE


def test_the_first_who_waits_is_told_to_sync() -> None:
    assert group().verdict(6) is Verdict.SYNC


def test_whoever_comes_during_a_sync_waits() -> None:
    commits = group()
    commits.begin(ME)

    assert commits.verdict(6) is Verdict.WAIT


def test_a_sync_is_done_for_all_that_it_covers_and_no_more() -> None:
    commits = group()
    commits.begin(ME)
    commits.done(8)
    commits.end(ME)

    assert [commits.verdict(lsn) for lsn in (6, 8, 9)] == [Verdict.DONE, Verdict.DONE, Verdict.SYNC]


def test_a_sync_that_ends_late_takes_nothing_back() -> None:
    commits = group()
    commits.done(9)
    commits.done(7)

    assert commits.synced == 9


def test_only_its_owner_ends_a_sync() -> None:
    commits = group()
    commits.begin(ME)

    assert not commits.end(OTHER)
    assert commits.verdict(6) is Verdict.WAIT
    assert commits.end(ME)
    assert commits.verdict(6) is Verdict.SYNC


def test_a_sync_ends_once() -> None:
    commits = group()
    commits.begin(ME)
    commits.end(ME)

    assert not commits.end(ME)


def test_whoever_has_lost_a_sync_cannot_claim_it() -> None:
    commits = group()
    commits.begin(ME)
    commits.end(ME)
    commits.begin(OTHER)

    assert not commits.claim(ME)
    assert commits.claim(OTHER)


def test_a_sync_that_was_claimed_is_not_ended_as_unclaimed() -> None:
    commits = group()
    commits.begin(ME)
    commits.claim(ME)

    assert not commits.end(ME, unclaimed=True)
    assert commits.end(ME)


def test_a_sync_that_nobody_claimed_can_be_given_up() -> None:
    commits = group()
    commits.begin(ME)

    assert commits.end(ME, unclaimed=True)
    assert commits.verdict(6) is Verdict.SYNC


def test_a_failed_sync_is_never_tried_again() -> None:
    commits = group()
    commits.begin(ME)
    commits.fail(OSError("lost"))
    commits.end(ME)

    with pytest.raises(StorageError, match="unknown") as caught:
        commits.verdict(6)
    assert isinstance(caught.value.__cause__, OSError)


def test_what_was_durable_before_a_sync_failed_still_is() -> None:
    commits = group()
    commits.fail(OSError("lost"))

    assert commits.verdict(5) is Verdict.DONE


def test_the_first_failure_stands() -> None:
    commits = group()
    first, second = OSError("first"), OSError("second")
    commits.fail(first)
    commits.fail(second)

    assert commits.failure is first
