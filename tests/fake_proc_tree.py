"""A /proc that a test writes, for what reads the processes of a task."""

import os
import shutil
from pathlib import Path

from collectors.procfs import Credentials, Procfs, parse_credentials


class WrittenProcfs(Procfs):
    """What a test writes belongs to whoever runs the test: who a process runs as is what its `status` says."""

    def credentials(self, pid: int) -> Credentials:
        return parse_credentials(self.record(f"{pid}/status", 16_384))


class FakeProc:
    """A /proc tree with one file for each thing that is read."""

    def __init__(self, root: Path, own_cgroup: str = "0::/", own_root: str = "254:0 / / rw - ext4") -> None:
        self.root = root
        self.procfs = WrittenProcfs(str(root))
        (root / "self" / "ns").mkdir(parents=True)
        (root / "self" / "ns" / "pid").touch()
        (root / "self" / "cgroup").write_text(own_cgroup + "\n")
        (root / "self" / "mountinfo").write_text(f"1 0 {own_root} x rw\n")

    def process(
        self,
        pid: int,
        ppid: int,
        cgroup: str = "0::/",
        root: str = "254:0 / / rw - ext4",
        args: bytes = b"app\0",
        environ: bytes = b"PATH=/bin\0",
        comm: str = "app",
        flags: int = 0,
        exit_signal: int = 17,
    ) -> None:
        """A process with its stat, status, command line and places."""
        directory = self.root / str(pid)
        (directory / "fd").mkdir(parents=True, exist_ok=True)
        rest = f"S {ppid} 1 1 0 0 {flags} " + "0 " * 12 + f"{pid * 10} 0 0 0 {pid} 0 {pid} " + "0 " * 9
        rest += f"{exit_signal} " + "0 " * 9 + f"{pid} " + "0 " * 4
        (directory / "stat").write_text(f"{pid} ({comm}) {rest}\n")
        (directory / "status").write_text("Name:\tapp\nUid:\t1\t2\t2\t2\nGid:\t3\t4\t4\t4\n")
        (directory / "cmdline").write_bytes(args)
        (directory / "environ").write_bytes(environ)
        (directory / "cgroup").write_text(cgroup + "\n")
        (directory / "mountinfo").write_text(f"1 0 {root} x rw\n")
        for name, target in (("exe", "/bin/app"), ("cwd", "/"), ("root", "/")):
            if not (directory / name).is_symlink():
                (directory / name).symlink_to(target)

    def main_thread_exited(self, pid: int, survivor: int) -> None:
        """Its program, arguments and files are shown by another thread alone, which is no entry in the listing."""
        directory = self.root / str(pid)
        thread = directory / "task" / str(survivor)
        thread.mkdir(parents=True)
        (directory / "task" / str(pid)).mkdir()
        fields = (directory / "stat").read_text().split()
        (thread / "stat").write_text(" ".join([f"{survivor}", *fields[1:]]) + "\n")
        fields[2], fields[8], fields[19], fields[25:28], fields[47] = "Z", "4", "2", ["0", "0", "0"], "0"
        (directory / "task" / str(pid) / "stat").write_text(" ".join(fields) + "\n")
        whole = self.root / str(survivor)
        shutil.copytree(directory, whole, symlinks=True)
        (whole / "stat").write_text((thread / "stat").read_text())
        (directory / "stat").write_text(" ".join(fields) + "\n")
        (directory / "cmdline").write_bytes(b"")
        (directory / "environ").write_bytes(b"")
        (directory / "mountinfo").unlink()
        for gone in (*("exe", "cwd", "root"), *(f"fd/{name}" for name in os.listdir(directory / "fd"))):
            (directory / gone).unlink()
