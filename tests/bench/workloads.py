"""workloads.py - what is done to a peer, and what is counted"""
import json
import threading
import time

import kept
from costs import MemoryPeak, cpu_s, memory_kb
from load import Sink
from stage import ENDERS

KEPT = 16           # of so many mails one is kept and judged, where mail is to be signed or verified


class Workload:
    """Settings of one, on top of: one mail of --bytes a session, in one write, from a client that may send, for one recipient."""

    per_session, is_pipelined = 1, True
    share = 1               # of --messages, that it has
    n_bytes = None          # of a mail, if not --bytes
    n_recipients, n_domains = 1, 0
    by_mx = False           # the domains are found by the DNS; otherwise each is configured; smtpfwd only
    has_tls = False
    job = None              # "sign", or "verify": from clients that may not relay
    is_signed = False       # before it comes
    mode = None             # of smtpfwd, if not --mode
    against = "postfix"

    def __init__(self, title, run, **settings):
        self.title, self.run = title, run
        vars(self).update(settings)

    def size(self, messages):
        """How many mails, and recipients of each: as many recipients in all as there are mails elsewhere."""
        n = max(1, int(messages * self.share))
        recipients = min(self.n_recipients, n)
        return n // recipients, recipients

    def next_hops(self):
        """Of each domain; they are all the sink (sink.c, client.h)."""
        if not self.n_domains:
            return [("example.com", "127.0.0.1")]
        return [("d%d.example" % i, "127.0.%d.%d" % (1 + i // 250, 1 + i % 250)) for i in range(self.n_domains)]

    def is_right(self, mail, checks, secrets):
        """True if a mail that was kept has what it should have."""
        if self.job == "sign":
            return kept.is_signed(mail, secrets.dkim.record)
        if self.is_signed:
            return kept.is_verified(mail, checks)
        return kept.is_told(mail, {"spf": "pass", "dkim": "none", "dmarc": "pass"})


def figures(load, cpu, seconds, memory_mb):
    unit = "recipient" if load.n_recipients > 1 else "message"
    return {unit + "s_per_s": load.n_wanted / seconds, "cpu_ms_per_" + unit: cpu / load.n_wanted * 1000, "pss_mb": memory_mb}


def judge(load, peer, secrets):
    """Why mails are not what they should be, or ''."""
    if load.workload.job is None or peer.checks is None:
        return ""
    return kept.judge(load.kept, (load.n_messages + KEPT - 1) // KEPT, lambda mail: load.workload.is_right(mail, peer.checks, secrets))


def relay(load, peer, scene):
    sink = Sink(load, scene.sink_port, KEPT if load.workload.job else 0)
    load.warm_up(peer.port)
    cpu, peak = cpu_s(*peer.pids), MemoryPeak(*peer.pids)
    sent = load.send(peer.port)
    arrived = sink.result()
    cpu = cpu_s(*peer.pids) - cpu
    result = figures(load, cpu, max(arrived["last_s"] - sent["began_s"], 1e-6), peak.end() / 1024)
    return dict(result, wrong=load.wrong(sent, arrived) or judge(load, peer, scene.secrets))


def drain(load, peer, scene):
    """The next hop is down while the mail comes in; then it is back."""
    sink = Sink(load, scene.sink_port)
    load.warm_up(peer.port)
    sink.end()
    cpu, peak = cpu_s(*peer.pids), MemoryPeak(*peer.pids)
    sent = load.send(peer.port)
    cpu_accepted = cpu_s(*peer.pids)
    sink = Sink(load, scene.sink_port)
    began, over = time.monotonic(), threading.Event()

    def retry():
        peer.retry()
        while not over.wait(3):
            peer.retry()
    flusher = threading.Thread(target=retry, daemon=True)
    flusher.start()
    arrived = sink.result()
    over.set()
    flusher.join()
    first, last = max(arrived["first_s"], began), max(arrived["last_s"], began + 1e-6)
    result = figures(load, cpu_s(*peer.pids) - cpu, last - began, peak.end() / 1024)
    return dict(result, noticed_after_s=first - began, from_first_per_s=load.n_wanted / max(last - first, 1e-6),
                accepted_per_s=load.n_wanted / (sent["ended_s"] - sent["began_s"]),
                cpu_ms_per_accepted=(cpu_accepted - cpu) / load.n_wanted * 1000, wrong=load.wrong(sent, arrived))


def idle(load, peer, scene):
    """Connections that wait after EHLO, and a new client beside them."""
    n = load.options.idle
    sink = Sink(load, scene.sink_port)
    load.warm_up(peer.port, 10)
    before = memory_kb(*peer.pids)
    process = load.source(peer.port, "--idle", n, "--first", load.n_messages, "--pipelined", 0)
    process.stdout.readline()
    after = memory_kb(*peer.pids)
    said = json.loads(process.stdout.readline() or "{}")
    process.stdin.close()
    process.wait(30)
    ENDERS.remove(process.kill)
    sink.end()
    wrong = "" if said.get("waiting") == n and not said["broken"] else "of %d connections stayed %s" % (n, said.get("waiting"))
    return {"rss_kb_per_connection": (after[0] - before[0]) / n, "pss_kb_per_connection": (after[1] - before[1]) / n,
            "new_client_ms": said.get("probe_ms", 0), "new_client_worst_ms": said.get("probe_worst_ms", 0), "wrong": wrong}


WORKLOADS = {
    "single": Workload("one mail a session", relay, is_pipelined=False),
    "many": Workload("20 mails a session, pipelined", relay, per_session=20),
    "drain": Workload("next hop down, then back", drain, per_session=20, share=4),
    "large": Workload("mails of 200 KB", relay, n_bytes=200 * 1024, share=0.2),
    "starttls": Workload("one mail a session, STARTTLS with a new handshake", relay, share=0.5, has_tls=True),
    "sign": Workload("signed with RSA-2048", relay, share=0.5, job="sign"),
    "verify": Workload("signed mail, verified", relay, share=0.5, job="verify", is_signed=True),
    "broadcast": Workload("10 KB, 100 recipients each in another domain", relay, n_bytes=10 * 1024, n_recipients=100, n_domains=100),
    "online": Workload("while the client waits: one mail a session", relay, job="verify", mode="online", against="haproxy"),
    "online-many": Workload("while the client waits: 20 mails a session", relay, per_session=20, job="verify", mode="online", against="haproxy"),
    "online-signed": Workload("while the client waits: one signed mail a session", relay, share=0.5, job="verify", is_signed=True,
                              mode="online", against="haproxy"),
    "idle": Workload("idle connections after EHLO", idle, is_pipelined=False),
    "idle-tls": Workload("the same, with TLS", idle, is_pipelined=False, has_tls=True),
}
