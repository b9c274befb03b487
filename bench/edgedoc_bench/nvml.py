"""Energy counters of NVIDIA GPUs, where the package pynvml and a driver are there. Knows no other counter.

nvmlDeviceGetTotalEnergyConsumption: millijoules since the driver was loaded, Volta and later
(https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html).
"""

from collections.abc import Callable, Iterator


def gpu_counters() -> Iterator[tuple[str, Callable[[], int]]]:
    """Name and counter, in microjoules, of every GPU that has one; nothing where NVML cannot be used."""
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return
    for index in range(count):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except pynvml.NVMLError:
            continue

        def read(handle: object = handle) -> int:
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) * 1000

        yield f"gpu-{index}", read
