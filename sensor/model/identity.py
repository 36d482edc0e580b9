"""How events, processes and tasks are named so that a name never means two things."""

from hashlib import blake2b

from sensor.model.events import Header, Sensor
from sensor.model.kinds import Lane


def process_entity(instance: str, pid_namespace: int, pid: int, start_ticks: int) -> str:
    """24 hex digits that stand for one process for ever.

    `instance` names the running task (boot id, and the task's own id where known), `pid_namespace` is the inode of
    /proc/self/ns/pid, `start_ticks` field 22 of /proc/PID/stat (proc_pid_stat(5)).
    """
    key = f"{instance}\0{pid_namespace}\0{pid}\0{start_ticks}"
    return blake2b(key.encode(), digest_size=12).hexdigest()


def event_id(sensor: Sensor, lane: Lane, seq: int) -> str:
    """`sensor/epoch/lane/seq`: the identity on which stores are unique."""
    return f"{sensor.id}/{sensor.epoch}/{lane}/{seq}"


def task_key(header: Header) -> str:
    """The short name by which the centre lists a task: the last part of its ARN, the pod's uid, or the sensor's id."""
    if header.task is not None and header.task.arn:
        return header.task.arn.rsplit("/", 1)[-1]
    if header.pod is not None:
        return header.pod.uid
    return header.sensor.id
