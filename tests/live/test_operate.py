#!/usr/bin/python3
"""What an administrator meets: the check, the drop of rights, signals, a crash's leftovers, the control socket.

Runs as root, because dropping rights cannot be shown otherwise.  Names of scenarios as arguments run only those.
"""
import json
import os
import pwd
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import world

CAP_SYS_RESOURCE = 24
PROGRAMS = world.copy_programs()
USER = world.USER


class Place(world.Daemon):
    """A directory with a configuration, and the daemon that runs by it."""

    n = 0
    programs = PROGRAMS

    def __init__(self, user=USER, extra="", owner=None, next_hop="127.0.0.1:9", log="stderr", stop_within="30s", listen=""):
        super().__init__()
        Place.n += 1
        self.directory = os.path.join(world.WORK, "place%d" % Place.n)
        os.makedirs(self.directory)
        self.port = world.free_port()
        self.config = self.directory + "/smtpfwd.conf"
        self.spool = self.directory + "/spool"
        self.control = self.directory + "/run/control"
        self.log = self.directory + "/log"
        self.lines = ['hostname = "mx.example.net"', 'spool = "%s"' % self.spool, 'control = "%s"' % self.control,
                      'stop-within = %s' % stop_within, 'log { to = "%s" } %s' % (log, world.no_names())]
        if user:
            self.lines.append('user = "%s"' % user)
        self.lines += ['relay "example.com" { next-hop = { "%s" } mode = queue verify-recipients = no check-interval = 1s }' % next_hop,
                       'listen "mx" { address = { "127.0.0.1:%d" } %s }' % (self.port, listen), extra]
        self.write()
        if owner:
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)

    def write(self):
        with open(self.config, "w") as out:
            out.write("\n".join(self.lines) + "\n")
        os.chmod(self.config, 0o644)

    def run(self, *options, user=None, timeout=30):
        return run("smtpfwd", "-c", self.config, *options, user=user, timeout=timeout)

    def start(self, user=None, **how):
        return super().start(user=user, group=user and pwd.getpwnam(user).pw_gid, extra_groups=[] if user else None, **how)

    def ctl(self, *words, user=None):
        return run("smtpfwdctl", "-c", self.config, *words, user=user)

    def ask(self, *words):
        """The objects of the answer; every line must be one."""
        result = self.ctl("--json", *words)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def mails(self, *filters):
        return [row["mail"] for row in self.ask("queue", "list", *filters)]

    def send(self, subject, recipient="bob@example.com"):
        return world.send(self.port, world.message(subject), recipients=(recipient,))


def run(program, *options, user=None, timeout=30, **how):
    group = {"group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    return subprocess.run([PROGRAMS + "/" + program, *options], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, user=user, **group, **how)


def owner_and_mode(path):
    found = os.lstat(path)
    return found.st_uid, stat.S_IMODE(found.st_mode)


class SlowServer(threading.Thread):
    """A next hop that thinks about each mail for a while."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self.seconds = seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thinks = threading.Event()
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        lines = connection.makefile("rb")

        def say(text):
            connection.sendall(text + b"\r\n")
        try:
            say(b"220 slow.example")
            while True:
                line = lines.readline().upper()
                if not line:
                    return
                if line.startswith(b"DATA"):
                    say(b"354 go")
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    self.thinks.set()
                    time.sleep(self.seconds)
                    say(b"250 2.0.0 taken")
                elif line.startswith(b"QUIT"):
                    say(b"221 bye")
                    return
                else:
                    say(b"250 ok")
        except OSError:
            pass


# --- the check ---

GOOD = 'hostname = "mx.example.net"\nuser = "root"\nrelay "example.com" { next-hop = { "192.0.2.1" } }\n'
BAD = (
    ("an unknown setting", GOOD + 'spol = "/x"\n', {4: "spol"}),
    ("an unknown section", GOOD + 'relais "x" {\n}\n', {4: "relais"}),
    ("a setting twice", GOOD + 'spool = "/a"\nspool = "/b"\n', {5: "spool"}),
    ("a title twice", GOOD + 'relay "example.com" { next-hop = { "192.0.2.2" } }\n', {4: "example.com"}),
    ("an untitled section twice", GOOD + 'log { level = info }\nlog { level = debug }\n', {5: "log"}),
    ("a stray semicolon", GOOD + 'spool = "/a";\n', {4: ";"}),
    ("an undefined variable", GOOD + 'spool = "${NOBODY_SETS_THIS}"\n', {4: "NOBODY_SETS_THIS"}),
    ("a value that is none of the choices", GOOD + 'log { level = loud }\n', {4: "loud"}),
    ("a number out of its bounds", GOOD + 'resolver { tries = 0 }\n', {4: "tries"}),
    ("a span without unit", GOOD + 'stop-within = 30\n', {4: "stop-within"}),
    ("an unclosed section", GOOD + 'log { level = info\n', {4: "log"}),
    ("an unclosed string", GOOD + 'spool = "/x\nuser = "root"\n', {4: ""}),
    ("a missing brace of a list", GOOD + 'relay "b" { next-hop = { "192.0.2.2" }\n', {4: "relay"}),
    ("a title that is missing", GOOD + 'relay { next-hop = { "192.0.2.2" } }\n', {4: "relay"}),
    ("a file that is not there", GOOD + 'include("/nonexistent/more.conf")\n', {4: "/nonexistent/more.conf"}),
    ("several at once, each with its line",
     'hostname = "mx"\nuser = "root"\nspool = "here"\nrelay "a b" {\n next-hop = { "x:y" }\n}\n'
     'listen "l" {\n address = { "nowhere" }\n networks = { "10.0.0.1/8" }\n}\nresolver { dnssec = yes }\n',
     {1: "mx", 3: "here", 4: "a b", 5: "x:y", 8: "nowhere", 9: "10.0.0.1/8", 11: "trust-anchor"}),
)


def bad_configurations(tap):
    """-n tells each error with its file and line"""
    path = os.path.join(world.WORK, "bad.conf")
    for name, text, wants in BAD:
        with open(path, "w") as out:
            out.write(text)
        result = run("smtpfwd", "-n", "-c", path)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("smtpfwd: note:")]
        placed = [re.match(re.escape(path) + r":(\d+): (.*)", line) for line in lines]
        found = all(placed) and all(any(int(m.group(1)) == number and what in m.group(2) for m in placed)
                                    for number, what in wants.items())
        tap("-n: %s" % name, result.returncode == 3 and found and len(lines) >= len(wants), result.stderr)
    result = run("smtpfwd", "-n", "-c", "/nonexistent.conf")
    tap("-n: no configuration", result.returncode == 3 and "/nonexistent.conf" in result.stderr, result.stderr)
    result = run("smtpfwd", "-n", "-c", world.WORK)
    tap("-n: a directory is none", result.returncode == 3 and world.WORK in result.stderr, result.stderr)
    for program, options in (("smtpfwd", ["-x"]), ("smtpfwd", ["more"]), ("smtpfwdctl", []), ("smtpfwdctl", ["dance"]),
                             ("smtpfwdctl", ["queue", "hold"]), ("smtpfwdctl", ["status", "--all"]),
                             ("smtpfwdctl", ["queue", "list", "a", "b"]),
                             ("smtpfwdctl", ["queue", "remove", "--held", "--recipient-domain", ""]),
                             ("smtpfwdctl", ["queue", "remove", "--held", "--next-hop", "a", "--next-hop", "b"]),
                             ("smtpfwdctl", ["queue", "remove", "--held", "--recipient-domain", b"\xff"])):
        result = run(program, *options)
        tap("%s %s is wrong use" % (program, " ".join(map(repr, options))), result.returncode == 2 and "usage:" in result.stderr,
            result.stderr)


def expect_wrong(tap, name, place, number_of, what, **how):
    """-n fails with one error, at the line that has number_of."""
    result = place.run("-n", **how)
    number = next((i for i, line in enumerate("\n".join(place.lines).split("\n"), 1) if number_of in line), 0)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("smtpfwd: note:")]
    tap("-n: %s" % name, result.returncode == 3 and len(lines) == 1 and
        lines[0].startswith("%s:%d: " % (place.config, number)) and what in lines[0], result.stderr)


def check_of_files(tap):
    """-n sees files as the user would"""
    place = Place()
    result = place.run("-n")
    tap("-n: all is well, and nothing was made", result.returncode == 0 and "all is well" in result.stdout and
        os.listdir(place.directory) == ["smtpfwd.conf"], result.stderr + str(os.listdir(place.directory)))

    certificate, key = place.directory + "/c.pem", place.directory + "/k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=mx.example.net", "-out", certificate, "-keyout", key], check=True, capture_output=True)
    os.chmod(certificate, 0o644)
    os.chmod(key, 0o600)
    place.lines.append('tls "a" {\n certificate = "%s"\n key = "%s"\n}' % (certificate, key))
    place.write()
    expect_wrong(tap, "a key that only root can read", place, "key =", "user %s may not read it (chgrp %s, chmod g+r)" % (USER, USER))
    result = place.run("-f")
    tap("and so says the start", result.returncode == 1 and key in result.stderr and "may not read it" in result.stderr,
        result.stderr)
    os.chown(key, USER_ENTRY.pw_uid, -1)
    result = place.run("-n")
    tap("-n: the user's key is fine", result.returncode == 0, result.stderr)
    with open(certificate, "w") as out:
        out.write("no certificate\n")
    expect_wrong(tap, "a certificate that is none", place, 'tls "a"', certificate)

    place = Place(log="/nonexistent/log")
    expect_wrong(tap, "a log in no directory", place, "log {", "No such file or directory")
    place = Place(log=world.WORK + "/log-of-root")
    expect_wrong(tap, "a log where only root may write", place, "log {", "Permission denied")
    place = Place()
    os.mkdir(place.spool)
    expect_wrong(tap, "a spool of somebody else", place, "spool =", "does not belong to " + USER)
    result = place.run("-f")
    tap("and so says the start", result.returncode == 1 and "does not belong to " + USER in result.stderr, result.stderr)
    place = Place()
    place.lines = [line.replace("/spool", "/no/spool") for line in place.lines]
    place.write()
    expect_wrong(tap, "a spool in no directory", place, "spool =", "No such file or directory")
    place = Place()
    os.mkdir(place.directory + "/run")
    expect_wrong(tap, "a control socket where only root may write", place, "control =", "Permission denied")
    place = Place(user="nobody-of-that-name")
    expect_wrong(tap, "a user who is not there", place, "user =", "there is no user")
    place = Place(extra='relay "b.example" {\n next-hop = { "192.0.2.1" }\n tls = verify\n ca-file = "/nonexistent/ca.pem"\n}')
    expect_wrong(tap, "authorities that are not there", place, "ca-file =", "/nonexistent/ca.pem: No such file")


def check_of_ports(tap):
    """-n binds ports, but for those of the running daemon"""
    place = Place()
    with socket.create_server(("127.0.0.1", place.port)):
        expect_wrong(tap, "a port that somebody else holds", place, "listen", "127.0.0.1:%d cannot be bound: Address already in use" % place.port)
        result = place.run("-f")
        tap("and so says the start", result.returncode == 1 and "127.0.0.1:%d cannot be bound" % place.port in result.stderr,
            result.stderr)
        tap("which leaves no socket behind", not os.path.exists(place.control))
    place.start()
    result = place.run("-n")
    tap("-n: the running daemon's port is fine", result.returncode == 0, result.stderr)
    place.lines = [line.replace("127.0.0.1:%d" % place.port, "0.0.0.0:%d" % place.port) for line in place.lines]
    place.write()
    result = place.run("-n")
    tap("-n: so is all addresses instead of its one", result.returncode == 0, result.stderr)
    result = place.run("-n", user="nobody")
    tap("-n: another user is told that the port may be the daemon's", result.returncode == 3 and
        "whether by the daemon only root and its user can tell" in result.stderr, result.stderr)
    place.stop()
    place = Place(user="nobody")
    place.lines = [line.replace("127.0.0.1:%d" % place.port, "127.0.0.1:25") for line in place.lines]
    place.write()
    os.chown(place.directory, pwd.getpwnam("nobody").pw_uid, -1)
    expect_wrong(tap, "an ordinary user has no port 25", place, "listen", "127.0.0.1:25 cannot be bound: Permission denied", user="nobody")


# --- rights ---

def status_of(pid):
    with open("/proc/%d/status" % pid) as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def drop(tap):
    """Root becomes the user, for good"""
    place = Place()
    place.start()
    status = status_of(place.process.pid)
    tap("every uid and gid is the user's", status["Uid"].split() == [str(USER_ENTRY.pw_uid)] * 4 and
        status["Gid"].split() == [str(USER_ENTRY.pw_gid)] * 4, status)
    tap("no group of root's is left", set(status["Groups"].split()) <= {str(USER_ENTRY.pw_gid)}, status["Groups"])
    tap("no capability is left, of any set", all(int(status[s], 16) == 0 for s in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")),
        {k: v for k, v in status.items() if k.startswith("Cap")})
    tap("no new rights either", status["NoNewPrivs"] == "1")
    tap("the spool is 0700 and the user's", owner_and_mode(place.spool) == (USER_ENTRY.pw_uid, 0o700), owner_and_mode(place.spool))
    tap("the control socket is 0600 and the user's", owner_and_mode(place.control) == (USER_ENTRY.pw_uid, 0o600),
        owner_and_mode(place.control))
    loose = [os.path.join(at, name) for at, dirs, files in os.walk(place.spool) for name in dirs + files
             if owner_and_mode(os.path.join(at, name))[1] & 0o077 or owner_and_mode(os.path.join(at, name))[0] != USER_ENTRY.pw_uid]
    tap("nothing in the spool is open to others", not loose, loose)
    tap("root is served", place.ctl("status").returncode == 0)
    tap("the user is served", place.ctl("status", user=USER).returncode == 0)
    result = place.ctl("status", user="nobody")
    tap("nobody else reaches the socket", result.returncode == 1 and "only root and the daemon's user may ask" in result.stderr,
        result.stderr)
    os.chmod(place.control, 0o666)
    result = place.ctl("queue", "remove", "--all", user="nobody")
    tap("and with a socket open to all is refused by who they are", result.returncode == 1 and
        "only root and the daemon's user may ask" in result.stderr, result.stderr)
    tap("a clean end", place.stop() == 0)
    tap("takes the socket away", not os.path.exists(place.control))
    os.chmod(place.spool, 0o755)
    place.start()
    tap("a spool that was opened to others is closed again", owner_and_mode(place.spool) == (USER_ENTRY.pw_uid, 0o700))
    place.stop()


def descriptor_limit(pid):
    with open("/proc/%d/limits" % pid) as limits:
        return next(int(line.split()[3]) for line in limits if line.startswith("Max open files"))


def limits(tap):
    """Nine thousand connections need descriptors, whatever limit the start was given"""
    place = Place().start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 2048)))
    got = descriptor_limit(place.process.pid)
    may = int(status_of(os.getpid())["CapEff"], 16) >> CAP_SYS_RESOURCE & 1    # a container's root may lack it
    tap("root lifts the limit, or says that it cannot", got >= 9000 and "few-descriptors" not in place.log_text() if may else
        got == 2048 and "few-descriptors" in place.log_text(), got)
    place.stop()
    place = Place(owner=USER_ENTRY)
    place.process = subprocess.Popen(["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "sh", "-c",
                                      "ulimit -n 2048; exec %s/smtpfwd -f -c %s 2>%s" % (PROGRAMS, place.config, place.log)])
    world.wait_for("smtpfwd greets", lambda: place.alive() and world.greets(place.port))
    tap("an ordinary user cannot, and it is logged", "few-descriptors" in place.log_text() and
        descriptor_limit(place.process.pid) == 2048, place.log_text())
    place.stop()


def links(tap):
    """Root follows no link that the user has put in its way"""
    victim = os.path.join(world.WORK, "victim")
    for name in ("control", "control.new"):
        place = Place()
        os.mkdir(place.directory + "/run")
        os.chown(place.directory + "/run", USER_ENTRY.pw_uid, USER_ENTRY.pw_gid)
        with open(victim, "w") as out:
            out.write("root's\n")
        os.chmod(victim, 0o644)
        os.symlink(victim, place.directory + "/run/" + name)
        result = place.run("-f")
        tap("a link named %s: refused" % name, result.returncode == 1 and "no socket" in result.stderr, result.stderr)
        tap("and what it leads to is as before", owner_and_mode(victim) == (0, 0o644) and open(victim).read() == "root's\n",
            owner_and_mode(victim))
    place = Place()
    os.symlink("/nonexistent/elsewhere", place.spool)
    result = place.run("-f")
    tap("a spool that is a link to nowhere is not made there", result.returncode == 1 and place.spool in result.stderr, result.stderr)


def ordinary_user(tap):
    """Wholly as an ordinary user"""
    for user in (USER, None):
        place = Place(user=user, owner=USER_ENTRY)
        tap("-n is content (user %s)" % user, place.run("-n", user=USER).returncode == 0, place.run("-n", user=USER).stderr)
        place.start(user=USER)
        place.send("ordinary")
        tap("takes mail", len(place.mails()) == 1)
        tap("no capability is left", int(status_of(place.process.pid)["CapPrm"], 16) == 0)
        tap("ends cleanly", place.stop() == 0)
    place = Place(user="root", owner=USER_ENTRY)
    result = place.run("-f", user=USER)
    tap("who is not root cannot become it", result.returncode == 1 and 'only root can become "root"' in result.stderr, result.stderr)
    place = Place(user="root")
    place.start()
    tap("root may stay root where it says so", status_of(place.process.pid)["Uid"].split() == ["0"] * 4)
    place.stop()


# --- one of a kind, and what a crash leaves ---

def second_daemon(tap):
    """A second daemon is refused, and the first goes on"""
    first = Place().start()
    again = first.run("-f")
    tap("the same configuration again", again.returncode == 1 and "cannot be bound" in again.stderr, again.stderr)
    second = Place()
    second.lines = [line.replace(second.control, first.control) for line in second.lines]
    second.write()
    result = second.run("-f")
    tap("the same control socket", result.returncode == 1 and "a daemon is running there" in result.stderr, result.stderr)
    second = Place()
    second.lines = [line.replace(second.spool, first.spool) for line in second.lines]
    second.write()
    result = second.run("-f")
    tap("the same spool", result.returncode == 1 and first.spool + " is in use by another process" in result.stderr, result.stderr)
    tap("leaves no socket of its own", not os.path.exists(second.control))
    first.send("still here")
    tap("the first takes mail, and answers", len(first.mails()) == 1)
    first.stop()


def crash(tap):
    """What kill -9 leaves needs no hand"""
    place = Place().start()
    place.send("before")
    for i in range(3):
        place.kill()
        left = os.path.exists(place.control)
        place.start()
        tap("start %d after a kill: the mail is there, the socket answers" % (i + 1), left and len(place.mails()) == 1)
    place.kill()
    result = place.ctl("status")
    tap("smtpfwdctl says that nobody is there", result.returncode == 1 and "is smtpfwd running?" in result.stderr, result.stderr)
    place.start()
    tap("a clean end", place.stop() == 0)
    result = place.ctl("queue", "list")
    tap("smtpfwdctl says so then too", result.returncode == 1 and "is smtpfwd running?" in result.stderr, result.stderr)


# --- background, signals, logs ---

def background(tap):
    """Without -f the start returns when it serves, or says why it cannot"""
    place = Place()
    place.lines = [line.replace("stderr", place.directory + "/daemon.log") for line in place.lines]
    place.write()
    os.chown(place.directory, USER_ENTRY.pw_uid, -1)
    result = place.run()
    tap("returns, with nobody holding its output", result.returncode == 0 and not result.stderr, result.stderr)
    tap("when it serves already", world.greets(place.port))
    pid = place.ask("status")[0]["daemon"]["pid"]
    tap("in a session of its own, and in no directory", os.getsid(pid) != os.getsid(0) and os.readlink("/proc/%d/cwd" % pid) == "/")
    tap("with its streams away", all(os.readlink("/proc/%d/fd/%d" % (pid, fd)) == "/dev/null" for fd in (0, 1, 2)))
    again = place.run()
    tap("a second one fails, and says why", again.returncode == 1 and "cannot be bound" in again.stderr, again.stderr)
    os.kill(pid, signal.SIGTERM)
    world.wait_for("the end", lambda: not os.path.exists("/proc/%d" % pid) or "State:\tZ" in open("/proc/%d/status" % pid).read(), 20)
    log = open(place.directory + "/daemon.log").read()
    tap("the log has its start and its end", "started" in log and "stopped" in log, log)
    place = Place(extra='tls "a" { certificate = "/nonexistent/c.pem" key = "/nonexistent/k.pem" }')
    result = place.run()
    tap("what fails behind the drop is told too", result.returncode == 1 and "/nonexistent/" in result.stderr, result.stderr)
    place = Place()
    place.process = subprocess.Popen(["sh", "-c", "exec %s/smtpfwd -f -c %s <&- >&- 2>&-" % (PROGRAMS, place.config)])
    open(place.log, "w").close()
    world.wait_for("smtpfwd greets", lambda: place.alive() and world.greets(place.port))
    place.send("closed streams")
    tap("closed streams become no sockets", len(place.mails()) == 1 and
        all(os.readlink("/proc/%d/fd/%d" % (place.process.pid, fd)) == "/dev/null" for fd in (0, 1, 2)))
    tap("and it ends cleanly", place.stop() == 0)


def stop_receiving(tap):
    """SIGTERM lets a mail that comes in end, within the limit"""
    place = Place().start()
    client, idle = world.Client(place.port), world.Client(place.port)
    client.until_data("in flight")
    place.process.terminate()
    world.wait_for("the port closes", lambda: not world.is_open(place.port))
    tap("who is between mails gets 421 at once", idle.reply().startswith("421"))
    tap("the control socket still answers", place.ctl("status").returncode == 0)
    tap("the mail in flight gets its 250", client.say(".").startswith("250"))
    tap("and then the daemon ends cleanly", place.process.wait(10) == 0)
    place.start()
    tap("the mail is in the queue", len(place.mails()) == 1)
    place.stop()

    place = Place(stop_within="2s").start()
    client = world.Client(place.port)
    client.until_data("too slow")
    begin = time.monotonic()
    place.process.terminate()
    status = place.process.wait(20)
    took = time.monotonic() - begin
    tap("at the limit it is cut off (%.1f s)" % took, status == 0 and 1.5 < took < 8)
    place.start()
    tap("and was not taken", place.mails() == [])
    place.stop()


def stop_delivering(tap):
    """SIGTERM lets a delivery end, within the limit"""
    server = SlowServer(2)
    place = Place(next_hop="127.0.0.1:%d" % server.port).start()
    place.send("thinks")
    tap("a delivery is in flight", server.thinks.wait(20))
    tap("the daemon ends cleanly", place.stop() == 0)
    tap("with the mail delivered", " delivered " in place.log_text() and " ambiguous " not in place.log_text(), place.log_text())

    server = SlowServer(60)
    place = Place(next_hop="127.0.0.1:%d" % server.port, stop_within="1s").start()
    place.send("thinks too long")
    tap("another is in flight", server.thinks.wait(20))
    begin = time.monotonic()
    status = place.stop()
    took = time.monotonic() - begin
    tap("it is cut off at the limit (%.1f s)" % took, status == 0 and 0.8 < took < 8)
    tap("which is logged as ambiguous", " ambiguous " in place.log_text(), place.log_text())

    # A client that takes its time must not keep deliveries beginning that are cut off then.
    server = SlowServer(1.5)
    place = Place(next_hop="127.0.0.1:%d" % server.port, stop_within="4s").start()
    client = world.Client(place.port)
    client.until_data("slow client")
    place.send("first")
    server.thinks.wait(20)
    place.process.terminate()
    place.process.wait(20)
    tap("a slow client at the end makes no delivery doubtful", " ambiguous " not in place.log_text() and
        " delivered " in place.log_text(), place.log_text())


def logs(tap):
    """The log: a file that is rotated, stderr, syslog"""
    log = world.WORK + "/logs"
    os.makedirs(log)
    os.chown(log, USER_ENTRY.pw_uid, USER_ENTRY.pw_gid)
    place = Place(log=log + "/smtpfwd.log").start()
    place.send("one")
    world.wait_for("a line", lambda: "accepted" in open(log + "/smtpfwd.log").read())
    os.rename(log + "/smtpfwd.log", log + "/smtpfwd.log.1")
    place.process.send_signal(signal.SIGHUP)
    world.wait_for("the new file", lambda: os.path.exists(log + "/smtpfwd.log"))
    place.send("two")
    world.wait_for("a line in it", lambda: "accepted" in open(log + "/smtpfwd.log").read())
    tap("SIGHUP opens the log anew", open(log + "/smtpfwd.log.1").read().count(" accepted ") == 1 and
        open(log + "/smtpfwd.log").read().count(" accepted ") == 1)
    place.stop()
    tap("the end is in it", "stopped" in open(log + "/smtpfwd.log").read())
    ids = set(re.findall(r" id=(\S+)", open(log + "/smtpfwd.log.1").read()))
    tap("one id through a mail's life", len(ids) == 1, ids)
    place = Place(log="syslog").start()
    place.send("three")
    tap("to syslog, though nobody may read it", len(place.mails()) == 1)
    place.stop()
    tap("nothing of it on stderr", place.log_text() == "", place.log_text())


# --- the operator's commands ---

def queue_commands(tap):
    """smtpfwdctl sees and changes the queue"""
    place = Place(extra='relay "b.example" { next-hop = { "127.0.0.1:8" } mode = queue verify-recipients = no check-interval = 1h }').start()
    for i, recipient in enumerate(("bob@example.com", "bob@b.example", "carol@EXAMPLE.com")):
        place.send("mail %d" % i, recipient)
    mails = place.mails()
    tap("list, oldest first", [m["recipients"][0]["address"].lower() for m in mails] ==
        ["bob@example.com", "bob@b.example", "carol@example.com"], mails)
    ids = [m["id"] for m in mails]
    which = lambda *filters: [ids.index(m["id"]) for m in place.mails(*filters)]
    tap("list by id", which(ids[1]) == [1])
    tap("by recipient domain, in any case", which("--recipient-domain", "Example.COM") == [0, 2])
    tap("by next hop: a relay's title, host:port, or the destination", which("--next-hop", "b.example") ==
        which("--next-hop", "127.0.0.1:8") == which("--next-hop", "relay:b.example") == [1])
    tap("list for people", re.search(r"^%s  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+ B  from <alice@example.org>$" % ids[0],
                                     place.ctl("queue", "list").stdout, re.M) is not None, place.ctl("queue", "list").stdout)
    shown = place.ctl("queue", "show", ids[0]).stdout
    tap("show for people", "bob@example.com" in shown and "class incoming, from 127.0.0.1 by listener mx" in shown, shown)
    tap("hold by next hop", place.ask("queue", "hold", "--next-hop", "b.example") == [{"mails": 1}] and which("--held") == [1])
    tap("hold by domain", place.ctl("queue", "hold", "--recipient-domain", "example.com").stdout == "2 mails\n" and
        which("--held") == [0, 1, 2])
    tap("release by id", place.ctl("queue", "release", ids[2]).stdout == "1 mail\n" and which("--held") == [0, 1])
    tap("a clean end", place.stop() == 0)
    place.start()
    tap("a hold survives a restart", which("--held") == [0, 1] and which() == [0, 1, 2])
    place.kill()
    place.start()
    tap("and a crash", which("--held") == [0, 1] and which() == [0, 1, 2])
    queue = next(row["queue"] for row in place.ask("status") if "queue" in row)
    tap("status counts them", queue["mails"] == 3 and queue["held"] == 2, queue)
    hops = {row["next-hop"]["name"]: row["next-hop"] for row in place.ask("status") if "next-hop" in row}
    tap("status tells of each next hop", set(hops) == {"127.0.0.1:9", "127.0.0.1:8"}, hops)
    place.ctl("queue", "retry", "--all")
    world.wait_for("the next hop is down", lambda: "127.0.0.1:9 for relay:example.com: DOWN" in place.ctl("status").stdout)
    tap("status for people", "pid %d" % place.process.pid in place.ctl("status").stdout and
        "3 mails" in place.ctl("status").stdout, place.ctl("status").stdout)
    sink = SlowServer(0)
    place.stop()
    place.lines = [line.replace("127.0.0.1:9", "127.0.0.1:%d" % sink.port) for line in place.lines]
    place.write()
    place.start()
    place.ctl("queue", "retry", "--all")
    world.wait_for("what is not held goes out", lambda: which() == [0, 1])
    tap("retry sends what is not held, to where the configuration says now", which("--held") == [0, 1])
    place.ctl("queue", "release", "--recipient-domain", "example.com")
    world.wait_for("what is released goes out", lambda: which() == [1])
    tap("release lets go out", which("--held") == [1])
    result = place.ctl("queue", "show", ids[0])
    tap("a mail that went is no more", result.returncode == 1 and "no such mail" in result.stderr and not result.stdout, result.stderr)
    result = place.ctl("queue", "list", "--next-hop", "nowhere")
    tap("a next hop that is none", result.returncode == 1 and "nowhere" in result.stderr, result.stderr)
    result = place.ctl("queue", "hold", "\x1b[31m")
    tap("an error steers no terminal", result.returncode == 1 and "\x1b" not in result.stderr, repr(result.stderr))
    tap("remove all", place.ctl("queue", "remove", "--all").stdout == "1 mail\n" and place.ctl("queue", "list").stdout == "no mail\n")
    world.wait_for("it is logged", lambda: "removed id=%s" % ids[1] in place.log_text())
    result = run("smtpfwdctl", "-s", place.control, "status")
    tap("-s names the socket", result.returncode == 0, result.stderr)
    place.stop()


def no_daemon(tap):
    """Without a daemon, or without its configuration"""
    result = run("smtpfwdctl", "-s", "/nonexistent/control", "status")
    tap("no socket", result.returncode == 1 and "/nonexistent/control: No such file or directory (is smtpfwd running?)" in result.stderr,
        result.stderr)
    result = run("smtpfwdctl", "-s", "/" + "x" * 200, "status")
    tap("no path of a socket", result.returncode == 1 and "too long" in result.stderr, result.stderr)
    result = run("smtpfwdctl", "-c", "/nonexistent.conf", "status")
    tap("no configuration", result.returncode == 1 and "/nonexistent.conf" in result.stderr and "-s SOCKET" in result.stderr, result.stderr)
    at = world.WORK + "/silent"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(at)
        silent.listen()
        threading.Thread(target=lambda: silent.accept()[0].close(), daemon=True).start()
        result = run("smtpfwdctl", "-s", at, "status")
        tap("a daemon that breaks off", result.returncode == 1 and "broke off" in result.stderr, result.stderr)
    for program in ("smtpfwd", "smtpfwdctl"):
        result = run(program, "-h")
        tap("%s -h" % program, result.returncode == 0 and result.stdout.startswith("usage: " + program), result.stdout)
        result = run(program, "-V")
        tap("%s -V" % program, result.returncode == 0 and result.stdout.startswith("smtpfwd "), result.stdout)
    if not os.path.exists("/etc/smtpfwd/smtpfwd.conf"):
        for program, options in (("smtpfwd", ["-n"]), ("smtpfwdctl", ["status"])):
            result = run(program, *options)
            tap("%s looks for /etc/smtpfwd/smtpfwd.conf" % program, result.returncode != 0 and
                "/etc/smtpfwd/smtpfwd.conf" in result.stderr, result.stderr)


def installed(tap):
    """make install, and the manuals"""
    root = world.WORK + "/installed"
    result = subprocess.run(["make", "-s", "-C", world.BUILD, "install", "DESTDIR=" + root], capture_output=True, text=True, timeout=300)
    tap("make install DESTDIR", result.returncode == 0, result.stderr)
    files = {os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names}
    for name in ("sbin/smtpfwd", "sbin/smtpfwdctl", "sbin/smtpfwd-milter", "man/man8/smtpfwd-milter.8", "man/man8/smtpfwd.8", "man/man8/smtpfwdctl.8", "man/man5/smtpfwd.conf.5"):
        tap("installs %s" % name, any(path.endswith(name) for path in files), sorted(files))
    for path in sorted(files):
        if "/man/man" not in path:
            continue
        name = os.path.basename(path)
        result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.path.join(root, path)], capture_output=True, text=True)
        tap("%s: mandoc finds no fault" % name, result.returncode == 0, result.stdout)
        result = subprocess.run(["man", "-l", os.path.join(root, path)], capture_output=True, text=True,
                                env=dict(os.environ, MANPAGER="cat", PAGER="cat", LC_ALL="C.UTF-8"))
        tap("%s: man shows it" % name, result.returncode == 0 and "NAME" in result.stdout and not result.stderr, result.stderr)


if os.geteuid() != 0:
    raise SystemExit("Bail out! runs as root only")
USER_ENTRY = world.make_user()
SCENARIOS = (bad_configurations, check_of_files, check_of_ports, drop, limits, links, ordinary_user, second_daemon, crash, background,
             stop_receiving, stop_delivering, logs, queue_commands, no_daemon, installed)
world.Tap().run(*(s for s in SCENARIOS if not sys.argv[1:] or s.__name__ in sys.argv[1:]))
