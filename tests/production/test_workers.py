"""Each thread has one simulator of one job, and no others for ever."""

import gc
import weakref

from caloforge.production.workers import Job
from caloforge.simulators import create


def test_a_thread_that_changes_jobs_lets_the_old_simulator_go(small):
    made = []

    def make():
        simulator = create("gflash", small)
        made.append(weakref.ref(simulator))
        return simulator

    one, other = Job("one", make, 1), Job("other", make, 1)
    assert one._own_simulator() is one._own_simulator()
    other._own_simulator()
    gc.collect()
    assert [ref() is None for ref in made] == [True, False]
    other.close()
    gc.collect()
    assert made[1]() is None
