"""CPU and memory of the sensor's other processes, out of made-up files of /proc."""

import errno
import os
import resource

from sensor.telemetry.helper_use import HelperUse

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = resource.getpagesize()


class Proc:
    """Processes as /proc has them: start, CPU seconds, resident and shared pages."""

    def __init__(self, **processes: tuple[int, float, int, int]) -> None:
        self.processes = {int(name[1:]): facts for name, facts in processes.items()}
        self.listed = [*self.processes, 99]
        self.fails: set[int] = set()

    def read(self, path: str) -> bytes:
        _, _, pid, name = path.split("/")
        if int(pid) in self.fails:
            raise OSError(errno.EMFILE, "Too many open files")
        if int(pid) not in self.processes:
            raise FileNotFoundError(path)
        start, seconds, resident, shared = self.processes[int(pid)]
        if name == "statm":
            return b"99999 %d %d 1 0 5 0\n" % (resident, shared)
        ticks = int(seconds * TICKS)
        head = b"%s (a ) name) S 1 1 1 0 -1 4194560 100 0 0 0 " % pid.encode()
        return head + b"%d %d 0 0 20 0 1 0 %d 9 9 9\n" % (ticks - ticks // 4, ticks // 4, start)

    def use(self) -> HelperUse:
        return HelperUse(lambda: self.listed, self.read)


def test_the_cpu_of_all_is_added_up_and_that_of_one_that_ended_stays() -> None:
    proc = Proc(p7=(100, 1.0, 10, 5), p8=(100, 2.0, 10, 5))
    use = proc.use()

    first = use.cpu_s()
    proc.processes[7] = (100, 1.5, 10, 5)
    del proc.processes[8]

    assert (first, use.cpu_s(), use.cpu_s()) == (3.0, 3.5, 3.5)


def test_one_that_cannot_be_read_for_a_while_is_not_counted_twice() -> None:
    proc = Proc(p7=(100, 300.0, 1_000, 400), p8=(100, 1.0, 1_200, 400))
    use = proc.use()
    use.cpu_s()
    proc.fails = {7}
    assert (use.cpu_s(), use.memory()) == (301.0, 800 * PAGE)
    proc.processes[7] = (100, 300.5, 1_000, 400)
    proc.fails = set()
    assert (use.cpu_s(), use.memory()) == (301.5, 800 * PAGE)


def test_one_that_is_listed_no_more_is_forgotten() -> None:
    proc = Proc(p7=(100, 300.0, 1_000, 400))
    use = proc.use()
    use.cpu_s()
    proc.listed = []
    assert (use.cpu_s(), use.memory()) == (300.0, 0)


def test_another_process_with_the_same_number_begins_from_nothing() -> None:
    proc = Proc(p7=(100, 4.0, 10, 5))
    use = proc.use()
    use.cpu_s()
    proc.processes[7] = (200, 0.5, 10, 5)

    assert use.cpu_s() == 4.5


def test_what_forks_share_is_counted_once() -> None:
    use = Proc(p7=(100, 0.0, 1_000, 400), p8=(100, 0.0, 1_010, 400), p9=(100, 0.0, 3_000, 400)).use()

    assert use.memory() == 0
    use.cpu_s()
    assert use.memory() == (600 + 10 + 2_000) * PAGE


def test_without_helpers_there_is_nothing() -> None:
    use = Proc().use()

    assert (use.cpu_s(), use.memory()) == (0.0, 0)
