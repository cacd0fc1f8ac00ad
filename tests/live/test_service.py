#!/usr/bin/python3
"""What a service manager meets: readiness, the watchdog, sockets that outlive a restart, sockets handed over.

A supervisor here plays systemd (sd_notify(3), sd_listen_fds(3)); systemd-socket-activate and systemd-analyze judge.
Runs as root, because an ordinary user must be shown to get a privileged port.
"""
import array
import fcntl
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

import world

USER = world.USER
SOURCES_FROM = 100          # descriptors to hand over, above the numbers that they get
EXPOSURE_MAX = 1.5          # what conf/smtpfwd.service.in reaches in systemd 252
PROGRAMS = world.copy_programs()


def listen(address):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(address)
    s.listen(5)
    return s


class Supervisor:
    """Plays systemd for one service: Type=notify, FileDescriptorStoreMax, WatchdogSec."""

    n = 0

    def __init__(self, watchdog_s=0, user="root", extra=""):
        Supervisor.n += 1
        self.directory = os.path.join(world.WORK, "service%d" % Supervisor.n)
        os.makedirs(self.directory)
        self.log = self.directory + "/log"
        self.user = pwd.getpwnam(user)
        os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        self.path = self.directory + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.watchdog_s = watchdog_s
        self.told = []              # (when, {name: value})
        self.store = {}             # name: [descriptor], as systemd keeps them
        self.handed = []            # beside the store, as of a socket unit
        self.pid = None
        self.extra = extra
        self.addresses = ["127.0.0.1:%d" % world.free_port()]
        self.write()
        threading.Thread(target=self.read, daemon=True).start()
        world.ENDERS.append(self.stop)

    def write(self):
        self.config = self.directory + "/smtpfwd.conf"
        with open(self.config, "w") as out:
            out.write('hostname = "mx.example.net"\nspool = "%s/spool"\ncontrol = "%s/control"\nuser = "%s"\n'
                      'relay "example.com" { next-hop = { "127.0.0.1:9" } mode = queue verify-recipients = no check-interval = 60s }\n'
                      'listen "mx" { address = { %s } }\n%s\n%s\n'
                      % (self.directory, self.directory, self.user.pw_name,
                         ", ".join('"%s"' % a for a in self.addresses), world.no_names(), self.extra))
        os.chmod(self.config, 0o644)

    def read(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16 * 4))
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
            words = dict(line.split("=", 1) for line in data.decode().splitlines() if line)
            for fd in fds:
                os.set_inheritable(fd, False)
            self.take_descriptors(words, list(fds))
            self.told.append((time.monotonic(), words))

    def take_descriptors(self, words, fds):
        name = words.get("FDNAME", "stored")
        if words.get("BARRIER") == "1":
            for fd in fds:
                os.close(fd)
        if words.get("FDSTOREREMOVE") == "1":
            for fd in self.store.pop(name, []):
                os.close(fd)
        if words.get("FDSTORE") != "1":
            return
        for fd in fds:          # as systemd: the same one twice is kept once
            kept = self.store.setdefault(name, [])
            if any(os.path.sameopenfile(fd, old) for old in kept):
                os.close(fd)
            else:
                kept.append(fd)

    def start(self, *options):
        """As systemd starts a service: the descriptors from 3 on, and who is meant."""
        fds = [fd for name in self.store for fd in self.store[name]] + self.handed
        env = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": self.path}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if self.watchdog_s:
            env["WATCHDOG_USEC"] = "%d" % (self.watchdog_s * 1000000)
        if fds:
            env["LISTEN_FDS"] = str(len(fds))
            env["LISTEN_FDNAMES"] = ":".join("x" for _ in fds)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, SOURCES_FROM) for fd in fds]
        actions = [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(high)]
        actions += [(os.POSIX_SPAWN_OPEN, 2, self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)]
        command = [PROGRAMS + "/smtpfwd", "-f", "-c", self.config, *options]
        if self.user.pw_uid != 0:
            command = ["setpriv", "--reuid", self.user.pw_name, "--regid", str(self.user.pw_gid), "--clear-groups",
                       "--inh-caps=-all", *command]
        self.told_before = len(self.told)
        self.pid = os.posix_spawn("/bin/sh", ["sh", "-c", 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"', "sh", *command],
                                  env, file_actions=actions)
        for fd in high:
            os.close(fd)
        return self

    def wait_ready(self):
        world.wait_for("READY=1", lambda: self.said("READY", "1") or self.check_alive())
        return self

    def check_alive(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.pid = None
            raise AssertionError("smtpfwd ended with %d: %s" % (os.waitstatus_to_exitcode(status), self.log_text()[-2000:]))

    def said(self, name, value=None):
        """Since the last start."""
        return [w[name] for _, w in self.told[self.told_before:] if name in w and value in (None, w[name])]

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        if self.pid is None:
            return None
        os.kill(self.pid, number)
        return self.wait()

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def port(self, i=0):
        return int(self.addresses[i].rsplit(":", 1)[1])

    def queue_size(self):
        out = subprocess.run([PROGRAMS + "/smtpfwdctl", "-c", self.config, "--json", "status"], capture_output=True,
                             text=True, timeout=60, check=True).stdout
        return int(re.search(r'"mails": ?(\d+)[^}]*"held"', out).group(1))


def scenario_told(tap):
    """Readiness, status, beats and the end are told, each when it is so."""
    service = Supervisor(watchdog_s=2).start()
    world.wait_for("READY=1", lambda: service.said("READY", "1") or service.check_alive())
    with socket.create_connection(("127.0.0.1", service.port()), 5) as s:
        s.settimeout(10)
        tap("READY=1 comes when mail is taken", s.recv(3) == b"220")
    tap("a STATUS line tells of sessions and queue",
        any("mails in the queue" in line for line in service.said("STATUS")), service.told)
    time.sleep(4.2)
    beats = [when for when, words in service.told if words.get("WATCHDOG") == "1"]
    gaps = [b - a for a, b in zip(beats, beats[1:])]
    tap("the watchdog hears from the loop about every half of its time", len(beats) >= 4 and max(gaps) < 1.5, gaps)
    tap("what is the same is not told twice: READY=1", len(service.said("READY")) == 1, service.told)
    world.send(service.port(), world.message("status"))
    world.wait_for("the STATUS line follows the queue",
                   lambda: any("1 mails in the queue" in line for line in service.said("STATUS")))
    status = service.stop()
    tap("SIGTERM: STOPPING=1, with a time to wait for, and a clean end",
        status == 0 and service.said("STOPPING", "1") and service.said("EXTEND_TIMEOUT_USEC"), (status, service.told[-4:]))


def scenario_reload(tap):
    """A reload is told, and what is kept for a restart follows the listeners."""
    service = Supervisor().start().wait_ready()
    world.wait_for("the socket is kept", lambda: len(service.store) == 1)
    service.addresses.append("127.0.0.1:%d" % world.free_port())
    service.write()
    os.kill(service.pid, signal.SIGHUP)
    world.wait_for("RELOADING=1, then READY=1", lambda: service.said("RELOADING", "1") and len(service.said("READY")) == 2)
    tap("with the time that systemd wants to know", len(service.said("MONOTONIC_USEC")) == 1, service.told)
    world.wait_for("the new socket is kept too", lambda: len(service.store) == 2)
    gone = service.addresses.pop()
    service.write()
    os.kill(service.pid, signal.SIGHUP)
    world.wait_for("one that is gone is kept no more", lambda: len(service.store) == 1)
    tap("its port is closed, the other one open", not world.is_open(int(gone.split(":")[1])) and world.greets(service.port()))
    service.addresses.append("nonsense")
    service.write()
    n_ready = len(service.said("READY"))
    os.kill(service.pid, signal.SIGHUP)
    world.wait_for("READY=1 behind a reload that failed", lambda: len(service.said("READY")) > n_ready)
    tap("which keeps what is kept", len(service.store) == 1 and world.greets(service.port()))
    service.addresses.pop()
    service.write()
    service.stop()


class Session(smtplib.SMTP):
    """Remembers the last reply: to a 421 for its EHLO smtplib says HELO, and complains that nobody answers that."""

    last_code = 0

    def getreply(self):
        reply = super().getreply()
        self.last_code = reply[0]
        return reply


class Clients(threading.Thread):
    """A client that sends mail after mail, each by a connection of its own, until told to end."""

    def __init__(self, port, n):
        super().__init__(daemon=True)
        self.port, self.n = port, n
        self.is_ending = False
        self.n_taken = 0
        self.refused, self.cut, self.later = [], [], 0

    def run(self):
        i = 0
        while not self.is_ending:
            i += 1
            try:
                session = Session(timeout=60)
                session.connect("127.0.0.1", self.port)
            except ConnectionRefusedError as trouble:
                self.refused.append(trouble)
                continue
            except smtplib.SMTPException as trouble:
                self.cut.append(trouble)
                continue
            try:
                session.sendmail("alice@example.org", ["bob@example.com"], world.message("mail %d.%d" % (self.n, i)))
                self.n_taken += 1
                session.quit()
            except smtplib.SMTPResponseException as trouble:
                self.note_end(session, trouble)
            except (smtplib.SMTPServerDisconnected, OSError) as trouble:
                self.note_end(session, trouble)
            time.sleep(0.005)

    def note_end(self, session, trouble):
        self.later += session.last_code == 421
        if session.last_code != 421:
            self.cut.append((session.last_code, trouble))


def scenario_restarts(tap):
    """Restarts under a stream of clients: nobody is refused, no mail is lost."""
    service = Supervisor().start().wait_ready()
    world.wait_for("the sockets are kept", lambda: service.store)
    clients = [Clients(service.port(), n) for n in range(6)]
    for client in clients:
        client.start()
    statuses = []
    for _ in range(5):
        time.sleep(0.4)
        statuses.append(service.stop())
        time.sleep(0.3)         # nobody serves: who connects now waits
        service.start().wait_ready()
        progress = service.said("STATUS", "reading the queue: 0 of 1 segments") and service.said("EXTEND_TIMEOUT_USEC")
    time.sleep(0.4)
    cut = [trouble for c in clients for trouble in c.cut]
    statuses.append(service.stop(signal.SIGKILL))       # a crash; clients see their sessions cut, nobody is refused
    service.start().wait_ready()
    time.sleep(0.4)
    for client in clients:
        client.is_ending = True
    for client in clients:
        client.join()
    n_taken = sum(c.n_taken for c in clients)
    refused = sum(len(c.refused) for c in clients)
    tap("five restarts and a crash: no connection was refused (%d mails taken)" % n_taken, refused == 0 and n_taken > 50, refused)
    tap("while the queue is read that is told, and time asked for", progress, service.told)
    tap("clean ends", statuses[:5] == [0] * 5, statuses)
    tap("at a restart a session ends after its mail, or by 421", not cut, cut)
    size = service.queue_size()
    # A crash may come between the commit and the 250: more in the queue than were taken, never less.
    tap("no mail was lost", n_taken <= size <= n_taken + len(clients), (n_taken, size))
    tap("each socket is kept once", [len(fds) for fds in service.store.values()] == [1], service.store)
    service.stop()


def scenario_changed(tap):
    """What a changed configuration does not name any more is closed and forgotten; what it adds is kept."""
    service = Supervisor().start().wait_ready()
    world.wait_for("the socket is kept", lambda: len(service.store) == 1)
    old = service.port()
    service.stop()
    service.addresses = ["127.0.0.1:%d" % world.free_port()]
    service.write()
    service.start().wait_ready()
    world.wait_for("the old one is forgotten", lambda: len(service.store) == 1 and old not in
                   [socket.socket(fileno=os.dup(fds[0])).getsockname()[1] for fds in service.store.values()])
    tap("an address that went is refused again", not world.is_open(old))
    tap("the log says so", "socket-not-wanted text=\"127.0.0.1:%d was handed over" % old in service.log_text(), service.log_text())
    tap("the new one serves", world.greets(service.port()))
    service.stop()


def flags_of(pid, fd):
    """Of an open file; None if it was closed meanwhile, as a connection to a next hop may be."""
    try:
        with open("/proc/%d/fdinfo/%d" % (pid, fd)) as info:
            return int(re.search(r"flags:\s*(\d+)", info.read()).group(1), 8)
    except FileNotFoundError:
        return None


def sockets_of(pid):
    folder = "/proc/%d/fd/" % pid
    return [int(fd) for fd in os.listdir(folder) if os.readlink(folder + fd).startswith("socket:")]


def scenario_strange(tap):
    """What is handed over and is of no use is closed, and does not stop the start."""
    service = Supervisor()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    reading, writing = os.pipe()
    wanted, twice = listen(("127.0.0.1", service.port())), socket.socket()
    twice.bind(("127.0.0.1", 0))        # bound, and listens to nobody
    service.handed = [udp.fileno(), reading, wanted.fileno(), twice.fileno(), wanted.fileno()]
    service.start().wait_ready()
    wanted.close()
    tap("it serves on the one that it wants", world.greets(service.port()))
    log = service.log_text()
    tap("three are no listening sockets, one came twice: all closed, each with a line",
        log.count("is no listening TCP socket: closed") == 3 and log.count("no listen section has it: closed") == 1, log)
    inodes = [os.readlink("/proc/%d/fd/%s" % (service.pid, fd)) for fd in os.listdir("/proc/%d/fd" % service.pid)]
    gone = ["socket:[%d]" % os.fstat(s.fileno()).st_ino for s in (udp, twice)] + ["pipe:[%d]" % os.fstat(reading).st_ino]
    tap("none of them is open in the daemon", not set(gone) & set(inodes), inodes)
    flags = [f for f in (flags_of(service.pid, fd) for fd in sockets_of(service.pid)) if f is not None]
    tap("all sockets are close-on-exec", flags and all(f & os.O_CLOEXEC for f in flags), flags)
    service.stop()
    os.close(writing)
    service.handed = []
    service.start("-n")
    tap("smtpfwd -n: an address that was handed over is not in use", service.wait() == 0, service.log_text())
    kept, service.store = service.store, {}
    service.start("-n")
    tap("smtpfwd -n: held by another it is", service.wait() == 3 and "Address already in use" in service.log_text(), service.log_text())
    for fds in kept.values():
        os.close(fds[0])


def scenario_privileged(tap):
    """An ordinary user serves a port below 1024 that was handed over."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as limit:
        tap("ports below 1024 are for root here", int(limit.read()) >= 1024)
    address = ("127.83.0.1", 925)
    service = Supervisor(user=USER)
    service.addresses = ["%s:%d" % address]
    service.write()
    service.start()
    tap("not handed over: it says which cannot be bound", service.wait() == 1 and
        "127.83.0.1:925 cannot be bound: Permission denied" in service.log_text(), service.log_text())
    service.handed = [listen(address).detach()]
    service.start().wait_ready()
    with socket.create_connection(address, 5) as s:
        s.settimeout(10)
        tap("handed over: it serves", s.recv(3) == b"220")
    with open("/proc/%d/status" % service.pid) as status:
        text = status.read()
    tap("as that user, without any capability", re.search(r"^Uid:\s+%d\s" % service.user.pw_uid, text, re.M) and
        re.search(r"^CapPrm:\s+0+$", text, re.M) and re.search(r"^CapAmb:\s+0+$", text, re.M), text)
    service.stop()


def end_all_of(config):
    """Ends what still runs by a configuration of ours, in the background too."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as words:
                if config.encode() in words.read().split(b"\0"):
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass


def scenario_socket_activate(tap):
    """systemd's own program hands the socket over."""
    program = shutil.which("systemd-socket-activate")
    tap("systemd-socket-activate is here", program)
    for options, what in (["-f"], "in the foreground"), ([], "in the background"):
        service = Supervisor()
        activate = subprocess.Popen([program, "-l", service.addresses[0], PROGRAMS + "/smtpfwd", *options, "-c", service.config],
                                    stdout=subprocess.DEVNULL, stderr=open(service.log, "a"))
        world.ENDERS.append(lambda path=service.config: end_all_of(path))
        world.wait_for("it listens", lambda: "Listening on" in service.log_text())
        world.send(service.port(), world.message("activated"))
        tap("%s: the first connection starts it, and its mail is taken" % what, service.queue_size() == 1)
        pid = int(re.search(r'"pid": ?(\d+)', subprocess.run(
            [PROGRAMS + "/smtpfwdctl", "-c", service.config, "--json", "status"], capture_output=True, text=True).stdout).group(1))
        os.kill(pid, signal.SIGTERM)
        activate.wait(60)
        world.wait_for("it ends", lambda: not os.path.exists("/proc/%d" % pid))


def scenario_logrotate(tap):
    """The example for logrotate, by logrotate itself."""
    service = Supervisor(user=USER)
    logs = os.path.join(world.WORK, "logs")
    os.makedirs(logs, 0o750)
    os.chown(logs, service.user.pw_uid, service.user.pw_gid)
    service.extra = 'log { to = "%s/log" }' % logs
    service.write()
    service.start().wait_ready()
    with open(world.TOP + "/conf/smtpfwd.logrotate") as example, open(world.WORK + "/logrotate", "w") as out:
        text = example.read().replace("/var/log/smtpfwd/", logs + "/")
        text = re.sub(r"\bsmtpfwd smtpfwd\b", "%s %s" % (USER, USER), text)
        out.write(text.replace("smtpfwdctl", "%s/smtpfwdctl -c %s" % (PROGRAMS, service.config)))
    result = subprocess.run(["logrotate", "-f", "-s", world.WORK + "/logrotate.state", world.WORK + "/logrotate"],
                            capture_output=True, text=True, timeout=60)
    tap("logrotate has nothing to say", result.returncode == 0 and not result.stderr + result.stdout, result.stderr + result.stdout)
    world.send(service.port(), world.message("rotated"))
    world.wait_for("the new file has the new line", lambda: " accepted " in open(logs + "/log").read())
    with open(logs + "/log.1") as old:
        text = old.read()
    tap("lines go to the new file, the old one keeps its own", " started " in text and " accepted " not in text, text)
    service.stop()


def scenario_no_journal(tap):
    """log { to = journal } where there is none."""
    if os.path.exists("/run/systemd/journal/socket"):
        print("# this machine has a journal: not tried")
        return
    service = Supervisor()
    service.extra = "log { to = journal }"
    service.write()
    service.start()
    tap("a journal that nobody reads is an error at the start", service.wait() == 1 and
        "nobody reads /run/systemd/journal/socket" in service.log_text(), service.log_text())


def scenario_shut_in(tap):
    """What is shut in cannot begin to write elsewhere, and says what helps."""
    service = Supervisor().start().wait_ready()
    elsewhere = os.path.join(world.WORK, "elsewhere")
    os.makedirs(elsewhere)
    service.extra = 'log { to = "%s/log" }' % elsewhere
    service.write()
    result = subprocess.run([PROGRAMS + "/smtpfwdctl", "-c", service.config, "reload"], capture_output=True, text=True, timeout=60)
    tap("a reload does not bring the log into another directory", result.returncode != 0 and
        "Permission denied" in result.stderr and "another directory needs a restart" in result.stderr, result.stderr)
    service.stop()
    service.start().wait_ready()
    tap("a restart does", os.path.exists(elsewhere + "/log"))
    service.stop()


def scenario_unit(tap):
    """The unit, as systemd's own judge reads it."""
    path = os.path.join(world.WORK, "smtpfwd.service")
    with open(world.TOP + "/conf/smtpfwd.service.in") as template, open(path, "w") as unit:
        unit.write(template.read().replace("@sbindir@", PROGRAMS))
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    tap("systemd-analyze verify has nothing to say", result.returncode == 0 and not result.stderr + result.stdout,
        result.stderr + result.stdout)
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                             "--threshold=%d" % round(10 * EXPOSURE_MAX), path], capture_output=True, text=True, timeout=60)
    tap("systemd-analyze security: an exposure of at most %.1f" % EXPOSURE_MAX, result.returncode == 0 and "OK" in result.stdout,
        result.stdout[-200:] + result.stderr)


def main():
    world.make_user()
    scenarios = [value for name, value in globals().items() if name.startswith("scenario_")]
    wanted = sys.argv[1:]
    world.Tap().run(*[s for s in scenarios if not wanted or s.__name__[9:] in wanted])


main()
