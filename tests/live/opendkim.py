"""opendkim.py - OpenDKIM as a milter, for a Postfix of world.py: it signs, or verifies what Postfix gets"""
import os
import shutil
import subprocess

import world


class OpenDkim:
    """signs: {domain: (selector, path of a key)}; without it, it verifies by the name server and stamps as AUTHSERV_ID."""

    AUTHSERV_ID = "opendkim.example.net"
    process = None

    def __init__(self, name, names, signs=None, canonicalization="simple/simple"):
        if not shutil.which("opendkim"):
            raise AssertionError("OpenDKIM is not installed: sh conf/packages test")
        self.port = world.free_port()
        self.directory = os.path.join(world.WORK, name)
        os.makedirs(self.directory)
        rows = ["Socket inet:%d@127.0.0.1" % self.port, "Background no", "Syslog no", "UMask 002", "UserID root",
                "AuthservID %s" % self.AUTHSERV_ID, "AlwaysAddARHeader yes", "InternalHosts %s" % self.file("hosts", "127.0.0.1" if signs else "192.0.2.1"),
                "Nameservers 127.0.0.1@%d" % names.port, "RequireSafeKeys no", "Canonicalization %s" % canonicalization]
        if signs:
            rows += ["Mode s", "KeyTable %s" % self.file("keys", *("%s %s:%s:%s" % (d, d, s, path) for d, (s, path) in signs.items())),
                     "SigningTable %s" % self.file("signing", *("%s %s" % (d, d) for d in signs))]
        else:
            rows += ["Mode v", "MinimumKeyBits 1024"]
        self.config = self.file("opendkim.conf", *rows)
        world.ENDERS.append(self.stop)

    def file(self, name, *rows):
        path = os.path.join(self.directory, name)
        with open(path, "w") as out:
            out.write("".join(row + "\n" for row in rows))
        return path

    def start(self):
        self.process = subprocess.Popen(["opendkim", "-f", "-x", self.config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.directory + "/output", "a"))
        world.wait_for("OpenDKIM listens", lambda: self.alive() and world.is_open(self.port))
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("OpenDKIM ended: %s" % open(self.directory + "/output").read())
        return True

    def settings(self):
        """For main.cf of the Postfix that asks it."""
        return "smtpd_milters = inet:127.0.0.1:%d\nmilter_default_action = tempfail\nmilter_protocol = 6\n" % self.port

    def stop(self):
        """At once: libmilter would first wait some seconds for its sessions, and there is nothing to keep."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
