"""What Fargate has for a task, and what it does not take in one.

Sources: "Fargate task definition parameters" and "Task definition differences for Fargate", developer guide of ECS.
"""

GIB = 1024
MEMORY_MIB: dict[int, tuple[int, ...]] = {
    256: (512, 1 * GIB, 2 * GIB),
    512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
    32768: (60 * GIB, 120 * GIB, 244 * GIB),
}
"""For each number of CPU units (1024 are a vCPU) the memory that goes with it."""

NETWORK_MODE = "awsvpc"
"""The only one; where none is named ECS takes bridge."""
LOG_DRIVERS = ("awslogs", "awsfirelens", "splunk")
STOP_TIMEOUT = range(2, 121)
"""Seconds."""
EPHEMERAL_GIB = range(21, 201)
"""The 20 GiB that a task has anyway cannot be asked for."""

NOT_TAKEN = ("disableNetworking", "dnsServers", "dnsSearchDomains", "dockerSecurityOptions", "extraHosts", "links")
"""Fields of a container that RegisterTaskDefinition refuses for Fargate unless they are empty; so is `privileged`."""
NOT_TAKEN_LINUX = ("devices", "maxSwap", "swappiness", "sharedMemorySize")
"""The same below `linuxParameters`."""
