"""A replica through its incarnations, whatever runs its processes."""

from framegraph.supervisor.replica import STDERR_LINES, Child
from framegraph.supervisor.runner import ProcessSpec
from framegraph.wire.status_page import Status


class Process:
    """Does what the test says, on no host."""

    pid, fds = 7, (1,)

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.exit_status: int | None = None
        self.lines: list[str] = []
        self.is_forgotten = False

    def poll(self) -> int | None:
        return self.exit_status

    def stderr_lines(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def status(self) -> Status:
        return Status(incarnation=self.spec.incarnation, done=5)

    def memory_bytes(self) -> int:
        return 1000

    def had_memory(self) -> bool:
        return True

    def kill(self) -> None:
        self.exit_status = -9

    def end(self) -> None:
        self.kill()

    def forget(self) -> None:
        self.is_forgotten = True


class Started:
    """The runner of a place where nothing runs."""

    def __init__(self) -> None:
        self.processes: list[Process] = []

    def start(self, spec: ProcessSpec) -> Process:
        self.processes.append(Process(spec))
        return self.processes[-1]


def test_a_replica_is_one_whatever_becomes_of_its_processes() -> None:
    runner, child = Started(), Child("work", 1, threads=2)
    assert (child.state, child.pid, child.fds, child.status()) == ("stopped", 0, (), Status(incarnation=-1))
    identities = set()
    for incarnation in range(3):
        child.start(runner)
        identities.add(child.identity)
        assert (child.state, child.is_alive, child.pid, child.reap()) == ("starting", True, 7, None)
        child.statistics = {"frames": 10, "is_slow": True}
        child.kill()
        assert (child.reap(), child.reap()) == (-9, None)
        assert (child.state, child.is_alive, child.pid) == ("ended", False, 0)
        assert child.status() == Status(incarnation=incarnation, done=5), "its last words"
    assert len(identities) == 3
    assert [process.spec.threads for process in runner.processes] == [2, 2, 2]
    assert child.total("frames") == 30
    child.close()
    assert runner.processes[-1].is_forgotten


def test_its_last_lines_are_kept_until_the_next_start() -> None:
    runner, child = Started(), Child("work", 0)
    child.start(runner)
    runner.processes[0].lines = [str(number) for number in range(100)]
    assert len(child.read_stderr()) == 100
    runner.processes[0].lines = ["the last"]
    child.kill()
    child.reap()
    assert len(child.stderr_tail) == STDERR_LINES
    assert list(child.stderr_tail)[-2:] == ["99", "the last"]
    child.start(runner)
    assert not child.stderr_tail


def test_a_kill_for_a_hang_is_not_one_from_outside() -> None:
    runner, child = Started(), Child("work", 0)
    child.start(runner)
    assert child.was_killed(-9)
    assert not child.was_killed(-11)
    child.has_hung = True
    assert not child.was_killed(-9)
