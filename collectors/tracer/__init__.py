"""The tracer: a process of its own that follows programs with ptrace(2) and tells the sensor of them.

All ptrace calls must come from the thread that attached, and whoever stops while a tracee is stopped holds up the app.
So it does nothing else, imports little, never waits for the sensor, and may be killed at any moment: the kernel then
lets go of every tracee (docs/trace.md).
"""
