"""The numbers of DNS as people write them: types, opcodes and response codes.

From IANA's registry "Domain Name System (DNS) Parameters"; what is not here is `TYPE65400` (RFC 3597), `OPCODE7` or
`RCODE12`.
"""

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME, OPT, SVCB, HTTPS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 64, 65

TYPES = {
    A: "A",
    NS: "NS",
    CNAME: "CNAME",
    SOA: "SOA",
    10: "NULL",
    PTR: "PTR",
    13: "HINFO",
    MX: "MX",
    TXT: "TXT",
    24: "SIG",
    25: "KEY",
    AAAA: "AAAA",
    29: "LOC",
    SRV: "SRV",
    35: "NAPTR",
    DNAME: "DNAME",
    OPT: "OPT",
    43: "DS",
    44: "SSHFP",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    50: "NSEC3",
    51: "NSEC3PARAM",
    52: "TLSA",
    SVCB: "SVCB",
    HTTPS: "HTTPS",
    99: "SPF",
    250: "TSIG",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    256: "URI",
    257: "CAA",
}

OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}

RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    11: "DSOTYPENI",
    16: "BADVERS",
    23: "BADCOOKIE",
}


def type_text(number: int) -> str:
    """The mnemonic of a record's or a question's type."""
    return TYPES.get(number) or f"TYPE{number}"


def opcode_text(number: int) -> str:
    """The name of a kind of query."""
    return OPCODES.get(number) or f"OPCODE{number}"


def rcode_text(number: int) -> str:
    """The name of a response code, the bits that EDNS adds included."""
    return RCODES.get(number) or f"RCODE{number}"
