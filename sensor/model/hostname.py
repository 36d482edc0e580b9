"""Names of hosts."""


def is_resolvable(host: str) -> bool:
    """Whether a resolver will take an ASCII name: each label has 1 to 63 characters (RFC 1035, 2.3.4), and a dot may
    end it. Python's own look-up raises UnicodeError for any other."""
    return all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))
