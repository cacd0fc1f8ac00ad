#!/usr/bin/python3
"""smtpfwd installed on a machine with systemd: a real one, process 1 of namespaces of its own, judges the unit.

Nothing of this machine is shared with it but /usr, read-only: it has its own root, processes, cgroup and network (so
port 25 is free).  Outside this script makes that machine; inside it runs again, as a service, and says what is true.
Needs root.
"""
import ctypes
import os
import re
import shutil
import smtplib
import subprocess
import sys
import threading
import time

SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000     # ptrace(2), wait(2)

CONFIG = """
hostname = "mx.example.net"
relay "example.com" { next-hop = { "127.0.0.1:2525" } check-interval = 1s tls = required }
resolver { servers = { "127.0.0.1:53" } timeout = 100ms tries = 1 }     # there is none
"""

UNITS = ("systemd-journald.service", "systemd-journald.socket", "basic.target", "shutdown.target", "network-online.target",
         "nss-lookup.target", "network.target", "sysinit.target", "multi-user.target")

DRIVER = """
[Unit]
DefaultDependencies=no
Requires=systemd-journald.socket
After=systemd-journald.socket
[Service]
Type=exec
ExecStart=/usr/bin/python3 /io/test_systemd.py inside
StandardOutput=file:/io/out
StandardError=file:/io/trouble
"""

# In new namespaces: a root of tmpfs with what a machine needs, and systemd on it.
MACHINE = """
set -e
root=$1 build=$2 group=$3
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir -p usr etc/smtpfwd etc/systemd/system run var/spool var/log tmp dev/shm proc sys/fs/cgroup root io home old
ln -s usr/bin usr/sbin usr/lib usr/lib64 .
chmod 1777 tmp
mount --bind /usr usr
mount -o remount,bind,ro usr
mkdir units
for unit in %(units)s; do cp /usr/lib/systemd/system/$unit units; done
mount --bind units usr/lib/systemd/system
for hidden in usr/lib/systemd/system-generators usr/lib/sysusers.d usr/lib/tmpfiles.d usr/local; do
	mount -t tmpfs tmpfs $hidden
done
mount -t proc proc proc
mount -o bind,ro proc/sys proc/sys
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for device in null zero full random urandom tty kmsg; do : >dev/$device; mount --bind /dev/$device dev/$device; done
: >dev/console
mount --bind "$build.io/console" dev/console
mount --bind "$build.io" io
cp -a /etc/ld.so.cache /etc/ssl etc
printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\\n' >etc/passwd
printf 'root:x:0:\\nnogroup:x:65534:\\nsystemd-journal:x:101:\\n' >etc/group
printf 'passwd: files\\ngroup: files\\nhosts: files\\n' >etc/nsswitch.conf
printf '127.0.0.1 localhost\\n' >etc/hosts
printf 'nameserver 127.0.0.1\\n' >etc/resolv.conf
printf '0123456789abcdef0123456789abcdef\\n' >etc/machine-id
mkdir etc/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\nRateLimitBurst=0\\n' >etc/systemd/journald.conf.d/test.conf
cp io/smtpfwd.conf etc/smtpfwd
cp io/driver.service etc/systemd/system
make -s -C "$build" install DESTDIR="$root" >io/install.log 2>&1
pivot_root . old
cd /
umount -l old
export container=test
exec /usr/lib/systemd/systemd --system --unit=driver.service --log-target=journal --show-status=no
""" % {"units": " ".join(UNITS)}


# --- outside ---

def outside():
    import world
    root, io = os.path.join(world.WORK, "root"), world.WORK + "/build.io"
    os.makedirs(root)
    os.makedirs(io)
    os.symlink(world.BUILD, world.WORK + "/build")
    open(io + "/console", "w").close()
    for text, name in (CONFIG, "smtpfwd.conf"), (DRIVER, "driver.service"):
        with open(io + "/" + name, "w") as out:
            out.write(text)
    for name in ("test_systemd.py", "world.py", "names.py"):
        shutil.copy(os.path.join(world.TOP, "tests/live", name), io)
    with open("/proc/mounts") as mounts:
        unified = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    group = "%s/smtpfwd-test.%d" % (unified, os.getpid())
    os.mkdir(group)

    def enter():
        with open(group + "/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))

    process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup",
                                "--propagation=private", "--kill-child=KILL",
                                "sh", "-c", MACHINE, "machine", root, world.WORK + "/build", group],
                               preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=open(io + "/machine", "w"))

    def end():
        process.kill()
        process.wait()
        for folder, _, _ in os.walk(group, topdown=False):
            for _ in range(100):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    time.sleep(0.02)

    world.ENDERS.append(end)

    def read(name):
        try:
            with open(io + "/" + name, errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    try:
        world.wait_for("the machine comes to its end", lambda: re.search(r"^1\.\.\d+$", read("out"), re.M) or
                       process.poll() is not None, 120)
    finally:
        print(read("out"), end="")
        if not re.search(r"^1\.\.\d+$", read("out"), re.M) or "not ok" in read("out"):
            for name in ("machine", "install.log", "console", "trouble"):
                for line in read(name).splitlines()[-40:]:
                    print("# %s: %s" % (name, line))
    sys.exit(0 if re.search(r"^1\.\.\d+$", read("out"), re.M) and "not ok" not in read("out") else 1)


# --- inside ---

def ctl(*words, check=True):
    result = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 or not check, "%s: %s" % (words, result.stderr + journal())
    return result


def show(name, unit="smtpfwd"):
    return ctl("show", "--value", "-p", name, unit).stdout.strip()


def restart():
    """More often than a service in trouble may."""
    ctl("reset-failed", "smtpfwd")
    ctl("restart", "smtpfwd")


def journal(*matches):
    return subprocess.run(["journalctl", "--no-pager", "-o", "cat", *matches], capture_output=True, text=True, timeout=60).stdout


def send(subject, port=25):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.starttls()
        session.sendmail("alice@example.org", ["bob@example.com"], "From: alice@example.org\r\nSubject: %s\r\n\r\nHello.\r\n" % subject)


class Sink:
    """The new server, with TLS: aiosmtpd."""

    def __init__(self):
        from aiosmtpd.controller import Controller
        import ssl
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=new.example.net",
                        "-keyout", "/tmp/key.pem", "-out", "/tmp/cert.pem"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("/tmp/cert.pem", "/tmp/key.pem")
        self.subjects, self.n_signatures = [], 0        # of the last mail
        self.controller = Controller(self, hostname="127.0.0.1", port=2525, tls_context=context)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):
        self.n_signatures = envelope.content.count(b"DKIM-Signature: ")
        self.subjects.append(re.search(rb"Subject: (.*?)\r\n", envelope.content).group(1).decode())
        return "250 taken"


def installed(tap):
    """What README says after make install: a user, a spool, a service."""
    subprocess.run(["systemd-sysusers"], check=True, capture_output=True)
    with open("/etc/passwd") as passwd:
        tap("systemd-sysusers makes the user", "\nsmtpfwd:" in passwd.read())
    subprocess.run(["systemd-tmpfiles", "--create", "smtpfwd.conf"], check=True, capture_output=True)
    found = os.stat("/var/spool/smtpfwd")
    tap("systemd-tmpfiles makes the spool, its own", found.st_uid != 0 and found.st_mode & 0o777 == 0o700, oct(found.st_mode))
    ctl("daemon-reload")
    ctl("enable", "--now", "smtpfwd")
    tap("systemctl enable --now: it runs", show("ActiveState") == "active", show("ActiveState"))
    tap("systemctl status has its line", "mails in the queue" in show("StatusText"), show("StatusText"))
    tap("so it does where there is no /lib64", "-/lib64" in show("ExecPaths").split(), show("ExecPaths"))
    with open("/proc/%s/status" % show("MainPID")) as status:
        text = status.read()
    tap("no user but its own, no capability, no new privileges, under a filter of system calls",
        re.search(r"^Uid:\s+%d\s" % found.st_uid, text, re.M) and re.search(r"^CapPrm:\s+0+$", text, re.M) and
        re.search(r"^NoNewPrivs:\s+1$", text, re.M) and re.search(r"^Seccomp:\s+2$", text, re.M), text)


def mail(tap):
    """Mail goes through, with TLS on both ways, by port 25."""
    sink.subjects.clear()
    send("first")
    world.wait_for("the new server has it", lambda: sink.subjects == ["first"])
    tap("a mail arrives under the unit's restrictions", True)
    line = next(line for line in journal("SMTPFWD_EVENT=accepted").splitlines())
    mail_id = re.match(r"accepted id=(\S+)", line).group(1)
    world.wait_for("the journal has it", lambda: "delivered" in journal("SMTPFWD_ID=" + mail_id))
    story = [line.split()[0] for line in journal("SMTPFWD_ID=" + mail_id).splitlines()]
    tap("journalctl SMTPFWD_ID= is the mail's story: its client waited for the next hop", story == ["judged", "delivered", "accepted"], story)
    entry = journal("-o", "export", "SMTPFWD_ID=" + mail_id, "SMTPFWD_EVENT=delivered")
    tap("with its fields", all(field in entry.splitlines() for field in
        ("PRIORITY=6", "SYSLOG_IDENTIFIER=smtpfwd", "SMTPFWD_EVENT=delivered", "_SYSTEMD_UNIT=smtpfwd.service")), entry)


class Stream(threading.Thread):
    """Sends mail after mail; counts who was refused."""

    def __init__(self):
        super().__init__(daemon=True)
        self.is_ending = False
        self.refused, self.taken, self.other = 0, 0, []

    def run(self):
        while not self.is_ending:
            try:
                with smtplib.SMTP("127.0.0.1", 25, timeout=60) as session:
                    session.sendmail("alice@example.org", ["bob@example.com"], "Subject: stream\r\n\r\nHello.\r\n")
                    self.taken += 1
            except ConnectionRefusedError:
                self.refused += 1
            except (smtplib.SMTPException, OSError) as trouble:
                self.other.append(str(trouble))


def restarts(tap):
    """systemctl restart refuses nobody, because systemd keeps the sockets."""
    world.wait_for("systemd keeps the sockets", lambda: int(show("NFileDescriptorStore")) == 2)
    tap("both sockets are in the store of file descriptors", True)
    sink.subjects.clear()
    streams = [Stream() for _ in range(4)]
    for stream in streams:
        stream.start()
    for _ in range(2):
        time.sleep(0.3)
        before = show("MainPID")
        restart()
        assert show("MainPID") != before
    time.sleep(0.3)
    for stream in streams:
        stream.is_ending = True
    for stream in streams:
        stream.join()
    taken = sum(stream.taken for stream in streams)
    tap("two restarts: nobody was refused (%d mails)" % taken, sum(stream.refused for stream in streams) == 0 and taken > 20)
    world.wait_for("all mails arrive", lambda: len(sink.subjects) >= taken)
    tap("no mail was lost", len(sink.subjects) >= taken, (len(sink.subjects), taken))
    tap("the store has no more than before", int(show("NFileDescriptorStore")) == 2, show("NFileDescriptorStore"))


def reload(tap):
    """systemctl reload"""
    pid = show("MainPID")
    ctl("reload", "smtpfwd")
    world.wait_for("it serves again", lambda: show("ActiveState") == "active")
    send("after reload")
    tap("systemctl reload: the same process serves on", show("MainPID") == pid)
    with open("/etc/smtpfwd/smtpfwd.conf") as config:
        text = config.read()
    with open("/etc/smtpfwd/smtpfwd.conf", "a") as config:
        config.write('listen "new" { address = { "127.0.0.1:26", "127.0.0.1:2526" } }\n')
    tap("a new privileged port fails, and the journal says why", ctl("reload", "smtpfwd", check=False).returncode != 0 and
        "127.0.0.1:26 cannot be bound" in journal("-u", "smtpfwd"), journal("-u", "smtpfwd"))
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text + 'listen "new" { address = { "0.0.0.0:25", "127.0.0.1:2526" } }\n')
        config.write('log { to = journal }\n')
    ctl("reload", "smtpfwd")
    before = len(journal("SMTPFWD_EVENT=accepted").splitlines())
    send("in the journal")
    world.wait_for("the journal has it", lambda: len(journal("SMTPFWD_EVENT=accepted").splitlines()) == before + 1)
    world.wait_for("systemd keeps the new sockets, and only them", lambda: show("NFileDescriptorStore") == "2")
    tap("sockets come and go", world.greets(2526) and show("MainPID") == pid)
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text + 'listen "narrow" { address = { "127.0.0.1:25" } }\n')
    restart()
    tap("an address can be bound where a wider one was kept", world.greets(25), journal("-u", "smtpfwd"))
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text)
    restart()
    world.wait_for("those of the old configuration", lambda: show("NFileDescriptorStore") == "2")
    tap("after a restart by another configuration too", world.greets(25) and not world.is_open(2526), journal("-u", "smtpfwd"))


def milter(tap):
    """The milter's unit: it serves, reloads, and ends by itself"""
    unit = "smtpfwd-milter"
    ctl("enable", "--now", unit)
    pid = show("MainPID", unit)
    tap("systemctl enable --now smtpfwd-milter: it runs, and listens", show("ActiveState", unit) == "active" and world.is_open(8891), journal("-u", unit))
    with open("/proc/%s/status" % pid) as status:
        text = status.read()
    tap("no capability, no new privileges, under a filter", all(re.search(pattern, text, re.M) for pattern in
        (r"^CapPrm:\s+0+$", r"^NoNewPrivs:\s+1$", r"^Seccomp:\s+2$")), text)
    tap("systemctl status has its line", "0 sessions" in show("StatusText", unit), show("StatusText", unit))
    ctl("reload", unit)
    tap("systemctl reload: the same process judges on", show("MainPID", unit) == pid and "reloaded" in journal("-u", unit))
    with open("/etc/smtpfwd/smtpfwd.conf") as config:
        text = config.read()
    with open("/etc/smtpfwd/smtpfwd.conf", "a") as config:
        config.write("milter { nonsense = 1 }\n")
    tap("a wrong file fails", ctl("reload", unit, check=False).returncode != 0 and "nonsense" in journal("-u", unit), journal("-u", unit))
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text)
    began = time.monotonic()
    ctl("restart", unit)
    tap("it ends by itself, and starts anew", show("ActiveState", unit) == "active" and world.is_open(8891) and time.monotonic() - began < 20 and
        "stopped text=cleanly" in journal("-u", unit), journal("-u", unit))
    ctl("disable", "--now", unit)


def login(tap):
    """Passwords are checked under the unit's restrictions, by both kinds of verifier."""
    lines = [subprocess.run(["/usr/local/sbin/smtpfwdctl", "passwd", kind, name], input="secret\n", capture_output=True,
                            text=True, check=True).stdout for kind, name in (("--crypt", "anna"), ("--scram", "otto"))]
    with open("/etc/smtpfwd/users", "w") as out:
        out.write("".join(lines))
    os.chmod("/etc/smtpfwd/users", 0o640)
    shutil.chown("/etc/smtpfwd/users", group="smtpfwd")
    with open("/etc/smtpfwd/smtpfwd.conf") as config:
        text = config.read()
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write('users = "/etc/smtpfwd/users"\n%s\nlisten "mx" { address = { "0.0.0.0:25" } auth = offered }\n' % text)
    restart()
    for name in "anna", "otto":
        with smtplib.SMTP("127.0.0.1", 25, timeout=30) as session:
            session.starttls()
            code, said = session.login(name, "secret")
            tap("%s may log in" % name, code == 235, said)
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text)
    restart()


def signing(tap):
    """A key that root makes signs under the unit's restrictions, as the unit's user."""
    found = os.stat("/etc/smtpfwd/dkim")
    tap("systemd-tmpfiles makes the directory of the keys, for root and the group", found.st_uid == 0 and found.st_gid != 0 and
        found.st_mode & 0o777 == 0o750, (found.st_gid, oct(found.st_mode)))
    made = subprocess.run(["/usr/local/sbin/smtpfwdctl", "keygen", "example.org", "s"], capture_output=True, text=True, timeout=60)
    with open("/etc/smtpfwd/smtpfwd.conf") as config:
        text = config.read()
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text + 'listen "mx" { address = { "0.0.0.0:25", "[::]:25" } networks = { "127.0.0.1/32" } }\n'
                     'sign "example.org" { selector = { "s" } key = { "/etc/smtpfwd/dkim/s.example.org.pem" } }\n')
    ctl("reload", "smtpfwd")
    sink.subjects.clear()
    send("signed")
    world.wait_for("the mail arrives", lambda: sink.subjects == ["signed"])
    tap("and the group's key signs after a reload", made.returncode == 0 and sink.n_signatures == 1, made.stderr + journal("-u", "smtpfwd"))
    with open("/etc/smtpfwd/smtpfwd.conf", "w") as config:
        config.write(text)
    restart()


def watchdog(tap):
    """A loop that stands still is killed, and the service started anew."""
    os.makedirs("/etc/systemd/system/smtpfwd.service.d")
    with open("/etc/systemd/system/smtpfwd.service.d/test.conf", "w") as out:
        out.write("[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n")
    ctl("daemon-reload")
    restart()
    pid = int(show("MainPID"))
    time.sleep(3)
    tap("a loop that turns is left alone", int(show("MainPID")) == pid)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.ptrace(SEIZE, pid, None, None) == 0 and libc.ptrace(INTERRUPT, pid, None, None) == 0     # the loop's thread alone
    os.waitpid(pid, WALL)
    _, status = os.waitpid(pid, WALL)       # who traces is told first
    tap("one that stands still is killed", os.WIFSIGNALED(status) and "Watchdog timeout" in journal("-u", "smtpfwd"), journal("-u", "smtpfwd"))
    world.wait_for("started anew", lambda: show("ActiveState") == "active" and int(show("MainPID")) not in (0, pid))
    send("after the watchdog")
    tap("and another serves in its place", show("NRestarts") == "1", show("NRestarts"))
    os.unlink("/etc/systemd/system/smtpfwd.service.d/test.conf")
    ctl("daemon-reload")


def failing(tap):
    """A wrong configuration is told, and not tried again and again."""
    ctl("stop", "smtpfwd")
    tap("systemctl stop: the sockets are closed", not world.is_open(25) and show("NFileDescriptorStore") == "0")
    with open("/etc/smtpfwd/smtpfwd.conf", "a") as out:
        out.write("no-such-setting = 1\n")
    result = ctl("start", "smtpfwd", check=False)
    tap("systemctl start fails", result.returncode != 0 and show("ExecMainStatus") == "3", show("ExecMainStatus"))
    time.sleep(1.5)
    tap("and it is left at that", show("ActiveState") == "failed" and show("NRestarts") == "0", show("ActiveState"))
    tap("the journal says why", "no-such-setting" in journal("-u", "smtpfwd"), journal("-u", "smtpfwd"))


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    world.Tap().run(installed, mail, restarts, reload, milter, login, signing, watchdog, failing)


if sys.argv[1:] == ["inside"]:
    sys.path.insert(0, "/io")
    import world
    sink = Sink()
    inside()
else:
    outside()
