"""milter.py - smtpfwd-milter, and a Postfix that asks it; mail for keep.example and from who may relay goes on to a server that keeps it"""
import json
import os
import subprocess

import world


class Milter:
    """smtpfwd-milter in the foreground, at a free port of loopback or a unix socket."""

    process = None

    def __init__(self, extra="", section="", name="milter", resolver=None, path=None, user="root"):
        self.directory = os.path.join(world.WORK, name)
        os.makedirs(self.directory)
        self.path = path
        self.port = None if path else world.free_port()
        self.config = os.path.join(self.directory, "smtpfwd.conf")
        self.log = os.path.join(self.directory, "log")
        self.text = """
hostname = "old.example.com"
user = "%s"
milter { socket = "%s"  control = "%s/run/control"  %s }
relay "keep" { domains = { "keep.example", "ours.example" }  next-hop = { "127.0.0.1:1" } }
%s
%s
""" % (user, "unix:" + path if path else "inet:127.0.0.1:%d" % self.port, self.directory, section, extra, resolver or world.no_names())
        self.write(self.text)
        world.ENDERS.append(self.stop)

    def write(self, text):
        with open(self.config, "w") as out:
            out.write(text)

    def start(self, *options, **how):
        self.process = subprocess.Popen([os.environ.get("MILTER_UNDER", "")] * bool(os.environ.get("MILTER_UNDER")) +
                                        [world.BUILD + "/milter/smtpfwd-milter", "-f", "-c", self.config, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "a"), **how)
        world.wait_for("the milter starts", lambda: self.alive() and " started " in self.log_text())
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("smtpfwd-milter ended with %s: %s" % (self.process.returncode, self.log_text()[-3000:]))
        return True

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def line_of(self, queue_id):
        """What it said of a mail."""
        return world.wait_for("the line of %s" % queue_id, lambda: [line for line in self.log_text().splitlines()
                              if " judged queue-id=%s " % queue_id in line])[0]

    def ctl(self, *words, fails=False):
        done = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", self.config, "--milter", *words], capture_output=True, text=True, timeout=60)
        if (done.returncode != 0) != fails:
            raise AssertionError("%s: %s" % (" ".join(words), done.stderr + done.stdout))
        return done.stdout + done.stderr

    def status(self):
        done = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", self.config, "--milter", "--json", "status"], capture_output=True, text=True,
                              timeout=60)
        return {key: value for line in done.stdout.splitlines() for key, value in json.loads(line).items()}

    def settings(self):
        """For main.cf of the Postfix that asks it."""
        where = "unix:" + self.path if self.path else "inet:127.0.0.1:%d" % self.port
        return "smtpd_milters = %s\nmilter_default_action = tempfail\n" % where

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("smtpfwd-milter did not end after SIGTERM")
        return self.process.returncode if self.process else None


class Front(world.Postfix):
    """A Postfix that asks a milter and sends all on to a next hop; clients are who they say to be by XCLIENT."""

    def __init__(self, milter, hop, name="front", extra="", services=()):
        super().__init__(name, relay_to=hop.port, extra=milter.settings() + """
smtpd_authorized_xclient_hosts = 127.0.0.0/8
relay_domains = keep.example, ours.example
relay_recipient_maps =
local_header_rewrite_clients =
inet_protocols = all
smtpd_client_event_limit_exceptions = 0.0.0.0/0
smtp_destination_concurrency_limit = 50
""" + extra)
        with open(self.etc + "/master.cf", "a") as out:
            for service in services:
                out.write(service + "\n")


def queue_id(reply):
    """Of "250 2.0.0 Ok: queued as XYZ"."""
    assert reply.startswith("250") and "queued as" in reply, reply
    return reply.split()[-1]
