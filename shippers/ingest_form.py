"""What the central ingest takes, apart from the module that sends to it and what that imports."""

from sensor.model.protocols import Encoding, Limits

_MIB = 1024 * 1024

NAME = "ingest_http"
ENCODING = Encoding.BATCH
LIMITS = Limits(records=1, record_bytes=4 * _MIB, request_bytes=4 * _MIB)
