"""New ids: of their shape and lane, and never the same twice, whoever asks at once."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from topup.kernel.ids import is_id, lane_of, new_id

MANY = 20_000


def test_an_id_has_its_kind_and_its_lane():
    for lane in (0, 7, 1023):
        identifier = new_id("order", lane)
        assert is_id("order", identifier)
        assert lane_of(identifier) == lane


def test_ids_sort_by_their_time():
    made = [new_id("order", 3)[4:14] for _ in range(MANY)]
    assert made == sorted(made)


def test_threads_that_ask_at_once_get_different_ids():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            made = [
                identifier
                for part in threads.map(lambda _: [new_id("order", 3) for _ in range(MANY)], range(8))
                for identifier in part
            ]
    finally:
        sys.setswitchinterval(before)
    assert len({identifier[16:] for identifier in made}) == 8 * MANY, "the chance alone tells them apart"


def test_a_child_process_does_not_give_its_parents_ids():
    new_id("order", 3)  # there is a stock now
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, "".join(new_id("order", 3)[16:] for _ in range(100)).encode())
        os._exit(0)
    os.close(writes)
    ours = {new_id("order", 3)[16:] for _ in range(100)}
    with os.fdopen(reads) as said:
        text = said.read()
    os.waitpid(child, 0)
    theirs = {text[start : start + 14] for start in range(0, len(text), 14)}
    assert len(theirs) == 100
    assert not ours & theirs
