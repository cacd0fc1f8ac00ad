"""filters.py - what is measured: milters that sign mail of bench.example, or verify all mail, as their users set them up"""
import os
import shutil
import subprocess

import stage
from stage import Failed, free_port, is_open

AUTHSERV_ID = "mx.bench.example"
SELECTOR = "bench"
PATIENCE_S = 0.2        # libmilter ends within 5 s or so; nothing is lost with a filter that has no mail


class Keys:
    """An RSA-2048 key, which everyone signs with, in a directory of its own."""

    def __init__(self, directory):
        self.path, self.directory = directory + "/key.pem", directory
        subprocess.run(["openssl", "genrsa", "-out", self.path, "2048"], check=True, stderr=subprocess.DEVNULL)
        os.chmod(self.path, 0o600)
        public = subprocess.run(["openssl", "rsa", "-in", self.path, "-pubout"], check=True, capture_output=True, text=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + "".join(line for line in public.splitlines() if "-" not in line)


class Nobody:
    """What Postfix costs alone."""

    name, pid = "none", None

    def __init__(self, job, directory, options, keys, names):
        """There is nothing to set up."""

    def start(self):
        """Nor to start."""

    def settings(self):
        return "smtpd_milters ="


class Filter:
    """Which has a directory, a job ("sign" or "verify"), a port and, when it was started, a pid."""

    pid = None

    def __init__(self, job, directory, options, keys, names):
        self.job, self.directory, self.options, self.keys, self.names = job, directory + "/" + self.name, options, keys, names
        self.port = free_port()
        os.makedirs(self.directory)

    def file(self, name, text):
        path = self.directory + "/" + name
        with open(path, "w") as out:
            out.write(text + "\n")
        return path

    def start(self):
        self.pid = stage.start(self.name, self.command(), self.directory, lambda: is_open(self.port),
                               PATIENCE_S).pid

    def settings(self):
        """For main.cf."""
        return "smtpd_milters = inet:127.0.0.1:%d\nmilter_default_action = tempfail\nmilter_protocol = 6" % self.port


class OpenDkim(Filter):
    """OpenDKIM of Debian, with its usual settings but for what holds it up: no check of its files' safety, no log.  It asks the DNS with
    libunbound's 16 sockets: with a ResolverConfiguration that has more it ends, as its threads read that at once ("fatal flex scanner
    internal error").  So it gets time enough to find all keys."""

    name = "opendkim"

    def command(self):
        if not shutil.which("opendkim"):
            raise Failed("OpenDKIM is not installed: sh conf/packages test")
        rows = ["Socket inet:%d@127.0.0.1" % self.port, "Background no", "Syslog no", "UserID root", "AuthservID " + AUTHSERV_ID, "UMask 007",
                "RequireSafeKeys no", "Canonicalization relaxed/simple", "OversignHeaders From", "DNSTimeout 60",
                "Nameservers 127.0.0.1@%d" % self.names.port]
        if self.job == "sign":
            rows += ["Mode s", "InternalHosts " + self.file("internal", "127.0.0.1"),
                     "KeyTable " + self.file("keys", "bench bench.example:%s:%s" % (SELECTOR, self.keys.path)),
                     "SigningTable " + self.file("signing", "bench.example bench")]
        else:
            rows += ["Mode v", "InternalHosts " + self.file("internal", "192.0.2.1")]
        return ["opendkim", "-f", "-x", self.file("opendkim.conf", "\n".join(rows))]


class Smtpfwd(Filter):
    """smtpfwd-milter with its defaults: SPF, DKIM and DMARC, a class, and a line of log for each mail."""

    name, verify = "smtpfwd", ""

    def command(self):
        sign = 'sign "bench.example" { selector = { "%s" }  key = { "%s" } }' % (SELECTOR, self.keys.path)
        return [self.options.build + "/milter/smtpfwd-milter", "-f", "-c", self.file("smtpfwd.conf", """
hostname = "%s"
user = "root"
log { to = "%s/log" }
resolver { servers = { "127.0.0.1:%d" } }
relay "keep.example" { next-hop = { "127.0.0.1:9" } }
milter { socket = "inet:127.0.0.1:%d"  control = "%s/run/control"  networks = { "%s" } }
%s
%s
""" % (AUTHSERV_ID, self.directory, self.names.port, self.port, self.directory, "127.0.0.0/8" if self.job == "sign" else "192.0.2.0/24",
            self.verify, sign if self.job == "sign" else ""))]


class SmtpfwdDkim(Smtpfwd):
    """With the checks that opendkim has, and no more."""

    name, verify = "smtpfwd-dkim", "verify { spf = no  dmarc = off }"


FILTERS = {one.name: one for one in (OpenDkim, Smtpfwd, SmtpfwdDkim, Nobody)}
