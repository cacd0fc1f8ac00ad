"""peers.py - what is measured: smtpfwd, a tuned Postfix and HAProxy, each set up for a workload

Each has a name; a port; the pids of its processes when it was started; and checks, what it tells of mail that it verifies beside DKIM's
result (None: it looks at no mail).
"""
import os
import shutil
import subprocess

import stage
from filters import AUTHSERV_ID, SELECTOR, Keys, OpenDkim
from postfix import Postfix
from stage import Failed, free_port, greets, is_open


class Certificate:
    """P-256, made for a run."""

    def __init__(self, directory):
        self.path, self.key = directory + "/certificate.pem", directory + "/certificate.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                        "-out", self.path, "-days", "30", "-subj", "/CN=relay.bench.example"], check=True, stderr=subprocess.DEVNULL)
        os.chmod(self.key, 0o600)


class Secrets:
    """Of a run, the same for all peers."""

    def __init__(self, directory):
        self.dkim, self.tls = Keys(directory), Certificate(directory)


class Scene:
    """What a peer finds: an empty directory, the next hop's port, the DNS, keys."""

    def __init__(self, directory, options, workload, secrets, names):
        self.directory, self.options, self.workload, self.secrets, self.names = directory, options, workload, secrets, names
        self.sink_port = free_port()


class Smtpfwd:
    """With its defaults, but for the connections, check-interval and mode that README tells of."""

    name, checks = "smtpfwd", ("spf", "dmarc")

    RELAY = """
relay "%(domain)s" {
    next-hop = { "%(host)s:%(port)d" }
    mode = %(mode)s
    verify-recipients = no
    tls = off
    connections = 50
    check-interval = 1s
}"""
    ROUTE = """
outbound = "direct"
route "direct" {
    next-hop = { mx }
    mx-port = %d
    mx-loopback = yes
    tls = off
    connections = 50
    check-interval = 1s
}"""
    CONFIG = """
hostname = "relay.bench.example"
spool = "%(d)s/spool"
control = "%(d)s/control"
log { to = "%(d)s/log" }
user = "root"
resolver { servers = { "127.0.0.1:%(dns)d" } }
verify { authserv-id = "%(authserv_id)s" }
%(sections)s
listen "bench" {
    address = { "127.0.0.1:%(port)d" }
    max-connections = %(most)d
    %(clients)s
}
"""

    def __init__(self, scene):
        self.port, self.directory = free_port(), scene.directory
        self.program, self.config = scene.options.build + "/smtpfwd/smtpfwd", scene.directory + "/smtpfwd.conf"
        most = scene.options.idle + scene.options.sessions + 200
        clients = "class = application\n    networks = { \"127.0.0.0/8\" }"
        if scene.workload.job == "verify":      # they are strangers, all at one address
            clients = "max-connections-per-address = %d" % most
        with open(self.config, "w") as out:
            out.write(self.CONFIG % {"d": scene.directory, "dns": scene.names.port, "authserv_id": AUTHSERV_ID, "port": self.port,
                                     "most": most, "clients": clients, "sections": "\n".join(self.sections(scene))})

    def sections(self, scene):
        mode = scene.workload.mode or scene.options.mode
        if scene.workload.by_mx:
            yield self.ROUTE % scene.sink_port
        for domain, host in [] if scene.workload.by_mx else scene.workload.next_hops():
            yield self.RELAY % {"domain": domain, "host": host, "port": scene.sink_port, "mode": mode}
        if scene.workload.job == "sign":
            yield 'sign "bench.example" { selector = { "%s" }  key = { "%s" } }' % (SELECTOR, scene.secrets.dkim.path)
        if scene.workload.has_tls:
            yield 'tls "bench" { certificate = "%s"  key = "%s" }' % (scene.secrets.tls.path, scene.secrets.tls.key)

    def start(self):
        self.process = stage.start("smtpfwd", [self.program, "-f", "-c", self.config], self.directory, lambda: greets(self.port), within_s=300)
        self.pids = [self.process.pid]

    def retry(self):
        """It notices by itself."""


class TunedPostfix(Postfix):
    """With OpenDKIM where mail is to be signed or verified."""

    name, checks = "postfix", ()

    def __init__(self, scene):
        self.filter = None
        if scene.workload.job:
            self.filter = OpenDkim(scene.workload.job, scene.directory, scene.options, scene.secrets.dkim, scene.names)
        super().__init__(scene.directory, max(300, scene.options.idle + 100), "\n".join(self.settings(scene)))

    def settings(self, scene):
        hops = scene.workload.next_hops()
        if len(hops) == 1:
            yield "relayhost = [%s]:%d" % (hops[0][1], scene.sink_port)
        else:
            with open(scene.directory + "/transport", "w") as out:
                out.writelines("%s smtp:[%s]:%d\n" % (domain, host, scene.sink_port) for domain, host in hops)
            yield "transport_maps = texthash:%s/transport" % scene.directory
            yield "smtp_destination_recipient_limit = 1000"
        if self.filter:
            yield self.filter.settings()
        if scene.workload.has_tls:
            yield "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 0\nsmtpd_tls_session_cache_database =\nsmtpd_tls_chain_files = %s, %s" % (
                scene.secrets.tls.key, scene.secrets.tls.path)

    def start(self):
        if self.filter:
            self.filter.start()
        super().start()
        self.pids = [self.pid] + ([self.filter.pid] if self.filter else [])


class HaProxy:
    """Copies bytes; with a connection to the sink for each session."""

    name, checks = "haproxy", None

    CONFIG = """
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    option splice-auto
listen bench
    bind 127.0.0.1:%d
    server sink 127.0.0.1:%d
"""

    def __init__(self, scene):
        if not shutil.which("haproxy"):
            raise Failed("HAProxy is not installed: sh conf/packages test")
        self.port, self.directory = free_port(), scene.directory
        with open(self.directory + "/haproxy.cfg", "w") as out:
            out.write(self.CONFIG % (self.port, scene.sink_port))

    def start(self):
        self.pids = [stage.start("HAProxy", ["haproxy", "-db", "-f", self.directory + "/haproxy.cfg"], self.directory,
                                 lambda: is_open(self.port)).pid]


PEERS = {peer.name: peer for peer in (Smtpfwd, TunedPostfix, HaProxy)}
