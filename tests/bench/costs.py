"""costs.py - what processes cost: /proc of some and all below them"""
import os
import re
import threading

TICK = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def stat_fields(pid):
    with open("/proc/%d/stat" % pid) as stat:
        return stat.read().rsplit(")", 1)[1].split()


def family(*pids):
    """The processes and their descendants that live."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(stat_fields(int(name))[1]), []).append(int(name))
            except (OSError, IndexError):
                pass
    found, new = [], list(pids)
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def cpu_s(*pids):
    """User and system time of the family; those that ended are in their parents' account."""
    total = 0
    for member in family(*pids):
        try:
            total += sum(int(field) for field in stat_fields(member)[11:15])
        except OSError:
            pass
    return total / TICK


def memory_kb(*pids):
    """RSS of all, and PSS, which counts what processes share once."""
    rss = pss = 0
    for member in family(*pids):
        try:
            with open("/proc/%d/statm" % member) as statm:
                rss += int(statm.read().split()[1]) * PAGE_KB
            with open("/proc/%d/smaps_rollup" % member) as rollup:
                pss += int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return rss, pss


class MemoryPeak(threading.Thread):
    """PSS of a family, looked at twice a second: its most."""

    def __init__(self, *pids):
        super().__init__(daemon=True)
        self.pids, self.most_kb, self.is_over = pids, 0, threading.Event()
        self.start()

    def run(self):
        while not self.is_over.wait(0.5):
            self.most_kb = max(self.most_kb, memory_kb(*self.pids)[1])

    def end(self):
        self.is_over.set()
        self.join()
        return max(self.most_kb, memory_kb(*self.pids)[1])
