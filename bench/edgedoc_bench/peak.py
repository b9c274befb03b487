"""The most memory this process ever held. Knows nothing of what it was used for."""

import sys
from pathlib import Path


def peak_memory() -> int | None:
    """Peak resident bytes of this process; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux' ru_maxrss begins with the peak of the process that started this one; VmHWM with nothing (proc(5)).
        peaks = [line.split()[1] for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
