"""growing_sizes.py - ever larger mails, in the clear and with STARTTLS, beside what the disk and the cipher do alone"""
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

import stage
from costs import memory_kb
from growing import ways_wrong
from workloads import Workload, relay

TITLE = "sizes of mails, 20 sessions at once"
NOTE = """mb_per_s: of the mails, from the first connect to the last arrival; session_kb: the most memory beyond that of a new process, over
20; disk: 20 threads write as many files and sync each; cipher: openssl speed, AES-256-GCM on one processor"""
SESSIONS = 20
MOST_MAILS = 20000
BYTES_IN_ALL = 1500 * 1000 * 1000


def n_mails(size, share):
    return max(2 * SESSIONS, int(min(MOST_MAILS, BYTES_IN_ALL // size) * share))


def measured(ground, size, n, has_tls):
    workload = Workload("", None, per_session=20 if size < 1000000 else 2, n_bytes=size, has_tls=has_tls)
    with ground.smtpfwd(workload, sessions=SESSIONS, messages=n) as (load, peer, scene):
        idle_kb = memory_kb(*peer.pids)[1]
        found = relay(load, peer, scene)
        mb = size / 1e6
        return {"mb_per_s": found["messages_per_s"] * mb, "cpu_ms_a_mb": found["cpu_ms_per_message"] / mb,
                "session_kb": (found["pss_mb"] * 1024 - idle_kb) / SESSIONS, "wrong": found["wrong"]}


def disk_mb_per_s(ground, size, n):
    """20 threads, each a file after the other."""
    directory = stage.directory(ground.options)
    block, numbers, lock = os.urandom(min(size, 1 << 20)), iter(range(n)), threading.Lock()

    def write():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            with open("%s/%d" % (directory, number), "wb", buffering=0) as file:
                left = size
                while left > 0:
                    left -= file.write(block[:left])
                os.fdatasync(file.fileno())
            os.unlink("%s/%d" % (directory, number))

    threads = [threading.Thread(target=write) for _ in range(SESSIONS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    stage.end_all()
    return n * size / 1e6 / took


def cipher_mb_per_s():
    result = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "aes-256-gcm"], capture_output=True,
                            text=True, check=True)
    return float(re.search(r"^\+F:\d+:AES-256-GCM:([\d.]+)", result.stdout, re.M | re.I).group(1)) / 1e6


def rows(ground):
    for size in ground.options.sizes:
        n = n_mails(size, ground.options.share)
        clear, tls = measured(ground, size, n, False), measured(ground, size, n, True)
        row = {"bytes": size, "mails": n}
        row.update({name: value for name, value in clear.items() if name != "wrong"})
        row.update({name + "_tls": value for name, value in tls.items() if name != "wrong"})
        yield dict(row, disk_mb_per_s=disk_mb_per_s(ground, size, n), cipher_mb_per_s=cipher_mb_per_s(),
                   wrong=ways_wrong(clear["wrong"], tls["wrong"]))
