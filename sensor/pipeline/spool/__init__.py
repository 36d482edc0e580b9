"""What was sealed and not yet taken, in memory, or on disk where there is a directory for it.

The sealed batches of a lane follow each other at positions 1, 2, 3 …, and each destination has a cursor a lane: the
next position that it has not acknowledged. Neighbouring batches share a *segment*, which goes when every destination
has acknowledged it, or when there is no more room: the ordinary lane's oldest first.

On disk, in `SENSOR_SPOOL_DIR/fargate-sensor-spool` (mode 0700, files 0600, never through a symlink), which one sensor
at a time holds by flock(2) on `lock`:

`ordinary-0000000000000001.part`, `urgent-….part`
    The segment that is appended to; the number is the position of its first batch, in hexadecimal. It is written at
    once and not synced: it survives the end of the process, not that of the machine. When it is full it is synced and
    renamed to `.seg`, and the directory is synced. At the next start a torn end is cut off.

Each file is records, one after the other, all integers little-endian:

    offset  0  4 bytes  "fgS1"
            4  1 byte   lane, 0 urgent, 1 ordinary
            5  3 bytes  zero
            8  u32      length of the body
           12  u32      events in it
           16  u64      position
           24  u64      sequence number of the first event
           32  u64      sequence number of the last event
           40  u32      CRC-32 of the body
           44  u32      CRC-32 of the 44 bytes before
           48           the body: a batch as the ingest takes it, one zstd frame

    A record whose body does not fit its sum is passed over by its length; after a header that does not, reading goes
    on at the next "fgS1" that has a sound one.

`cursors`
    JSON, destination → lane → position. Replaced whole: written beside, synced, renamed, directory synced.

`marks`
    100 bytes, overwritten in place and not synced; see `marks.py`. They bound what a sensor that was killed had
    numbered and not yet spooled.
"""
