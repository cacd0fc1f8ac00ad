#!/usr/bin/python3
"""The keys that sign: what smtpfwd -n says of wrong ones, a reload that takes new ones over or refuses them, and what dkimpy
thinks of mail that came through.

Runs as root, because dropping rights cannot be shown otherwise.  Names of scenarios as arguments run only those.
"""
import base64
import os
import shutil
import socket
import subprocess
import sys
import threading

import dkim

import world

USER = world.USER
PROGRAMS = world.copy_programs()


class Place(world.Daemon):
    """A configuration with verify and sign sections, and the daemon that runs by it; they begin with line 9."""

    n = 0
    programs = PROGRAMS

    def __init__(self, sections="", user="root", next_hop="127.0.0.1:9", listen=""):
        super().__init__()
        Place.n += 1
        self.directory = os.path.join(world.WORK, "place%d" % Place.n)
        os.makedirs(self.directory)
        self.port = world.free_port()
        self.config = self.directory + "/smtpfwd.conf"
        self.log = self.directory + "/log"
        self.top = "\n".join(('hostname = "mx.example.net"', 'spool = "%s/spool"' % self.directory,
                              'control = "%s/run/control"' % self.directory, 'user = "%s"' % user,
                              'relay "example.com" { next-hop = { "%s" } mode = queue verify-recipients = no check-interval = 1s }' % next_hop,
                              'listen "mx" { address = { "127.0.0.1:%d" } %s }' % (self.port, listen),
                              world.no_names(), "outbound = none"))
        self.write(sections)

    def write(self, sections):
        self.sections = sections
        with open(self.config, "w") as out:
            out.write(self.top + "\n" + sections + "\n")
        os.chmod(self.config, 0o644)

    def check(self):
        return subprocess.run([PROGRAMS + "/smtpfwd", "-n", "-c", self.config], capture_output=True, text=True, timeout=60)

    def reload(self):
        return subprocess.run([PROGRAMS + "/smtpfwdctl", "-s", self.directory + "/run/control", "reload"], capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)


def sign(path, domain="example.com", selector="s", more=""):
    """Its key is in the third line."""
    return 'sign "%s" {\n  selector = { "%s" }\n  key = { "%s" }\n%s}' % (domain, selector, path, more)


def make_key(path, *how, mode=0o640):
    """By openssl genpkey."""
    subprocess.run(["openssl", "genpkey", *(how or ("-algorithm", "ed25519")), "-out", path], check=True, capture_output=True)
    os.chmod(path, mode)
    return path


def rsa(bits):
    return "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:%d" % bits


def expect_wrong(tap, name, place, sections, number, what):
    """-n fails with one error, at that line of the sections."""
    place.write(sections)
    result = place.check()
    lines = [line for line in result.stderr.splitlines() if not line.startswith("smtpfwd: note:")]
    tap("-n: %s" % name, result.returncode == 3 and len(lines) == 1 and
        lines[0].startswith("%s:%d: " % (place.config, 8 + number)) and what in lines[0], result.stderr)


def settings(tap):
    """What is wrong is said with its line, and nothing starts"""
    place = Place()
    key = make_key(place.directory + "/key.pem")
    place.write("verify { dmarc = enforce }\n" + sign(key))
    result = place.check()
    tap("-n: all is well", result.returncode == 0 and "all is well" in result.stdout, result.stderr)
    note = "no sign section serves mx.example.net"
    tap("-n: reports that nobody signs are told of", note in result.stderr, result.stderr)
    place.write(sign(key, "example.net", more="  subdomains = yes\n"))
    result = place.check()
    tap("-n: those that a parent signs are not", result.returncode == 0 and note not in result.stderr, result.stderr)
    place.write(sign(key, "MX.example.net"))
    tap("-n: nor those of the hostname's own section", note not in place.check().stderr)
    expect_wrong(tap, "DMARC of nothing", place, "verify {\n  spf = no\n  dkim = no\n  dmarc = enforce\n}", 4,
                 "verify: dmarc: needs spf or dkim")
    expect_wrong(tap, "a mark that changes the mail", place, 'verify {\n  mark-field = "Subject: spam"\n}', 2,
                 "verify: mark-field: Subject means something else already")
    expect_wrong(tap, "two selectors for one key", place, sign(key, selector='a", "b'), 3,
                 'sign "example.com": key: there are 1 for 2 of selector')
    expect_wrong(tap, "an identity of another domain", place, sign(key, more='  identity = "@example.org"\n'), 4,
                 'sign "example.com": identity: the identity is outside of the signing domain')
    expect_wrong(tap, "a domain twice", place, sign(key) + "\n" + sign(key, "EXAMPLE.com"), 5,
                 'sign "EXAMPLE.com": is the domain of sign "example.com" already')
    expect_wrong(tap, "a title that stands twice", place, sign(key) + "\n" + sign(key), 5, 'sign "example.com"')
    result = subprocess.run([PROGRAMS + "/smtpfwd", "-f", "-c", place.config], capture_output=True, text=True, timeout=60)
    tap("and so says the start", result.returncode == 3 and 'sign "example.com"' in result.stderr, result.stderr)


def keys(tap):
    """Keys are tried as the daemon's user"""
    entry = world.make_user()
    place = Place(user=USER)
    key = make_key(place.directory + "/key.pem", mode=0o600)
    expect_wrong(tap, "a key that is not there", place, sign("/nonexistent/key.pem"), 3,
                 'sign "example.com": key: /nonexistent/key.pem: No such file or directory')
    help_text = "%s: user %s may not read it (chgrp %s, chmod g+r)" % (key, USER, USER)
    expect_wrong(tap, "a key that only root can read", place, sign(key), 3, 'sign "example.com": key: ' + help_text)
    result = subprocess.run([PROGRAMS + "/smtpfwd", "-f", "-c", place.config], capture_output=True, text=True, timeout=60)
    tap("and so says the start", result.returncode == 1 and help_text in result.stderr, result.stderr)
    os.chown(key, 0, entry.pw_gid)
    os.chmod(key, 0o640)
    result = place.check()
    tap("-n: one that its group can read is fine", result.returncode == 0, result.stderr)
    os.chmod(key, 0o644)
    expect_wrong(tap, "one that all can read", place, sign(key), 3, "%s: is open to all users of this machine (chmod o= %s)" % (key, key))
    os.chmod(key, 0o640)
    closed = place.directory + "/closed"
    os.mkdir(closed, 0o700)
    shutil.copy(key, closed)
    expect_wrong(tap, "one in a closed directory", place, sign(closed + "/key.pem"), 3,
                 "user %s may not enter %s (chgrp %s, chmod g+x)" % (USER, closed, USER))
    expect_wrong(tap, "a directory", place, sign(place.directory), 3, "Is a directory")

    place = Place()
    where = place.directory + "/other.pem"
    for name, how, what in (
            ("an elliptic curve's key", ("-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "the key is neither RSA nor Ed25519"),
            ("RSA of too few bits", rsa(768), "an RSA key of 768 bits: 1024 to 4096 are allowed (RFC 8301)"),
            ("a key behind a password", (*rsa(1024), "-aes256", "-pass", "pass:x"), "the key needs a password")):
        make_key(where, *how)
        expect_wrong(tap, name, place, sign(where), 3, 'sign "example.com": key: %s: %s' % (where, what))
    make_key(where, *rsa(1024))
    public = subprocess.run(["openssl", "pkey", "-in", where, "-pubout"], check=True, capture_output=True).stdout
    with open(where, "wb") as file:
        file.write(public)
    expect_wrong(tap, "the public half alone", place, sign(where), 3, "no private key in PEM form")
    expect_wrong(tap, "one of two", place, sign(make_key(place.directory + "/key.pem") + '", "' + where, selector='a", "b'), 3,
                 where + ": no private key in PEM form")
    make_key(where, *rsa(1024))
    place.write(sign(where, more="  lifetime = 1d\n"))
    result = place.check()
    tap("-n: RSA of 1024 bits will do, and is advised against", result.returncode == 0 and
        'note: sign "example.com": %s has 1024 bits; 2048 are advised' % where in result.stderr, result.stderr)
    tap("-n: so is a signature that ends before its mail", "mail may wait for longer than its signature counts" in result.stderr,
        result.stderr)


def reloads(tap):
    """A reload takes another key over, or says what is wrong and changes nothing"""
    entry = world.make_user()
    place = Place(user=USER)
    key = make_key(place.directory + "/key.pem")
    os.chown(key, 0, entry.pw_gid)
    place.write(sign(key))
    place.start()
    tap("a daemon that dropped its rights has its key", place.alive() and place.reload().stdout == "nothing changed\n")

    def replace(path=key, mode=0o640, gid=entry.pw_gid, how=()):
        make_key(path + ".new", *how, mode=mode)
        os.chown(path + ".new", 0, gid)
        os.rename(path + ".new", path)

    def fails(name, *what):
        result = place.reload()
        tap(name, result.returncode == 1 and "the old configuration stays in use" in result.stderr and
            all(text in result.stderr for text in what), result.stdout + result.stderr)

    replace()
    result = place.reload()
    tap("another key is taken over and told", result.stdout == 'sign "example.com": key %s is another one now\n' % key,
        result.stdout + result.stderr)
    at = '%s:11: sign "example.com": key: ' % place.config
    replace(mode=0o600)
    fails("one that only root can read is not", at, "%s: user %s may not read it (chgrp %s, chmod g+r)" % (key, USER, USER))
    replace(mode=0o644)
    fails("nor one that all can", at, "%s: is open to all users of this machine" % key)
    replace(how=rsa(768))
    fails("nor one that is too short", at, "an RSA key of 768 bits")
    with open(key, "w") as file:
        file.write("no key\n")
    fails("nor what is none", at, "no private key in PEM form")
    os.unlink(key)
    fails("nor one that is gone", at, "No such file or directory")
    world.wait_for("the log, which is written behind", lambda: "No such file or directory" in place.log_text())
    replace()
    result = place.reload()
    tap("and at last a good one", 'key %s is another one now' % key in result.stdout, result.stdout + result.stderr)
    second = place.directory + "/second.pem"
    replace(second, how=rsa(2048))
    place.write(sign(key + '", "' + second, selector='s", "r'))
    result = place.reload()
    tap("a second key beside it", result.stdout == 'sign "example.com": selector: added r\nsign "example.com": key: added %s\n' % second,
        result.stdout + result.stderr)
    tap("a clean end", place.stop() == 0, place.log_text()[-3000:])


# --- mail ---

class Sink:
    """A next hop that keeps the mails, by their subjects; stop makes it refuse connections, start take them again."""

    def __init__(self):
        self.mails, self.port = {}, world.free_port()
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.run, args=(self.listener,), daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self, listener):
        try:
            while True:
                threading.Thread(target=self.session, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    def session(self, connection):
        lines = connection.makefile("rb")
        connection.sendall(b"220 sink\r\n")
        while (line := lines.readline()):
            if line[:4] == b"DATA":
                connection.sendall(b"354 go\r\n")
                mail = b""
                while (line := lines.readline()) not in (b".\r\n", b""):
                    mail += line[1:] if line[:1] == b"." else line
                subject = next(text for text in mail.split(b"\r\n") if text.startswith(b"Subject: "))
                self.mails[subject[9:].decode()] = mail
            connection.sendall(b"250 ok\r\n")

    def mail(self, subject):
        world.wait_for("the mail %s" % subject, lambda: subject in self.mails)
        return self.mails[subject]


def record(path):
    """What the DNS would have, by openssl."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    if len(der) == 44:
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(der[12:])
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def judged(mail, **records):
    """For each signature its selector, d= and whether dkimpy takes it, by records of selectors."""
    verifier = dkim.DKIM(mail, minkey=1024)
    n = sum(name.lower() == b"dkim-signature" for name, value in verifier.headers)
    answers = []
    for i in range(n):
        one = dkim.DKIM(mail, minkey=1024)
        right = one.verify(idx=i, dnsfunc=lambda name, timeout=5: records.get(name.decode().split(".")[0]))
        answers.append((one.selector.decode(), one.domain.decode(), right))
    return answers


def mails(tap):
    """What is signed, by which key, and when"""
    sink = Sink()
    outside = world.free_port()
    place = Place(next_hop="127.0.0.1:%d" % sink.port, listen='networks = { "127.0.0.1/32" }')
    place.top += '\nlisten "outside" { address = { "127.0.0.1:%d" } }' % outside
    key, old, new = (place.directory + name for name in ("/key.pem", "/old.pem", "/new.pem"))
    rsa_key = make_key(place.directory + "/rsa.pem", *rsa(2048))
    make_key(old)
    make_key(new)
    shutil.copy(old, key)
    os.chmod(key, 0o600)
    place.write(sign(rsa_key + '", "' + key, selector='r", "e'))
    place.start()

    def send(subject, sender="alice@example.com", port=place.port):
        world.send(port, world.message(subject, sender))
        return sink.mail(subject)

    is_good = [("r", "example.com", True), ("e", "example.com", True)]
    records = {"r": record(rsa_key), "e": record(old)}
    mail = send("signed")
    tap("mail of ours from a trusted client has both signatures, and dkimpy takes them", judged(mail, **records) == is_good, mail)
    mail = send("claimed", port=outside)
    tap("mail that only claims to be ours has none", judged(mail) == [] and b"Authentication-Results: mx.example.net" in mail, mail)
    mail = send("another", "alice@example.org")
    tap("mail of another domain has none", judged(mail) == [], mail)

    client = world.Client(place.port)
    for line in ("EHLO client.example.com", "MAIL FROM:<alice@example.com>", "RCPT TO:<bob@example.com>", "DATA"):
        client.say(line)
    client.socket.sendall(world.message("before", "alice@example.com"))
    shutil.copy(new, key)
    tap("another key is taken over", 'key %s is another one now' % key in place.reload().stdout)
    after = {"r": record(rsa_key), "e": record(new)}
    mail = send("after")
    tap("and signs", judged(mail, **after) == is_good and judged(mail, **records)[1][2] is False, mail)
    client.say(".")
    tap("a mail that began before has the old one", judged(sink.mail("before"), **records) == is_good, sink.mails["before"])

    with open(key, "w") as file:
        file.write("no key\n")
    tap("a bad key is refused", place.reload().returncode == 1)
    mail = send("kept")
    tap("and the one before signs on", judged(mail, **after) == is_good, mail)
    shutil.copy(old, key)

    sink.stop()
    world.send(place.port, world.message("waits", "alice@example.com"))
    place.write(sign(key, selector="other"))
    result = place.reload()
    tap("a reload while a mail waits", result.returncode == 0, result.stderr)
    sink.start()
    mail = sink.mail("waits")
    tap("the mail keeps what it was signed with", judged(mail, **after) == is_good, mail)
    mail = send("next")
    tap("the next has the new name alone", judged(mail, other=record(old)) == [("other", "example.com", True)], mail)
    place.write("")
    place.reload()
    mail = send("unsigned")
    tap("without a section nothing is signed", judged(mail) == [], mail)
    tap("a clean end", place.stop() == 0, place.log_text()[-3000:])


scenarios = (settings, keys, reloads, mails)
wanted = sys.argv[1:]
world.Tap().run(*[s for s in scenarios if not wanted or s.__name__ in wanted])
