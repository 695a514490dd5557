"""Many at a time, none of which harms another."""

from __future__ import annotations

import os
import time

import pytest
from marking import crew
from marking.crew import each

# Tests have threads; marking has none when it forks.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")


def twice(number: int) -> tuple[int, int]:
    if number == 3:
        os._exit(1)
    if number == 1:
        time.sleep(0.5)
    return os.getpid(), 2 * number


def test_each_comes_as_it_is_finished_and_a_crash_costs_one():
    came = list(each(twice, range(1, 7), 2))
    results = {item: outcome and outcome[1] for item, outcome in came}
    assert results == {1: 2, 2: 4, 3: None, 4: 8, 5: 10, 6: 12}
    assert came[0][0] != 1
    assert os.getpid() not in {outcome[0] for _, outcome in came if outcome}


def test_helpers_are_gone_when_nobody_waits_any_more():
    running = each(lambda _: os.getpid() if _ else time.sleep(99), [1, 0, 0], 2)
    _, helper = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(helper, 0)


def test_what_computes_without_end_costs_one_and_ends_what_it_began(
    monkeypatch, tmp_path
):
    def work(number: int) -> int:
        try:
            while number == 2:
                time.process_time()
        finally:
            (tmp_path / str(number)).touch()
        return number

    monkeypatch.setattr(crew, "SECONDS", 0.2)
    assert dict(each(work, [1, 2, 3], 1)) == {1: 1, 2: None, 3: 3}
    assert (tmp_path / "2").exists()
