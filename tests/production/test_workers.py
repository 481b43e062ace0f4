"""Each worker thread keeps the simulator of one job, and drops it when it takes another job."""

import gc
import weakref

from caloforge.production.workers import Job
from caloforge.simulators import create


def test_a_thread_that_changes_jobs_drops_the_old_simulator(small):
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
