"""How much of the watch list is watched, and what would mend the rest."""

from collections import Counter

from collectors.watch_coverage import DENIED, REMOTE, UNREACHABLE
from collectors.watch_table import BUDGET, LIMIT, WatchTable
from sensor.model.protocols import Capability, Status


def coverage_status(table: WatchTable) -> Capability:
    """Whether all that should be watched is, with how many watches of how many; the reason counts what is not."""
    unwatched = table.unwatched()
    figures = {"watches": len(table), "watches_at_most": table.limit}
    figures |= {f"not_watched_{reason.replace(' ', '_')}": n for reason, n in sorted(unwatched.items())}
    if not unwatched:
        return Capability(Status.OK, figures=figures)
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(unwatched.items()))
    return Capability(Status.DEGRADED, f"directories not watched: {reasons}", _mend(unwatched), figures)


_MENDS = {
    LIMIT: "name the ones that matter in SENSOR_FILE_PATHS, which come first",
    BUDGET: "raise fs.inotify.max_user_watches, a quarter of which is taken, or name fewer directories",
    UNREACHABLE: "give the sensor SYS_PTRACE, or let it start as root",
    DENIED: "let the sensor run as root with the default capabilities",
    REMOTE: "watch them where they are served: they can hang, and inotify does not see what other machines change",
}


def _mend(unwatched: Counter[str]) -> str | None:
    return next((mend for reason, mend in _MENDS.items() if unwatched[reason]), None)
