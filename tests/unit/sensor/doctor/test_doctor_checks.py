"""Each check of the doctor, against a fake /proc and a fake cgroup."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.procfs import Procfs
from sensor.app import rule_feed
from sensor.config.settings import Settings
from sensor.detect.shipped import shipped
from sensor.doctor import aws, destination, machine, pod, resources, rules, spool
from sensor.doctor.check import Check, degraded, ok, unavailable, worst
from sensor.model.protocols import HOST, Status
from tests.local_http import QuietHandler, serving
from tests.rules_from import rule_text

OVERLAY = "22 21 0:{} / / rw - overlay overlay rw\n"
DISK = "22 21 8:1 / / rw - ext4 /dev/sda1 rw\n"
DEFAULT_SET = 0xA80425FB


class FakeProc:
    """As much of /proc as the doctor reads; by default a container with a shared PID namespace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("self/cgroup", "0::/\n")
        self.write("self/mountinfo", OVERLAY.format(31))
        self.write("self/status", f"Name:\tpython\nCapPrm:\t0\nCapEff:\t{DEFAULT_SET:016x}\nCapBnd:\t0\n")
        self.write("1/cmdline", "/pause\0")
        self.write("1/mountinfo", OVERLAY.format(30))

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    @property
    def procfs(self) -> Procfs:
        return Procfs(str(self.root))


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def status(check: Check) -> Status:
    return check.capability.status


@pytest.mark.parametrize("platform", ["kubernetes", "eks-fargate"])
def test_a_sensor_that_is_not_root_in_a_pod_tells_what_that_costs(platform: str) -> None:
    found = pod.check(platform, 1000, frozenset())
    assert found is not None
    assert status(found) is Status.DEGRADED
    assert "same-uid: the sensor runs as uid 1000" in str(found.capability.reason)
    assert "no NET_RAW" in str(found.capability.reason)
    assert "fargate-sensor/security: root" in str(found.capability.mend)
    with_packets = pod.check(platform, 1000, frozenset({"NET_RAW"}))
    assert with_packets is not None
    assert "NET_RAW" not in str(with_packets.capability.reason)
    as_root = pod.check(platform, 0, frozenset({"NET_RAW"}))
    assert as_root is not None
    assert status(as_root) is Status.OK


@pytest.mark.parametrize("platform", ["ecs-fargate", "docker", "host"])
def test_pod_security_is_of_no_matter_elsewhere(platform: str) -> None:
    assert pod.check(platform, 1000, frozenset()) is None


@pytest.mark.parametrize("release", ["5.10.0", "5.15.0-amzn2", "6.18.44-fc", "10.0"])
def test_kernels_from_5_10_on_are_tested(release: str) -> None:
    assert machine.kernel(release) == ok("kernel", release)


@pytest.mark.parametrize("release", ["4.14.355-aws", "5.9", "unknown"])
def test_older_kernels_are_told(release: str) -> None:
    assert status(machine.kernel(release)) is Status.DEGRADED


def test_a_pause_container_means_a_shared_namespace(proc: FakeProc) -> None:
    proc.write("1/mountinfo", OVERLAY.format(31))
    assert status(machine.pid_namespace(proc.procfs, "c1")) is Status.OK


def test_a_first_process_from_another_container_does_too(proc: FakeProc) -> None:
    proc.write("1/cmdline", "nginx: master process nginx\0")
    assert status(machine.pid_namespace(proc.procfs, "c1")) is Status.OK


def test_a_first_process_of_our_own_container_means_that_we_are_alone(proc: FakeProc) -> None:
    proc.write("1/cmdline", "/usr/bin/python\0-m\0sensor.app\0")
    proc.write("1/mountinfo", OVERLAY.format(31))
    found = machine.pid_namespace(proc.procfs, "c1")
    assert status(found) is Status.UNAVAILABLE
    assert '"pidMode": "task"' in str(found.capability.mend)


def test_without_a_container_the_machine_is_seen(proc: FakeProc) -> None:
    assert status(machine.pid_namespace(proc.procfs, HOST)) is Status.OK


def test_without_a_first_process_nothing_is_claimed(proc: FakeProc) -> None:
    (proc.root / "1" / "cmdline").unlink()
    assert status(machine.pid_namespace(proc.procfs, "c1")) is Status.DEGRADED


def test_capabilities_have_names(proc: FakeProc) -> None:
    assert " ".join(sorted(machine.effective(proc.procfs.read("self/status")))) == (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP "
        "SETUID SYS_CHROOT"
    )


def test_without_sys_ptrace_less_is_seen(proc: FakeProc) -> None:
    found = machine.capabilities(proc.procfs)
    assert status(found) is Status.DEGRADED
    assert "SYS_PTRACE" in str(found.capability.mend)


def test_with_sys_ptrace_all_is_seen(proc: FakeProc) -> None:
    proc.write("self/status", f"Name:\tx\nCapEff:\t{DEFAULT_SET | 1 << 19:016x}\n")
    assert status(machine.capabilities(proc.procfs)) is Status.OK
    proc.write("self/status", "Name:\tx\nCapEff:\tffffffffffffffff\n")
    assert machine.capabilities(proc.procfs).capability.reason == "all"


@pytest.mark.parametrize(
    ("scope", "said"), [("0", "no limit"), ("1", "attaching is limited"), ("3", "nobody attaches")]
)
def test_yama_never_stands_in_the_way_of_reading(proc: FakeProc, scope: str, said: str) -> None:
    proc.write("sys/kernel/yama/ptrace_scope", scope + "\n")
    found = machine.yama(proc.procfs)
    assert status(found) is Status.OK
    assert said in str(found.capability.reason)


def test_a_kernel_without_yama(proc: FakeProc) -> None:
    assert machine.yama(proc.procfs) == ok("yama", "not in this kernel")


@pytest.mark.parametrize(
    ("instances", "watches", "expected"),
    [("128", "65536", Status.OK), ("128", "100", Status.DEGRADED), ("2", "65536", Status.DEGRADED)],
)
def test_few_inotify_watches_are_told(proc: FakeProc, instances: str, watches: str, expected: Status) -> None:
    assert status(machine.inotify(proc.procfs)) is Status.DEGRADED, "nothing can be read yet"
    proc.write("sys/fs/inotify/max_user_instances", instances + "\n")
    proc.write("sys/fs/inotify/max_user_watches", watches + "\n")
    assert status(machine.inotify(proc.procfs)) is expected


def test_the_own_container_is_found_by_cgroup_by_root_or_not_at_all(proc: FakeProc) -> None:
    assert machine.own_container(proc.procfs) == "root-0:31"
    proc.write("self/cgroup", "0::/docker/" + "a" * 64 + "\n")
    assert machine.own_container(proc.procfs) == "a" * 64
    proc.write("self/cgroup", "0::/user.slice\n")
    proc.write("self/mountinfo", DISK)
    assert machine.own_container(proc.procfs) == HOST


@pytest.mark.kernel
def test_the_real_machine_can_be_looked_at() -> None:
    names = [check.name for check in machine.checks(Procfs(), os.uname().release, None)]
    assert names == ["kernel", "python", "platform", "pid namespace", "capabilities", "yama", "inotify limits"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ok("memory limit", "none for this container")),
        ({"memory.max": "max"}, ok("memory limit", "none for this container")),
        ({"memory.max": str(128 << 20)}, ok("memory limit", "128 MiB")),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, ok("memory limit", "none for this container")),
        (
            {"memory/memory.limit_in_bytes": str(32 << 20)},
            degraded("memory limit", "32 MiB: little for a storm of events", "give it 64 MiB"),
        ),
    ],
)
def test_memory_limits_of_both_versions(tmp_path: Path, files: dict[str, str], expected: Check) -> None:
    write_all(tmp_path, files)
    assert resources.memory(tmp_path) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "none for this container"),
        ({"cpu.max": "max 100000"}, "none for this container"),
        ({"cpu.max": "25000 100000"}, "0.25 cores"),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "none for this container"),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, "0.50 cores"),
        ({"cpu.max": "5000 100000"}, "0.05 cores: storms of events will be thinned out"),
        ({"cpu.max": "5000 0"}, "none for this container"),
    ],
)
def test_processor_limits_of_both_versions(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    write_all(tmp_path, files)
    assert resources.processor(tmp_path).capability.reason == expected


def test_a_writable_root_is_no_fault_but_advice_follows(tmp_path: Path) -> None:
    assert resources.root_file_system(os.ST_RDONLY) == ok("root file system", "read-only")
    assert "readonlyRootFilesystem" in str(resources.root_file_system(0).capability.mend)
    assert "root file system" not in [check.name for check in resources.checks(tmp_path, contained=False)]


def write_all(directory: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(content + "\n")


class FakeIngest(QuietHandler):
    """Is healthy, below any prefix but /elsewhere."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(404 if self.path.startswith("/elsewhere") or not self.path.endswith("/healthz") else 200)


@pytest.fixture
def ingest() -> Iterator[str]:
    with serving(FakeIngest) as address:
        yield address


def test_an_ingest_that_answers_is_reachable(ingest: str) -> None:
    for url in (ingest, ingest + "/", ingest + "/behind/"):
        found = destination.check(Settings(ingest_url=url))
        assert found is not None
        assert status(found) is Status.OK


def test_something_else_that_answers_is_told(ingest: str) -> None:
    found = destination.check(Settings(ingest_url=ingest + "/elsewhere"))
    assert found == degraded("ingest", "answers its /healthz with 404", "is SENSOR_INGEST_URL an ingest?")


def test_an_ingest_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = destination.check(Settings(ingest_url=f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert found is not None
    assert status(found) is Status.UNAVAILABLE
    assert str(found.capability.reason).startswith("not reachable: ConnectError")


def test_an_authority_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    found = destination.check(Settings(ingest_url="https://a.example", ingest_ca_file=str(tmp_path)))
    assert found is not None
    assert status(found) is Status.UNAVAILABLE


def test_without_an_ingest_nothing_is_asked() -> None:
    assert destination.check(Settings()) is None
    assert destination.check(Settings(destinations=("stdout",), ingest_url="https://a.example")) is None


KINESIS = Settings(destinations=("kinesis",), aws_region="eu-central-1", kinesis_stream="events")


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_aws")
def test_credentials_of_aws_are_told_by_their_key() -> None:
    found = aws.check(replace(KINESIS, aws_access_key_id="AKIA1", aws_secret_access_key="hush"))
    assert found == ok("aws credentials", "AKIA1; whether they may write to kinesis is seen at the first record")


@pytest.mark.usefixtures("no_aws")
def test_a_login_with_a_role_needs_credentials_too() -> None:
    login = Settings(destinations=("ingest_http",), aws_region="eu-central-1", ingest_identity="aws")
    assert aws.check(replace(login, aws_access_key_id="AKIA1", aws_secret_access_key="hush")) == ok(
        "aws credentials", "AKIA1"
    )
    without = aws.check(login)
    assert without is not None
    assert status(without) is Status.UNAVAILABLE
    assert aws.check(replace(login, ingest_identity="token")) is None
    assert aws.check(replace(login, destinations=("stdout",))) is None


@pytest.mark.usefixtures("no_aws")
def test_without_credentials_of_aws_it_says_what_would_mend_it() -> None:
    found = aws.check(KINESIS)
    assert found is not None
    assert status(found) is Status.UNAVAILABLE
    assert str(found.capability.reason).startswith("no AWS credentials: give the task a role")


def test_without_an_aws_destination_nobody_is_asked() -> None:
    assert aws.check(Settings()) is None
    assert aws.check(replace(KINESIS, aws_region=None)) is None


def test_the_worst_decides() -> None:
    assert worst([]) is Status.OK
    assert worst([ok("a"), degraded("b", "x")]) is Status.DEGRADED
    assert worst([unavailable("c", "x"), ok("a"), degraded("b", "x")]) is Status.UNAVAILABLE


def test_the_spool_directory_is_looked_at_where_there_is_one(tmp_path: Path) -> None:
    assert spool.check(Settings()) is None
    found = spool.check(Settings(spool_dir=str(tmp_path), spool_disk_bytes=1))
    assert found is not None
    assert status(found) is Status.OK
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_a_spool_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    missing = spool.check(Settings(spool_dir=str(tmp_path / "missing")))
    small = spool.check(Settings(spool_dir=str(tmp_path), spool_disk_bytes=2**62))
    for found in (missing, small):
        assert found is not None
        assert status(found) is Status.DEGRADED
        assert str(tmp_path) in (found.capability.reason or "")


def test_rules_are_compiled_where_there_are_some(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(rule_text("sel: {Image: x}\ncondition: sel", title="own"))
    where = (str(tmp_path),)
    assert rules.check(Settings()) is None
    assert rules.check(Settings(rules=where, detection=False)) is None
    found = rules.check(Settings(rules=where))
    assert found == ok("rules", f"{len(shipped().rules) + 1} rules are loaded, 0 can match nothing here")


@pytest.mark.parametrize(
    ("where", "said"), [("missing", "/missing: no such file"), ("", "/a.yml:2: not readable"), ("", ", and 1 more; ")]
)
def test_rules_that_cannot_be_used_are_told_with_their_file(where: str, said: str, tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text("a: [")
    found = rules.check(Settings(rules=(str(tmp_path / where),)))
    assert found is not None
    assert status(found) is Status.DEGRADED
    assert said in str(found.capability.reason)
    assert "fargate-sensor rules check" in str(found.capability.mend)


def test_a_compiler_of_rules_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_feed.sys, "executable", "/bin/false")
    found = rules.check(Settings(rules=("/rules",)))
    assert found is not None
    assert status(found) is Status.DEGRADED
    assert "the compiler ended with 1" in str(found.capability.reason)
