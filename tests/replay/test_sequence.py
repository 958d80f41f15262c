"""Which answer comes next."""

from __future__ import annotations

from threading import Thread

from gracy_transport.replay.run import Run
from gracy_transport.replay.sequence import LAST, Sequences


def test_each_request_has_a_sequence_of_its_own() -> None:
    """The first answer, the second, the third; another request begins anew."""
    sequences = Sequences()
    assert [sequences.take(1) for _ in range(3)] == [0, 1, 2]
    assert [sequences.take(2), sequences.take(1)] == [0, 3]


def test_the_last_answer_is_repeated() -> None:
    """Once it is known that there are no more; for that request alone."""
    sequences = Sequences()
    sequences.take(1)
    sequences.end(1)
    assert [sequences.take(key) for key in (1, 1, 2)] == [LAST, LAST, 0]


def test_a_request_without_an_answer_is_forgotten() -> None:
    """Asking for what was never recorded leaves nothing behind, and a recording of it begins at the beginning."""
    sequences = Sequences()
    for key in (1, 2):
        sequences.take(key)
    sequences.forget(1)
    sequences.forget(3)
    assert [sequences.take(1), sequences.take(2)] == [0, 1]


def test_only_the_first_recording_of_a_run_is_the_first() -> None:
    """It replaces what earlier runs left; asking is another matter than recording."""
    run = Run()
    run.take(1)
    assert not run.has_begun(1)
    assert not run.has_recorded
    assert [run.begin(key) for key in (1, 1, 2, 1)] == [True, False, True, False]
    assert run.has_begun(1)
    assert run.has_recorded


def test_a_run_begins_when_it_first_records() -> None:
    """And not again, whatever the time of day is by then."""
    run = Run()
    assert run.since is None
    assert [run.start(now) for now in (7.0, 5.0, 9.0)] == [7.0, 7.0, 7.0]
    assert run.since == 7.0


def test_what_follows_on_earlier_runs_replaces_nothing() -> None:
    """The first to find out where they ended says so for all; what was begun goes on as it was."""
    run = Run()
    run.follow(1, 3)
    run.follow(1, 4)
    assert [run.take(1), run.take(1)] == [3, 4]
    assert not run.begin(1)
    run.begin(2)
    run.follow(2, 3)
    assert run.take(2) == 0


def test_what_became_too_old_is_begun_anew() -> None:
    """Then the next is the first again, and replaces."""
    run = Run()
    for _ in range(2):
        run.take(1)
        run.begin(1)
    run.begin_anew(1)
    assert run.take(1) == 0
    assert run.begin(1)


def test_threads_never_take_the_same_position() -> None:
    """Each answer goes to one of them."""
    sequences = Sequences()
    taken: list[int] = []
    threads = [Thread(target=lambda: taken.extend([sequences.take(1) for _ in range(500)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(2000))


def test_a_destructor_may_end_one_recording_while_its_thread_counts_another() -> None:
    """What a loop that ended has left behind is closed wherever the garbage collector finds it."""

    class Key:
        """The garbage collector comes when it is looked for."""

        def __hash__(self) -> int:
            run.has_saved_first(1)
            return 2

    run, taken = Run(), list[int]()
    run.begin(1)
    thread = Thread(target=lambda: taken.append(run.take(Key())), daemon=True)
    thread.start()
    thread.join(10)
    assert taken == [0]
