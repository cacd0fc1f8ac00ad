"""growing_queue.py - mails that wait while the next hop is down, as many as that: memory, disk, start, and what another mail costs then"""
import json
import os
import subprocess
import time

from costs import cpu_s, memory_kb
from growing import say, ways_wrong
from load import Sink
from stage import Failed
from workloads import Workload

TITLE = "mails of 4 KB that wait, the next hop down"
NOTE = """bytes: resident memory a mail beyond an empty queue's, of the process that took it, and of one that was started with it; disk: bytes a mail;
in: more mails meanwhile; status, list: the time of smtpfwdctl status and queue list; start: until it greets; out: the first of them when
the next hop is back, from the first arrival on; cold: nothing of the spool is in the page cache"""
SETTLE_S = 2            # what was taken is on the disk, and its memory given back
STOP_WITHIN_S = 120
CONNECTIONS = 50        # to the next hop (peers.py)


def spool_files(directory):
    for folder, _, names in os.walk(directory + "/spool/segments"):
        for name in names:
            yield folder + "/" + name


def disk_bytes(directory):
    return sum(os.stat(path).st_blocks * 512 for path in spool_files(directory))


def forget_cached(directory):
    """Of the spool's files nothing stays in the page cache."""
    for path in spool_files(directory):
        with open(path) as file:
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Waiting:
    """The mails of a queue: which numbers were put in, and how many went."""

    def __init__(self, load, peer, scene):
        self.load, self.peer, self.scene = load, peer, scene
        self.n_put = self.n_gone = 0
        self.empty_started_kb = memory_kb(*peer.pids)[0]
        sink = Sink(load, scene.sink_port)
        load.warm_up(peer.port)
        sink.end()
        time.sleep(SETTLE_S)
        self.empty_kb, self.empty_bytes = memory_kb(*peer.pids)[0], disk_bytes(peer.directory)

    def n(self):
        return self.n_put - self.n_gone

    def put(self, n):
        """Rate, CPU a mail, wrong."""
        if n <= 0:
            return 0.0, 0.0, ""
        cpu = cpu_s(*self.peer.pids)
        sent = self.load.run_source(self.peer.port, "--messages", n, "--first", self.n_put)
        cpu = cpu_s(*self.peer.pids) - cpu
        self.n_put += n
        wrong = "" if sent["accepted"] == n else "of %d mails were taken %d" % (n, sent["accepted"])
        return n / (sent["ended_s"] - sent["began_s"]), cpu / n * 1000, wrong

    def take(self, n):
        """Rate from the first to the last, seconds until the first, CPU a mail, wrong."""
        if n <= 0:
            return 0.0, 0.0, 0.0, ""
        cpu, began = cpu_s(*self.peer.pids), time.monotonic()
        arrived = Sink(self.load, self.scene.sink_port, enough=n).result()
        cpu = cpu_s(*self.peer.pids) - cpu
        wrong = "" if arrived["arrived"] >= n and not arrived["twice"] and not arrived["damaged"] else "arrived %s" % arrived
        time.sleep(SETTLE_S)
        n_gone = self.n() - self.count()
        # a mail on each connection may have come whose answer did not go any more: it stays, to come again
        if not 0 <= arrived["arrived"] - n_gone <= CONNECTIONS:
            wrong += " of %d mails that arrived %d are gone" % (arrived["arrived"], n_gone)
        self.n_gone += n_gone
        return (arrived["arrived"] / max(arrived["last_s"] - arrived["first_s"], 1e-6), arrived["first_s"] - began,
                cpu / max(arrived["arrived"], 1) * 1000, wrong)

    def ask(self, *words):
        """The output and how long smtpfwdctl took."""
        began = time.monotonic()
        result = subprocess.run([self.scene.options.build + "/smtpfwd/smtpfwdctl", "-c", self.peer.config, "--json", *words],
                                capture_output=True, timeout=1800)
        if result.returncode != 0:
            raise Failed("smtpfwdctl %s: %s" % (" ".join(words), result.stderr.decode()))
        return result.stdout, time.monotonic() - began

    def count(self):
        """What smtpfwd says that it has."""
        status = self.ask("status")[0]
        return next(line["queue"]["mails"] for line in map(json.loads, status.splitlines()) if "queue" in line)

    def stop(self):
        """Seconds."""
        began = time.monotonic()
        self.peer.process.terminate()
        self.peer.process.wait(STOP_WITHIN_S)
        return time.monotonic() - began

    def start(self):
        """Seconds until it greets."""
        began = time.monotonic()
        self.peer.start()
        return time.monotonic() - began


def grow(waiting, n, sample):
    """The row of a queue of n mails."""
    peer = waiting.peer
    _, _, wrong_fill = waiting.put(n - waiting.n())
    time.sleep(SETTLE_S)
    row = {"mails": n, "bytes": (memory_kb(*peer.pids)[0] - waiting.empty_kb) * 1024 / n,
           "disk": (disk_bytes(peer.directory) - waiting.empty_bytes) / n}
    row["in_per_s"], row["cpu_ms_in"], wrong_put = waiting.put(sample)
    row["status_s"] = waiting.ask("status")[1]
    row["list_s"] = waiting.ask("queue", "list")[1]
    row["stop_s"] = waiting.stop()
    forget_cached(peer.directory)
    row["cold_start_s"] = waiting.start()
    waiting.stop()
    row["start_s"] = waiting.start()
    time.sleep(SETTLE_S)
    n_found = waiting.count()
    wrong_start = "" if n_found == waiting.n() else "of %d mails there are %d" % (waiting.n(), n_found)
    row["bytes_started"] = (memory_kb(*peer.pids)[0] - waiting.empty_started_kb) * 1024 / n_found
    row["out_per_s"], row["noticed_s"], row["cpu_ms_out"], wrong_take = waiting.take(sample)
    forget_cached(peer.directory)
    row["cold_out_per_s"], _, row["cpu_ms_cold_out"], wrong_cold = waiting.take(min(sample, waiting.n()))
    return dict(row, wrong=ways_wrong(wrong_fill, wrong_put, wrong_start, wrong_take, wrong_cold))


def rows(ground):
    levels, sample = sorted(ground.options.queue), ground.options.messages
    with ground.smtpfwd(Workload("", None, per_session=20), messages=levels[-1] + sample * 3 * len(levels)) as (load, peer, scene):
        waiting = Waiting(load, peer, scene)
        for n in levels:
            yield grow(waiting, n, min(sample, n))
        n = waiting.n()
        if n == 0:
            return
        rate, _, cpu, wrong = waiting.take(n)
        say("queue: all the rest, %d mails: out_per_s=%.0f cpu_ms_out=%.3f %s" % (n, rate, cpu, wrong))
        if wrong:
            raise Failed("the rest of the queue: " + wrong)
