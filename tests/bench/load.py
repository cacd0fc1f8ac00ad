"""load.py - the mail of a measurement: the source that sends it, the sink that takes it"""
import json
import os
import subprocess
import time

from stage import ENDERS, Failed

WARM_UP = 200       # mails, or recipients, before each measurement, so that processes, caches and connections are there
DRAIN_WITHIN_S = 600
SEND_WITHIN_S = 1800


class Load:
    """What a workload sends to a port, and what is to arrive at another."""

    def __init__(self, options, workload, mails, directory, certificate_path):
        self.options, self.workload, self.mails = options, workload, mails
        # the source is to know this one authority: with Debian's OpenSSL looks through a folder of them in each handshake
        self.environment = dict(os.environ, SSL_CERT_FILE=certificate_path, SSL_CERT_DIR="/nonexistent")
        self.n_messages, self.n_recipients = workload.size(options.messages)
        self.n_wanted = self.n_messages * self.n_recipients
        self.kept = directory + "/kept"
        os.makedirs(self.kept)

    def command(self, program, port, *words):
        bytes_ = self.workload.n_bytes or self.options.bytes
        return [self.options.build + "/tests/bench/" + program, "--port", str(port), "--bytes", str(bytes_),
                "--mails", "1" if self.mails else "0", *[str(word) for word in words]]

    def open_mails(self):
        return open(self.mails or os.devnull)

    def source(self, port, *words, stdin=subprocess.PIPE):
        more = ["--sessions", self.options.sessions, "--tls", int(self.workload.has_tls)]
        if self.workload.n_domains:
            more += ["--recipients", self.n_recipients, "--domains", self.workload.n_domains]
        process = subprocess.Popen(self.command("source", port, *more, *words), stdin=stdin, stdout=subprocess.PIPE, text=True,
                                   env=self.environment)
        ENDERS.append(process.kill)
        return process

    def run_source(self, port, *words):
        with self.open_mails() as mails:
            process = self.source(port, "--per-session", self.workload.per_session, "--pipelined", int(self.workload.is_pipelined), *words,
                                  stdin=mails)
            text = process.communicate(timeout=SEND_WITHIN_S)[0]
        ENDERS.remove(process.kill)
        if process.returncode != 0:
            raise Failed("the source ended with %d" % process.returncode)
        return json.loads(text.splitlines()[-1])

    def send(self, port):
        return self.run_source(port, "--messages", self.n_messages)

    def warm_up(self, port, n=WARM_UP):
        """Mails of other numbers, gone before anything is counted."""
        n = min(n, self.n_wanted)
        self.run_source(port, "--messages", max(1, n // self.n_recipients), "--first", self.n_messages)
        time.sleep(min(1.0, self.n_wanted / WARM_UP))

    def wrong(self, sent, arrived):
        """Why the figures do not count, or ''."""
        if sent["accepted"] != self.n_messages or sent["refused"] or sent["broken"]:
            return "sent %(accepted)d, refused %(refused)d, broken %(broken)d" % sent
        if arrived["arrived"] != self.n_wanted or arrived["twice"] or arrived["damaged"]:
            return "arrived %(arrived)d, twice %(twice)d, damaged %(damaged)d" % arrived
        return ""


class Sink:
    """keep: every mail this divides is kept, in the load's folder for it; 0: none.  enough: it ends when so many have come; 0: all."""

    def __init__(self, load, port, keep=0, enough=0):
        command = load.command("sink", port, "--messages", load.n_wanted, "--enough", enough, "--seconds", DRAIN_WITHIN_S, "--keep", keep,
                               "--by-recipient", int(load.workload.n_domains > 0), "--hosts", load.workload.n_domains)
        with load.open_mails() as mails:
            self.process = subprocess.Popen(command, stdin=mails, stdout=subprocess.PIPE, text=True, cwd=load.kept)
        ENDERS.append(self.end)
        if self.process.stdout.readline() != "ready\n":
            raise Failed("the sink does not listen on port %d" % port)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def result(self):
        text = self.process.communicate(timeout=DRAIN_WITHIN_S + 30)[0]
        return json.loads(text.splitlines()[-1])
