#!/usr/bin/python3
"""A reload with the real daemon: nothing is dropped, nothing is half done, and what is wrong is said.

Runs as root, because dropping rights cannot be shown otherwise.  Names of scenarios as arguments run only those.
"""
import collections
import json
import multiprocessing
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

import world

USER = world.USER
PROGRAMS = world.copy_programs()
IS_SANITIZED = b"__asan_init" in open(PROGRAMS + "/smtpfwd", "rb").read()


class Place(world.Daemon):
    """A configuration of sections that a test changes, and the daemon that runs by it."""

    n = 0
    programs = PROGRAMS

    def __init__(self, next_hop="127.0.0.1:9", user="root", **sections):
        super().__init__()
        Place.n += 1
        self.directory = os.path.join(world.WORK, "place%d" % Place.n)
        os.makedirs(self.directory)
        self.port = world.free_port()
        self.config = self.directory + "/smtpfwd.conf"
        self.log = self.directory + "/log"
        self.sections = {
            "top": 'hostname = "mx.example.net"\nspool = "%s/spool"\ncontrol = "%s/run/control"\nuser = "%s"\nstop-within = 10s'
                   % (self.directory, self.directory, user),
            "log": "",
            "relay": 'relay "example.com" { next-hop = { "%s" } mode = queue verify-recipients = no check-interval = 1s }' % next_hop,
            "listen": 'listen "mx" { address = { "127.0.0.1:%d" } max-connections-per-address = 1000 }' % self.port,
            "extra": "",
        }   # in this order: "extra" begins with line 9
        self.sections.update(sections)
        if "resolver" not in self.sections["extra"]:
            self.sections["top"] += " " + world.no_names()
        self.write()

    def write(self, **sections):
        """Whole or not at all, as an editor does it."""
        self.sections.update(sections)
        with open(self.config + ".new", "w") as out:
            out.write("\n".join(self.sections.values()) + "\n")
        os.chmod(self.config + ".new", 0o644)
        os.rename(self.config + ".new", self.config)

    def n_logged(self, word):
        return len(re.findall(r"^\S+ %s " % word, self.log_text(), re.M))

    def ctl(self, *words):
        return subprocess.run([PROGRAMS + "/smtpfwdctl", "-s", self.directory + "/run/control", *words], capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)

    def ask(self, *words):
        result = self.ctl("--json", *words)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def status(self, kind):
        return [row[kind] for row in self.ask("status") if kind in row]

    def reload(self, **sections):
        """Writes, reloads, and gives the lines of the answer; a failure is none here."""
        self.write(**sections)
        result = self.ctl("reload")
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines() + result.stderr.splitlines()

    def fails(self, **sections):
        """The same of a reload that must fail: what was said."""
        before = dict(self.sections)
        self.write(**sections)
        result = self.ctl("reload")
        self.write(**before)
        assert result.returncode == 1 and not result.stdout, (result.returncode, result.stdout, result.stderr)
        assert "the old configuration stays in use" in result.stderr, result.stderr
        return result.stderr

    def send(self, subject, recipient="bob@example.com", port=None):
        return world.send(port or self.port, world.message(subject), recipients=(recipient,))

    def rss_kb(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % self.process.pid).read()).group(1))


class Client(world.Client):
    def starttls(self):
        """The subject of the certificate that the server shows."""
        assert self.say("EHLO client.example.org").startswith("250")
        assert self.say("STARTTLS").startswith("220")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")
        shown = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=ssl.DER_cert_to_PEM_cert(self.socket.getpeercert(True)),
                               capture_output=True, text=True, check=True)
        return shown.stdout.strip().replace(" ", "")


def sink_connection(connection, kept):
    lines = connection.makefile("rb")

    def say(text):
        connection.sendall(text + b"\r\n")
    try:
        say(b"220 sink.example")
        while True:
            line = lines.readline()
            word = line[:4].upper()
            if not line:
                return
            if word == b"DATA":
                say(b"354 go")
                subject = b""
                while (line := lines.readline()) not in (b".\r\n", b""):
                    if line.startswith(b"Subject: "):
                        subject = line[9:].strip()
                if not line:
                    return
                os.write(kept, subject + b"\n")
                say(b"250 2.0.0 taken")
            elif word == b"QUIT":
                say(b"221 bye")
                return
            else:
                say(b"250 ok")
    except OSError:
        pass
    finally:
        connection.close()


def sink_run(listener, path):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    kept = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=sink_connection, args=(connection, kept), daemon=True).start()


class Sink:
    """A next hop that takes all, in a process of its own; it keeps the subjects."""

    n = 0

    def __init__(self):
        Sink.n += 1
        listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = listener.getsockname()[1]
        self.path = os.path.join(world.WORK, "sink%d" % Sink.n)
        open(self.path, "w").close()
        self.process = multiprocessing.get_context("fork").Process(target=sink_run, args=(listener, self.path), daemon=True)
        self.process.start()
        listener.close()
        world.ENDERS.append(self.process.kill)

    def subjects(self):
        with open(self.path) as kept:
            return kept.read().split("\n")[:-1]


def relay_to(*ports, name="example.com", more=""):
    return 'relay "%s" { next-hop = { %s } mode = queue verify-recipients = no check-interval = 1s %s }' % (name, ", ".join('"127.0.0.1:%d"' % p for p in ports), more)


def make_certificate(directory, name):
    certificate, key = "%s/%s.pem" % (directory, name), "%s/%s.key" % (directory, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=%s.example.net" % name, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


# --- what goes on, and what is new ---

def sessions(tap):
    """Sessions go on across a reload, in the middle of a mail and between two"""
    sink = Sink()
    place = Place("127.0.0.1:%d" % sink.port).start()
    within, between = Client(place.port), Client(place.port)
    within.until_data("within")
    between.say("EHLO client.example.org")
    said = place.reload(listen=place.sections["listen"][:-1] + "max-recipients = 123 }")
    tap("the answer says what changed", said == ['listen "mx": max-recipients is 123, was 1000'], said)
    tap("a mail in the middle of its data gets its 250", within.say(".").startswith("250"))
    between.until_data("between")
    tap("and the session between two mails takes one", between.say(".").startswith("250"))
    fresh = Client(place.port)
    fresh.socket.sendall(b"EHLO client.example.org\r\n")
    ehlo = b""
    while not re.search(rb"^250 ", ehlo, re.M):
        ehlo += fresh.socket.recv(4096)
    tap("a new session has the new settings", b"RCPTMAX=123" in ehlo, ehlo)
    listener = place.status("listener")[0]
    tap("counts go on", listener["sessions"] == 3 and listener["mails"] == 2, listener)
    tap("a second reload changes nothing", place.reload() == ["nothing changed"])
    for _ in range(3):
        for client in (within, between, fresh):
            assert client.say("NOOP").startswith("250")
        place.reload(extra="# %d\nretry { first = %dm }" % (_, _ + 2))
    tap("sessions of several generations go on together", all(c.say("NOOP").startswith("250") for c in (within, between, fresh)))
    for client in (within, between, fresh):
        client.say("QUIT")
    world.wait_for("the mails arrive", lambda: sorted(sink.subjects()) == ["between", "within"])
    tap("a clean end", place.stop() == 0, place.log_text()[-3000:])


def certificates(tap):
    """A renewed certificate is shown to new sessions; those before keep theirs"""
    place = Place()
    old, new = make_certificate(place.directory, "old"), make_certificate(place.directory, "new")
    used = place.directory + "/used.pem", place.directory + "/used.key"
    for of, to in zip(old, used):
        shutil.copy(of, to)
    place.write(extra='tls "mine" { certificate = "%s" key = "%s" }' % used)
    place.start()
    before, began = Client(place.port), Client(place.port)
    tap("a session with TLS", before.starttls() == "subject=CN=old.example.net")
    began.say("EHLO client.example.org")
    for of, to in zip(new, used):
        shutil.copy(of, to)
    said = place.reload()
    tap("the answer names the files", said == ['tls "mine": certificate %s is another one now' % used[0],
                                              'tls "mine": key %s is another one now' % used[1]], said)
    tap("the session with TLS goes on", before.say("NOOP").startswith("250"))
    tap("one that began before the reload has the old certificate", began.starttls() == "subject=CN=old.example.net")
    tap("a new one the new", Client(place.port).starttls() == "subject=CN=new.example.net")
    place.stop()


def next_hops(tap):
    """Mails that wait go to the new next hop at once"""
    first, second = Sink(), Sink()
    place = Place("127.0.0.1:9", relay=relay_to(9)).start()
    for i in range(300):
        place.send("mail %d" % i)
    world.wait_for("the next hop is down", lambda: any(not hop["up"] for hop in place.status("next-hop")))
    begin = time.monotonic()
    said = place.reload(relay=relay_to(first.port))
    tap("the answer says so", said == ['relay "example.com": next-hop: added 127.0.0.1:%d' % first.port,
                                      'relay "example.com": next-hop: removed 127.0.0.1:9'], said)
    world.wait_for("all arrive", lambda: len(first.subjects()) == 300, 20)
    took = time.monotonic() - begin
    tap("300 mails that waited arrive within seconds (%.1f s)" % took, took < 8)
    place.reload(relay=relay_to(second.port))
    place.send("behind")
    world.wait_for("it arrives", lambda: second.subjects() == ["behind"])
    tap("the next mail goes to the next one", len(first.subjects()) == 300)

    place.reload(relay=relay_to(9, name="moved", more='domains = { "example.com" }'))
    for i in range(20):
        place.send("renamed %d" % i)
    said = place.reload(relay=relay_to(second.port, name="renamed", more='domains = { "example.com" }'))
    world.wait_for("mails of a relay with another name arrive", lambda: len(second.subjects()) == 21, 15)
    tap("a relay under another name has its mails", sorted(said) == ['relay "moved": removed', 'relay "renamed": added'], said)
    place.reload(relay=relay_to(9, name="moved", more='domains = { "example.com" }'))
    place.send("for a relay that goes")
    said = place.reload(relay=relay_to(second.port, name="other.example"), extra=relay_to(second.port, name="x").replace("relay", "route").replace("mode = queue verify-recipients = no", "")
                        + '\noutbound = "x"')
    tap("mail of a relay that is gone is warned of", any(l == 'smtpfwdctl: relay "moved": is gone, and mail for example.com that '
        "waits (1 for the relay) goes by route:x now" for l in said), said)
    world.wait_for("it goes where its domain leads now", lambda: len(second.subjects()) == 22, 15)
    world.wait_for("the last is settled: its server has it a moment before", lambda: place.status("queue")[0]["mails"] == 0, 15)
    tap("nothing waits, nothing failed", place.status("queue")[0]["mails"] == 0 and place.status("queue")[0]["failed"] == 0,
        place.status("queue"))
    place.stop()


def listeners(tap):
    """Listeners come and go"""
    place = Place().start()
    port = world.free_port()
    second = 'listen "apps" { address = { "127.0.0.1:%d" } class = application networks = { "127.0.0.0/8" } }' % port
    said = place.reload(extra=second)
    tap("a new one is opened", said == ['listen "apps": opened 127.0.0.1:%d' % port] and world.greets(port), said)
    client = Client(port)
    client.until_data("still here")
    said = place.reload(extra="")
    tap("a removed one is closed", said == ['listen "apps": closed 127.0.0.1:%d' % port] and not world.is_open(port), said)
    gone = [l for l in place.status("listener") if l["name"] == "apps"]
    tap("its session goes on", client.say(".").startswith("250") and gone and gone[0]["gone"] and gone[0]["sessions"] == 1, gone)
    client.say("QUIT")
    world.wait_for("it is gone", lambda: all(l["name"] != "apps" for l in place.status("listener")))
    said = place.reload(listen=place.sections["listen"].replace('"mx"', '"front"'))
    tap("an address can change hands", said == ['listen "front": has 127.0.0.1:%d now, from listen "mx"' % place.port] and
        world.greets(place.port), said)
    place.stop()


def settings(tap):
    """The other settings"""
    place = Place().start()
    said = place.reload(log='log { level = debug }')
    world.greets(place.port)
    world.wait_for("debug lines", lambda: " connected " in place.log_text())
    tap("the log's level", said == ["log: level is debug, was info"], said)
    said = place.reload(top=place.sections["top"].replace("mx.example.net", "mx2.example.net"))
    tap("the host name", said == ['hostname is "mx2.example.net", was "mx.example.net"'] and
        Client(place.port).greeting.startswith("220 mx2.example.net"), said)
    log = place.directory + "/run/other.log"       # where it may write
    said = place.reload(log='log { to = "%s" }' % log)
    place.send("one")
    world.wait_for("a line in the other file", lambda: " accepted " in open(log).read())
    tap("the log's file", " accepted " not in place.log_text(), said)
    result = place.fails(log='log { to = "%s/none/log" }' % place.directory)
    tap("a log that cannot be written is an error", "none/log" in result, result)
    narrow = place.sections["listen"][:-1] + "max-connections = 3 }"
    place.reload(listen=narrow)
    few = [Client(place.port) for _ in range(4)]
    tap("fewer connections", [c.greeting[:3] for c in few] == ["220"] * 3 + ["421"], [c.greeting for c in few])
    place.reload(listen=narrow.replace("= 3 }", "= 5000 }"))
    many = [Client(place.port) for _ in range(900)]
    tap("many more", all(c.greeting.startswith("220") for c in many) and few[0].say("NOOP").startswith("250"))
    for client in few + many:
        client.socket.close()
    for old, new in (("spool", place.directory + "/spool"), ("control", place.directory + "/run/control")):
        said = place.reload(top=place.sections["top"].replace(new, new + "2"))
        tap("%s needs a restart, which is said" % old, any('%s: "%s2" needs a restart; until then it is "%s"' % (old, new, new) in l
                                                         for l in said), said)
        tap("again at the next reload", any("needs a restart" in l for l in place.reload(extra="retry { first = 5m }")))
        said = place.reload(top=place.sections["top"].replace(new + "2", new), extra="")
        tap("until it is as it was", not any("needs a restart" in l for l in said), said)
    place.stop()
    tap("the end removes the socket that was", not os.path.exists(place.directory + "/run/control"))


def resolver(tap):
    """Other name servers, and another resolv.conf"""
    place = Place(extra='resolver { servers = { "127.0.0.1:1" } timeout = 1s }').start()
    said = place.reload(extra='resolver { servers = { "127.0.0.1:2" } timeout = 1s }')
    tap("is said", said == ["resolver: servers: added 127.0.0.1:2", "resolver: servers: removed 127.0.0.1:1"], said)
    client = Client(place.port)
    client.until_data("asks for a name")
    for i in range(20):
        place.reload(extra='resolver { servers = { "127.0.0.1:%d" } timeout = 1s }' % (i + 3))
    tap("questions that are open do no harm", client.say(".").startswith("250"))
    tap("a clean end", place.stop() == 0, place.log_text()[-3000:])


def background(tap):
    """In the background, started by a relative path"""
    place = Place()
    place.write(log='log { to = "%s/log2" }' % place.directory)
    result = subprocess.run([PROGRAMS + "/smtpfwd", "-c", "smtpfwd.conf"], cwd=place.directory, capture_output=True, text=True, timeout=30)
    pid = place.status("daemon")[0]["pid"] if result.returncode == 0 else 0
    world.ENDERS.append(lambda: os.path.exists("/proc/%d" % pid) and os.kill(pid, signal.SIGKILL))
    said = place.reload(extra="retry { first = 3m }")
    tap("a reload finds the same file", said == ["retry: first is 3m, was 1m"], said)
    said = place.reload(log='log { to = "stderr" }')
    tap("its stderr was given away, so the log cannot go there", any('log: to: "stderr" needs a restart' in l for l in said), said)
    os.kill(pid, signal.SIGTERM)
    world.wait_for("the end", lambda: "stopped" in open(place.directory + "/log2").read())
    tap("its log is where it was", "reloaded" in open(place.directory + "/log2").read())


# --- what is wrong ---

def bad_files(tap):
    """A file that is wrong changes nothing, and it is said what is wrong"""
    place = Place().start()
    port = world.free_port()
    said = place.fails(extra='listen "new" { address = { "127.0.0.1:%d" } }\nnonsense = 1\nretry { first = soon }' % port)
    errors = [line for line in said.splitlines() if line.startswith(place.config + ":")]
    tap("each error with its file and line", len(errors) == 2 and ':10: unknown' in errors[0] and ":11: retry: first: " in errors[1],
        said)
    tap("nothing of it is done", not world.is_open(port) and world.greets(place.port))
    world.wait_for("the log, which is written behind", lambda: place.n_logged("reload-failed") >= 3)
    tap("each is in the log", place.n_logged("reload-failed") == 3 and errors[0].split('"')[0] in place.log_text(), place.log_text())
    daemon = place.status("daemon")[0]
    tap("status says so", daemon["reload"]["failed"] and len(daemon["reload"]["errors"]) == 2, daemon)
    shown = place.ctl("status").stdout
    tap("to people too", "THE LAST RELOAD FAILED" in shown and "nonsense" in shown, shown)
    said = place.fails(extra="relay {")
    tap("a file that is no configuration", place.config in said, said)
    os.rename(place.config, place.config + ".away")
    result = place.ctl("reload")
    os.rename(place.config + ".away", place.config)
    tap("none at all", result.returncode == 1 and "No such file" in result.stderr, result.stderr)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port2 = taken.getsockname()[1]
        said = place.fails(extra='listen "new" {\n address = { "127.0.0.1:%d", "127.0.0.1:%d" } }' % (port, port2))
        tap("an address that is taken", ':10: listen "new": address: 127.0.0.1:%d cannot be bound: Address already in use' % port2
            in said and not world.is_open(port), said)
    said = place.fails(listen='listen "mx" { address = { "0.0.0.0:%d" } }' % place.port)
    tap("an address in the way of another", "0.0.0.0:%d cannot be bound while 127.0.0.1:%d is open: this change needs a restart"
        % (place.port, place.port) in said, said)
    said = place.fails(extra='tls "a" {\n certificate = "/nonexistent/c.pem"\n key = "/nonexistent/k.pem" }')
    tap("a certificate that is not there", ':10: tls "a": certificate: /nonexistent/c.pem: No such file or directory' in said, said)
    certificate, _ = make_certificate(place.directory, "a")
    _, key = make_certificate(place.directory, "b")
    said = place.fails(extra='tls "a" { certificate = "%s" key = "%s" }' % (certificate, key))
    tap("a key of another", "does not belong to certificate" in said, said)
    tap("and at last a good one", place.reload() == ["nothing changed"] and not place.status("daemon")[0]["reload"]["failed"])
    shown = place.ctl("status").stdout
    tap("which is all that status says then", "FAILED" not in shown, shown)
    place.stop()


def privileges(tap):
    """What root could and the daemon's user cannot"""
    entry = world.make_user()
    place = Place(user=USER)
    certificate, key = make_certificate(place.directory, "key")
    os.chmod(certificate, 0o644)
    os.chmod(key, 0o640)
    os.chown(key, 0, entry.pw_gid)
    place.write(extra='tls "a" { certificate = "%s" key = "%s" }' % (certificate, key))
    os.chmod(place.config, 0o600)
    check = subprocess.run([PROGRAMS + "/smtpfwd", "-n", "-c", place.config], capture_output=True, text=True)
    help_text = "%s: user %s may not read it (chgrp %s, chmod g+r)" % (place.config, USER, USER)
    tap("-n: a configuration that the user may not read", check.returncode == 3 and "no reload could read it: " + help_text
        in check.stderr, check.stderr)
    place.start()
    tap("the start warns of it", "cannot-reload" in place.log_text() and help_text in place.log_text(), place.log_text())
    result = place.ctl("reload")
    tap("the reload fails for it", result.returncode == 1 and "Permission denied" in result.stderr, result.stderr)
    os.chown(place.config, 0, entry.pw_gid)
    os.chmod(place.config, 0o640)
    tap("with the group it does not", place.ctl("reload").stdout == "nothing changed\n")
    os.chmod(key, 0o600)
    os.utime(key)
    result = place.ctl("reload")
    tap("a key that only root may read", result.returncode == 1 and "key: %s: user %s may not read it (chgrp %s, chmod g+r)"
        % (key, USER, USER) in result.stderr, result.stderr)
    os.chmod(key, 0o640)
    os.makedirs(place.directory + "/closed")
    os.chmod(place.directory + "/closed", 0o700)
    shutil.copy(certificate, place.directory + "/closed/c.pem")
    said = place.fails(extra='tls "a" { certificate = "%s/closed/c.pem" key = "%s" }' % (place.directory, key))
    tap("one behind a closed directory", "user %s may not enter %s/closed (chgrp %s, chmod g+x)" % (USER, place.directory, USER)
        in said, said)
    if int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read()) > 465:
        said = place.fails(listen=place.sections["listen"] + '\nlisten "submissions" { address = { "127.0.0.1:465" } }')
        tap("a new port below 1024", "127.0.0.1:465 cannot be bound: a new port below 1024 needs a restart" in said, said)
    tap("the old certificate is still shown", Client(place.port).starttls() == "subject=CN=key.example.net")
    place.stop()


# --- the end ---

def stopping(tap):
    """While it stops, nothing is reloaded; a second signal cuts it short"""
    place = Place().start()
    client = Client(place.port)
    client.until_data("in flight")
    place.process.terminate()
    world.wait_for("the port closes", lambda: not world.is_open(place.port))
    result = place.ctl("reload")
    tap("a reload is refused", result.returncode == 1 and "stopping" in result.stderr, result.stderr)
    place.process.send_signal(signal.SIGHUP)
    begin = time.monotonic()
    place.process.terminate()
    status = place.process.wait(20)
    took = time.monotonic() - begin
    tap("a second signal ends it at once, cleanly (%.1f s)" % took, status == 0 and took < 8, place.log_text()[-2000:])
    place.start()
    tap("the mail that was cut off was not taken", place.status("queue")[0]["mails"] == 0)
    place.stop()


def stopping_deliveries(tap):
    """A second signal cuts off deliveries, and nothing of them is lost"""
    with socket.create_server(("127.0.0.1", 0)) as silent:      # connects, and never greets
        place = Place("127.0.0.1:%d" % silent.getsockname()[1]).start()
        for i in range(5):
            place.send("mail %d" % i)
        connection, _ = silent.accept()
        place.process.terminate()
        time.sleep(0.3)
        tap("the first signal lets them go on", place.process.poll() is None)
        begin = time.monotonic()
        place.process.terminate()
        status = place.process.wait(20)
        took = time.monotonic() - begin
        tap("the second does not (%.1f s)" % took, status == 0 and took < 8, place.log_text()[-2000:])
        connection.close()
    sink = Sink()
    place.write(relay=relay_to(sink.port))
    place.start()
    world.wait_for("all arrive behind the next start", lambda: sorted(sink.subjects()) == ["mail %d" % i for i in range(5)])
    tap("nothing is lost, nothing is doubled", place.stop() == 0)


def stuck(tap):
    """A file that does not come to its end holds nobody up"""
    sink = Sink()
    place = Place("127.0.0.1:%d" % sink.port).start()
    os.rename(place.config, place.config + ".away")
    os.mkfifo(place.config)
    place.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    place.send("meanwhile")
    world.wait_for("mail goes on", lambda: sink.subjects() == ["meanwhile"])
    asker = subprocess.Popen([PROGRAMS + "/smtpfwdctl", "-s", place.directory + "/run/control", "reload"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    time.sleep(0.2)
    tap("status is answered", place.status("daemon")[0]["pid"] == place.process.pid)
    with open(place.config, "w"):
        pass
    world.wait_for("an empty file is an error", lambda: place.n_logged("reload-failed") > 0)
    begin = time.monotonic()
    place.process.terminate()
    status = place.process.wait(30)
    took = time.monotonic() - begin
    tap("the end does not wait for it (%.1f s)" % took, status == 0 and took < 8 and "stopped text=cleanly" in place.log_text(),
        place.log_text()[-2000:])
    said = asker.communicate()[1]
    tap("who asked is told", asker.returncode == 1 and "stopping" in said, said)


# --- under load ---

class Sender(threading.Thread):
    """Sends over sessions of a few mails each, every other sender by TLS, until it is to end; any trouble at all is kept."""

    def __init__(self, port, n):
        super().__init__(daemon=True)
        self.port, self.n = port, n
        self.taken, self.trouble = [], []
        self.is_ending = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.start()

    def run(self):
        i = 0
        while not self.is_ending:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example.org", timeout=30) as session:
                    if self.n % 2:
                        session.starttls(context=self.context)
                    for _ in range(20):
                        subject = "mail %d.%d" % (self.n, i)
                        i += 1
                        session.sendmail("alice@example.org", ["bob@example.com"], world.message(subject))
                        self.taken.append(subject)
            except (smtplib.SMTPException, OSError) as trouble:
                self.trouble.append(repr(trouble))
                time.sleep(0.01)


def storm(tap):
    """200 reloads under load, each of another configuration"""
    sinks = [Sink(), Sink()]
    place = Place(relay=relay_to(sinks[0].port), extra=world.no_names())
    certificates = [make_certificate(place.directory, name) for name in ("one", "two")]
    extra_port = world.free_port()
    place.start()
    senders = [Sender(place.port, n) for n in range(4)]
    rss = []
    for i in range(200):
        extra = 'retry { first = %ds }\n%s\n' % (60 + i % 3, world.no_names("timeout = %dms" % (2000 + i % 5)))
        extra += 'tls "a" { certificate = "%s" key = "%s" }\n' % certificates[i // 2 % 2]
        if i % 4 == 0:
            extra += 'listen "extra" { address = { "127.0.0.1:%d" } max-recipients = %d }\n' % (extra_port, 100 + i)
        place.write(relay=relay_to(sinks[i % 2].port), extra=extra)
        place.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
        if i % 50 == 49:
            rss.append(place.rss_kb())
    result = place.ctl("reload")
    for sender in senders:
        sender.is_ending = True
    for sender in senders:
        sender.join(60)
    taken = sorted(s for sender in senders for s in sender.taken)
    trouble = [t for sender in senders for t in sender.trouble]
    generations = place.n_logged("reloaded")
    tap("no client was refused or cut off (%d mails, %d lines of reloads)" % (len(taken), generations), not trouble and
        len(taken) > 200 and result.returncode == 0 and place.n_logged("reload-failed") == 0, trouble[:5] or place.log_text()[-2000:])
    arrived = lambda: sorted(sinks[0].subjects() + sinks[1].subjects())
    world.wait_for("all arrive", lambda: len(arrived()) >= len(taken), 60)
    tap("every mail arrived, none twice", arrived() == taken,
        list((collections.Counter(arrived()) - collections.Counter(taken)).items())[:5])
    tap("both next hops had some", all(len(s.subjects()) > 20 for s in sinks), [len(s.subjects()) for s in sinks])
    growth = rss[-1] - rss[0]
    tap("memory is bounded (%s kB)" % ", ".join(map(str, rss)), IS_SANITIZED or growth < 12000)
    tap("a clean end", place.stop() == 0, place.log_text()[-3000:])


def many_signals(tap):
    """Signals faster than reloads, and operators at once"""
    place = Place().start()
    for i in range(2000):
        place.process.send_signal(signal.SIGHUP)
    results = []
    askers = [threading.Thread(target=lambda: results.append(place.ctl("reload").returncode)) for _ in range(10)]
    for asker in askers:
        asker.start()
    for i in range(200):
        place.process.send_signal(signal.SIGHUP)
    for asker in askers:
        asker.join()
    tap("all operators are answered", results == [0] * 10, results)
    tap("it serves", world.greets(place.port))
    place.write(extra='nonsense = 1')
    for i in range(500):
        place.process.send_signal(signal.SIGHUP)
    world.wait_for("an error is logged", lambda: place.n_logged("reload-failed") > 0)
    place.write(extra='')
    tap("what was asked last is done last", place.reload() == ["nothing changed"])
    place.process.send_signal(signal.SIGHUP)
    tap("a clean end at once behind a signal", place.stop() == 0, place.log_text()[-3000:])


scenarios = (sessions, certificates, next_hops, listeners, settings, resolver, background, bad_files, privileges, stopping, stopping_deliveries, stuck, storm,
             many_signals)
wanted = sys.argv[1:]
world.Tap().run(*[s for s in scenarios if not wanted or s.__name__ in wanted])
