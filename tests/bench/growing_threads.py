"""growing_threads.py - what each thread of smtpfwd does in a workload: where one processor ends"""
import os

from costs import TICK
from growing import say
from load import WARM_UP
from workloads import WORKLOADS

TITLE = "CPU time a mail, in ms, by thread"
NOTE = "loop_ends_at: mails a second at which the loop's thread alone takes a whole processor"


def cpu_by_thread(pid):
    """Ticks of each thread, by its name; threads of a name are one."""
    found = {}
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, thread)) as comm, open("/proc/%d/task/%s/stat" % (pid, thread)) as stat:
            name = "loop" if int(thread) == pid else comm.read().strip()
            fields = stat.read().rsplit(")", 1)[1].split()
            found[name] = found.get(name, 0) + int(fields[11]) + int(fields[12])
    return found


def rows(ground):
    for name in ground.options.workloads:
        workload = WORKLOADS[name]
        with ground.smtpfwd(workload) as (load, peer, scene):
            before = cpu_by_thread(peer.pids[0])
            result = workload.run(load, peer, scene)
            after = cpu_by_thread(peer.pids[0])
            n = load.n_wanted + min(WARM_UP, load.n_wanted)
            cpu = {thread: (ticks - before.get(thread, 0)) * 1000 / TICK / n for thread, ticks in after.items()}
            row = {"workload": name, "messages_per_s": result["messages_per_s"]}
            row.update({"cpu_ms_" + thread: used for thread, used in sorted(cpu.items()) if used >= 0.0005 or thread == "loop"})
            yield dict(row, loop_ends_at_per_s=1000 / max(cpu["loop"], 1e-6), wrong=result["wrong"])
