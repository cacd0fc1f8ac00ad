"""world.py - programs for live tests: smtpfwd itself, and mail servers that we did not write

Each runs from a private directory on free loopback ports and ends with the test.  A peer
that is missing fails the run; it is never skipped.
"""
import atexit
import glob
import json
import os
import pwd
import random
import re
import shutil
import signal
import smtplib
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import names

TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("build", os.path.join(TOP, "build"))
WORK = tempfile.mkdtemp(prefix="smtpfwd-live.")
os.chmod(WORK, 0o755)
ENDERS = []


def end_all():
    for ender in reversed(ENDERS):
        try:
            ender()
        except Exception as trouble:  # the others must end too
            print("# at the end: %s" % trouble)
    shutil.rmtree(WORK, ignore_errors=True)


atexit.register(end_all)
for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_number, lambda *_: sys.exit(1))


def free_port():
    """Below those that the kernel gives to outgoing connections, so that none of them takes it before it is listened at."""
    while True:
        port = random.randrange(10000, 32768)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_for(what, condition, seconds=30.0):
    """Polls until the condition holds; a bounded wait for another process, never a measurement."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %gs: %s" % (seconds, what))
        time.sleep(0.05)


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as s:
            s.settimeout(2)
            return s.recv(3) == b"220"
    except OSError:
        return False


_nobody = None


def no_names(more=""):
    """A resolver section for those whose test is not about names: a server that knows none, and says so at once."""
    global _nobody
    _nobody = _nobody or names.Names()
    return _nobody.section(more)


USER = "smtpfwd-test"


def make_user():
    """Whom the daemon can become; their entry in the user database."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "-r", "-M", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", USER], check=True)
        return pwd.getpwnam(USER)


def copy_programs():
    """Where an ordinary user reaches them, wherever the build stands; the directory."""
    where = os.path.join(WORK, "bin")
    os.makedirs(where)
    for name in ("smtpfwd", "smtpfwdctl"):
        shutil.copy(os.path.join(BUILD, "smtpfwd", name), where)
    return where


class Daemon:
    """smtpfwd in the foreground; who derives from it sets .config, .log (a path) and .port, and may set .programs."""

    programs = os.path.join(BUILD, "smtpfwd")
    process = None

    def __init__(self):
        ENDERS.append(self.stop)

    def start(self, *options, **how):
        self.process = subprocess.Popen([self.programs + "/smtpfwd", "-f", "-c", self.config, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "a"), **how)
        wait_for("smtpfwd greets", lambda: self.alive() and greets(self.port))
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("smtpfwd ended with %s: %s" % (self.process.returncode, self.log_text()[-2000:]))
        return True

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("smtpfwd did not end after SIGTERM")
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.kill()
        self.process.wait()


class Relay(Daemon):
    """smtpfwd, its configuration made of a text with a few names filled in; it queues first, and asks nobody about recipients, unless
    relay_extra says so."""

    def __init__(self, next_hop, extra="", domain="example.com", relay_extra="", listen_extra="", name="relay"):
        super().__init__()
        relay_extra += "" if "mode =" in relay_extra else "\n    mode = queue"
        relay_extra += "" if "verify-recipients =" in relay_extra else "\n    verify-recipients = no"
        relay_extra += "" if "recipients-unknown =" in relay_extra else "\n    recipients-unknown = accept"
        self.directory = os.path.join(WORK, name)
        os.makedirs(self.directory, exist_ok=True)
        self.port = free_port()
        self.config = os.path.join(self.directory, "smtpfwd.conf")
        self.log = os.path.join(self.directory, "log")
        self.spool = os.path.join(self.directory, "spool")
        self.text = """
hostname = "old.example.com"
spool = "%s"
control = "%s/control"
user = "root"
relay "%s" {
    next-hop = { %s }
    check-interval = 1s
    %s
}
listen "mx" {
    address = { "127.0.0.1:%d" }
    %s
}
%s
%s
%s
""" % (self.spool, self.directory, domain, next_hop, relay_extra, self.port, listen_extra, extra,
       "" if "outbound" in extra else "outbound = none     # nothing of a test leaves the machine",
       ("" if "resolver" in extra else no_names()) +
       # Senders of tests are verified by nothing: the DNS has none of them.
       ("" if "bounce-unverified" in extra else "\nbounce-unverified = yes\n"))
        with open(self.config, "w") as out:
            out.write(self.text)

    def ctl(self, *words, json_out=True):
        command = [BUILD + "/smtpfwd/smtpfwdctl", "-c", self.config, *(["--json"] if json_out else []), *words]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise AssertionError("%s: %s" % (" ".join(words), result.stderr or result.stdout))
        if not json_out:
            return result.stdout
        return [json.loads(line) for line in result.stdout.splitlines() if line.strip()]

    def queue_size(self):
        """Mails in the queue, by its own count."""
        for row in self.ctl("status"):
            if "queue" in row:
                return row["queue"]["mails"]
        raise AssertionError("status names no queue")


class NextHop:
    """A server that takes any mail and keeps its bytes as they came, but for the dots of RFC 5321 4.5.2."""

    def __init__(self, offers=("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 100000000")):
        self.offers = offers
        self.mails = []                 # (reverse-path, [forward-path], bytes), all as received
        self.answer = lambda sender, recipients: "250 2.0.0 taken"     # to the end of data; what gets no 2xx is kept in .refused
        self.refused = []
        hop = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                try:
                    hop.converse(self)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, request_queue_size = True, True, 1000

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        ENDERS.append(self.server.shutdown)

    def converse(self, session):
        say = lambda text: session.wfile.write(text.encode() + b"\r\n")
        say("220 hop ESMTP")
        for line in session.rfile:
            verb, argument = line[:4].upper(), line.strip().partition(b":")[2].decode(errors="replace")
            if verb == b"EHLO":
                say("".join("250-%s\r\n" % offer for offer in ("hop",) + self.offers) + "250 HELP")
            elif verb == b"MAIL":
                sender, recipients = argument.split(">")[0].lstrip("< "), []
                say("250 2.1.0 ok")
            elif verb == b"RCPT":
                recipients.append(argument.split(">")[0].lstrip("< "))
                say("250 2.1.5 ok")
            elif verb == b"DATA":
                say("354 go on")
                lines = []
                while (line := session.rfile.readline()) != b".\r\n":
                    if not line:
                        return
                    lines.append(line[1:] if line.startswith(b".") else line)
                answer = self.answer(sender, recipients)
                (self.mails if answer.startswith("2") else self.refused).append((sender, recipients, b"".join(lines)))
                say(answer)
            elif verb == b"XCLI":
                say("220 hop ESMTP")
            elif verb == b"QUIT":
                return say("221 2.0.0 bye")
            else:
                say("250 2.0.0 ok")

    def mail_of(self, subject):
        """The bytes of the mail with that subject; None before it arrives."""
        for _, _, data in list(self.mails):
            if b"\r\nSubject: %s\r\n" % subject.encode() in data:
                return data
        return None


class Postfix:
    """A Postfix instance: a new server that keeps mail for example.com, or a sender that relays by us."""

    def __init__(self, name, relay_to=None, extra=""):
        if not shutil.which("postfix"):
            raise AssertionError("Postfix is not installed: sh conf/packages test")
        self.name = name
        self.port = free_port()
        self.directory = os.path.join(WORK, name)
        self.inbox = os.path.join(self.directory, "mail", "inbox")
        etc = os.path.join(self.directory, "etc")
        for part in ("etc", "spool", "data", "log", "mail"):
            os.makedirs(os.path.join(self.directory, part))
        shutil.chown(os.path.join(self.directory, "data"), "postfix")
        shutil.chown(os.path.join(self.directory, "mail"), "nobody")
        for known in ("dynamicmaps.cf", "postfix-files"):
            if os.path.exists("/etc/postfix/" + known):
                shutil.copy("/etc/postfix/" + known, etc)
        if relay_to is None:
            role = """
virtual_mailbox_domains = example.com
virtual_mailbox_base = %s/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
""" % self.directory
        else:
            role = """
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:%d
smtp_dns_support_level = disabled
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
""" % relay_to
        with open(etc + "/main.cf", "w") as out:
            out.write("""
compatibility_level = 3.6
queue_directory = %(d)s/spool
data_directory = %(d)s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(d)s/log/maillog
maillog_file_prefixes = %(d)s/log
myhostname = %(name)s.example.net
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_recipient_limit = 10000
smtp_host_lookup = native
message_size_limit = 104857600
mailbox_size_limit = 0
virtual_mailbox_limit = 0
default_process_limit = 50
biff = no
%(role)s
%(extra)s
""" % {"d": self.directory, "name": name, "role": role, "extra": extra})
        services = [("%d" % self.port, "inet", "-", "smtpd")]
        services += [(n, "unix", w, c) for n, w, c in (
            ("pickup", "60", "pickup"), ("qmgr", "300", "qmgr"))]
        rows = []
        for service, kind, wake, command in services:
            rows.append("%s %s n - n %s %s %s" % (service, kind, wake, "1" if kind == "unix" else "-", command))
        for service in ("cleanup", "tlsmgr", "rewrite", "bounce", "defer", "trace", "verify", "smtp", "relay", "showq",
                        "error", "retry", "discard", "virtual", "anvil", "scache", "proxymap", "flush"):
            command = {"rewrite": "trivial-rewrite", "defer": "bounce", "trace": "bounce", "relay": "smtp",
                       "retry": "error"}.get(service, service)
            limit = {"cleanup": "0", "bounce": "0", "defer": "0", "trace": "0"}.get(service, "-")
            if service in ("tlsmgr", "verify", "anvil", "scache"):
                limit = "1"
            private = "n" if service in ("cleanup", "showq", "flush") else "-"
            unprivileged = "n" if service == "virtual" else "-"
            rows.append("%s unix %s %s n - %s %s" % (service, private, unprivileged, limit, command))
        rows.append("postlog unix-dgram n - n - 1 postlogd")
        with open(etc + "/master.cf", "w") as out:
            out.write("\n".join(rows) + "\n")
        os.chmod(self.directory, 0o755)
        self.etc = etc
        ENDERS.append(self.stop)

    def start(self):
        result = subprocess.run(["postfix", "-c", self.etc, "start"], capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise AssertionError("postfix start: %s" % (result.stderr + result.stdout))
        wait_for("Postfix %s greets" % self.name, lambda: greets(self.port))
        return self

    def stop(self):
        subprocess.run(["postfix", "-c", self.etc, "stop"], capture_output=True, timeout=60)

    def log_text(self):
        try:
            with open(self.directory + "/log/maillog", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def mails(self):
        """The bytes of each mail that was delivered into the mailbox."""
        found = []
        for path in glob.glob(self.inbox + "/new/*"):
            with open(path, "rb") as mail:
                found.append(mail.read())
        return found

    def queue_size(self):
        return sum(len(files) for queue in ("maildrop", "incoming", "active", "deferred")
                   for _, _, files in os.walk(os.path.join(self.directory, "spool", queue)))

    def flush(self):
        subprocess.run(["postqueue", "-c", self.etc, "-f"], capture_output=True, timeout=60)


class Exim:
    """Exim as a new server for example.com; its binary is unpacked, because it cannot be installed beside Postfix."""

    def __init__(self, name="exim", package="exim4-daemon-light"):
        self.package = package          # -heavy takes the PROXY protocol
        self.port = free_port()
        self.directory = os.path.join(WORK, name)
        for part in ("spool", "log", "mail"):
            os.makedirs(os.path.join(self.directory, part))
        self.binary = package.endswith("light") and shutil.which("exim4") or self.unpack()
        self.process = None
        if subprocess.run(["id", "Debian-exim"], capture_output=True).returncode != 0:
            subprocess.run(["useradd", "-r", "-M", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", "Debian-exim"],
                           check=True)
        self.config = os.path.join(self.directory, "exim.conf")
        with open(self.config, "w") as out:
            out.write("""
primary_hostname = exim.example.net
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = %(d)s/spool
log_file_path = %(d)s/log/%%slog
pid_file_path = %(d)s/exim.pid
exim_path = %(x)s
daemon_smtp_ports = %(p)d
local_interfaces = 127.0.0.1
tls_advertise_hosts =
domainlist local_domains = example.com
acl_smtp_rcpt = check
acl_smtp_data = accept
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
host_lookup =
chunking_advertise_hosts = *
dsn_advertise_hosts = *
keep_environment =
begin acl
check:
  deny local_parts = nobody-here
       message = no such mailbox
  accept domains = +local_domains
  deny message = relay not permitted
begin routers
here:
  driver = accept
  domains = +local_domains
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = %(d)s/mail
  maildir_format
  create_directory
  user = Debian-exim
begin retry
* * F,1h,1m
""" % {"d": self.directory, "p": self.port, "x": self.binary})
        for part in ("spool", "log", "mail"):
            shutil.chown(os.path.join(self.directory, part), "Debian-exim")
        os.chmod(self.config, 0o644)
        ENDERS.append(self.stop)

    def unpack(self):
        where = os.path.join(self.directory, "package")
        os.makedirs(where)
        subprocess.run("apt-get download -q %s && dpkg -x %s*.deb ." % (self.package, self.package), shell=True,
                       cwd=where, check=True, capture_output=True, timeout=300)
        return os.path.join(where, "usr/sbin/exim4")

    def start(self):
        self.process = subprocess.Popen([self.binary, "-C", self.config, "-bdf"], stdout=subprocess.DEVNULL,
                                        stderr=open(self.directory + "/stderr", "a"))
        wait_for("Exim greets", lambda: greets(self.port))
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def mails(self):
        found = []
        for path in glob.glob(self.directory + "/mail/new/*"):
            with open(path, "rb") as mail:
                found.append(mail.read())
        return found


def message(subject, sender="alice@example.org", recipient="bob@example.com", body="Hello.\r\n"):
    return ("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n\r\n%s"
            % (sender, recipient, subject, subject.replace(" ", "."), body)).encode()


def send(port, data, sender="alice@example.org", recipients=("bob@example.com",), **options):
    """Sends by Python's own client; the text of the final 250."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=30) as session:
        session.ehlo()
        code, text = session.mail(sender, options.get("mail_options", []))
        assert code == 250, (code, text)
        for recipient in recipients:
            code, text = session.rcpt(recipient, options.get("rcpt_options", []))
            assert code in (250, 251), (code, text)
        code, text = session.data(data)
        assert code == 250, (code, text)
        return text.decode()


class Client:
    """A session by hand, to be left standing in the middle."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.settimeout(20)
        self.lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        """Its last line."""
        while True:
            line = self.lines.readline()
            if line[3:4] != b"-":
                return line.decode()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def until_data(self, subject, recipient="bob@example.com"):
        """A mail but for its end."""
        for line in ("EHLO client.example.org", "MAIL FROM:<alice@example.org>", "RCPT TO:<%s>" % recipient):
            reply = self.say(line)
            assert reply.startswith("250"), (line, reply)
        assert self.say("DATA").startswith("354")
        self.socket.sendall(message(subject))

    def speak_for(self, address, helo="client.example.org"):
        """By XCLIENT: from now on the client is this one."""
        xtext = "".join(c if "!" <= c <= "~" and c not in "+=" else "+%02X" % ord(c) for c in helo)
        return self.say("XCLIENT ADDR=%s%s HELO=%s PROTO=ESMTP" % ("IPV6:" if ":" in address else "", address, xtext))

    def mail(self, data, sender="alice@example.org", recipients=("bob@example.com",)):
        """The reply to a whole mail: the first that is not 2xx or 3xx, or the last."""
        for line in ("MAIL FROM:<%s>" % sender, *("RCPT TO:<%s>" % recipient for recipient in recipients), "DATA"):
            reply = self.say(line)
            if reply[:1] not in ("2", "3"):
                return reply
        self.socket.sendall(re.sub(rb"^\.", b"..", data, flags=re.M) + (b"" if data.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return self.reply()


class Tap:
    """Counts and prints what is true."""

    def __init__(self):
        self.n = self.n_failed = 0

    def __call__(self, name, held, shown=""):
        self.n += 1
        if not held:
            self.n_failed += 1
            for line in str(shown).splitlines()[-30:]:
                print("#   %s" % line)
        print("%s %d - %s" % ("ok" if held else "not ok", self.n, name), flush=True)

    def run(self, *scenarios):
        for scenario in scenarios:
            try:
                scenario(self)
            except Exception as trouble:
                self("%s: %s" % (scenario.__name__, (scenario.__doc__ or "").split("\n")[0]), False,
                     "%s: %s" % (type(trouble).__name__, trouble))
        print("1..%d" % self.n)
        sys.exit(1 if self.n_failed or not self.n else 0)
