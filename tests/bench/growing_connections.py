"""growing_connections.py - connections that stay, beside those that send and sending themselves"""
import json

from costs import cpu_s, memory_kb
from growing import ways_wrong
from load import Sink
from stage import ENDERS
from workloads import Workload

TITLE = "clients that stay connected"
NOTE = """kb: resident memory for each; p50, p99: a mail of a new client beside them, connect to quit, of 100; beside: 50 others send; turns: they
send themselves, one after the other, 50 at once"""


class Idle:
    """Clients of a source that wait after EHLO until it ends."""

    def __init__(self, load, peer, n, *words):
        self.n, before = n, memory_kb(*peer.pids)[0]
        self.process = load.source(peer.port, "--idle", n, "--probes", load.options.probes, "--first", load.n_messages, *words)
        ready = self.process.stdout.readline().split()
        self.kb = (memory_kb(*peer.pids)[0] - before) / n
        said = json.loads(self.process.stdout.readline() or "{}")
        self.p50_ms, self.p99_ms = said.get("probe_ms", 0.0), said.get("probe_p99_ms", 0.0)
        is_whole = ready == ["ready", str(n)] and said.get("waiting") == n and not said["broken"]
        self.wrong = "" if is_whole else "of %d connections stayed %s" % (n, said.get("waiting"))

    def turns(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or "{}")

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        ENDERS.remove(self.process.kill)


def warm_up(load, peer):
    """By one session, so that no more memory than one's is there already."""
    load.run_source(peer.port, "--messages", 50, "--first", load.n_messages, "--sessions", 1, "--per-session", 50)


def measured(load, peer, sink, send):
    cpu = cpu_s(*peer.pids)
    sent = send()
    arrived = sink.result()
    cpu = cpu_s(*peer.pids) - cpu
    return load.n_wanted / max(arrived["last_s"] - sent["began_s"], 1e-6), cpu / load.n_wanted * 1000, load.wrong(sent, arrived)


def beside(ground, n):
    with ground.smtpfwd(Workload("", None, per_session=20), idle=n) as (load, peer, scene):
        sink = Sink(load, scene.sink_port)
        warm_up(load, peer)
        idle = Idle(load, peer, n)
        rate, cpu, wrong = measured(load, peer, sink, lambda: load.send(peer.port))
        idle.end()
        return {"kb": idle.kb, "p50_ms": idle.p50_ms, "p99_ms": idle.p99_ms, "beside_per_s": rate,
                "cpu_ms_beside": cpu, "wrong": ways_wrong(idle.wrong, wrong)}


def by_turns(ground, n):
    with ground.smtpfwd(Workload("", None), idle=n) as (load, peer, scene):
        sink = Sink(load, scene.sink_port)
        warm_up(load, peer)
        idle = Idle(load, peer, n, "--turns", load.n_messages, "--first", 0, "--pipelined", 1)
        rate, cpu, wrong = measured(load, peer, sink, idle.turns)
        idle.end()
        return {"turns_per_s": rate, "cpu_ms_turns": cpu, "wrong": ways_wrong(idle.wrong, wrong)}


def with_tls(ground, n):
    with ground.smtpfwd(Workload("", None, has_tls=True), idle=n) as (load, peer, scene):
        sink = Sink(load, scene.sink_port)
        warm_up(load, peer)
        idle = Idle(load, peer, n)
        idle.end()
        sink.end()
        return {"kb_tls": idle.kb, "p99_ms_tls": idle.p99_ms, "wrong": idle.wrong}


def rows(ground):
    for n in ground.options.connections:
        parts = [beside(ground, n), by_turns(ground, n), with_tls(ground, n)]
        row = {"connections": n}
        for part in parts:
            row.update(part)
        yield dict(row, wrong=ways_wrong(*[part["wrong"] for part in parts]))
