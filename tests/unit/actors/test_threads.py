"""The thread pool alone: no job is lost, at whatever moment it comes."""

import threading

from actors._threads import ThreadPool


class LateGate:
    """A gate that is opened just after its thread has given up waiting for it."""

    def __init__(self, gate, at_the_last_moment):
        self.gate = gate
        self.at_the_last_moment = at_the_last_moment

    def acquire(self, timeout=-1):
        if self.at_the_last_moment is not None and timeout != -1:
            act, self.at_the_last_moment = self.at_the_last_moment, None
            act()
            return False
        return self.gate.acquire(timeout=timeout)

    def release(self):
        self.gate.release()


def test_a_job_that_comes_as_its_thread_retires_is_run_and_so_is_the_next():
    pool, done = ThreadPool("test", keep_alive=5), [threading.Event() for _ in range(3)]

    def first():
        (worker,) = pool._workers
        worker.gate = LateGate(worker.gate, lambda: pool.submit(done[1].set))  # type: ignore[assignment]  # stands for a lock
        done[0].set()

    pool.submit(first)
    assert done[0].wait(5)
    assert done[1].wait(5)
    pool.submit(done[2].set)
    assert done[2].wait(5)
    pool.close()
    assert pool.busy == 0


def test_a_thread_that_retires_leaves_the_pool():
    pool, ran = ThreadPool("test", keep_alive=0.001), threading.Event()
    pool.submit(ran.set)
    assert ran.wait(5)
    for worker in list(pool._workers):
        assert worker.thread is not None
        worker.thread.join(5)
    assert (pool._workers, pool._idle, pool.busy) == (set(), [], 0)
