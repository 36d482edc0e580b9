"""Events in the Open Cybersecurity Schema Framework (schema.ocsf.io), for destinations that want the standard.

What is written is valid for OCSF 1.3, the version that AWS Security Lake takes, and for 1.8. Each class has a module
with tables of what goes where; what has no place in the standard stays under its own name in `unmapped`.
"""
