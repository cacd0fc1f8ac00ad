#!/usr/bin/python3
"""Logins, both ways, against programs that we did not write.

Clients: swaks, gsasl and Postfix with Cyrus SASL log in at smtpfwd.  Servers: smtpfwd logs in at a Postfix with Cyrus
SASL.  And somebody guesses passwords meanwhile.
"""
import base64
import os
import pty
import re
import shutil
import smtplib
import ssl
import subprocess
import time

import world

PLACE = os.path.join(world.WORK, "auth")
CERTIFICATE = os.path.join(PLACE, "cert.pem")
KEY = os.path.join(PLACE, "key.pem")
USERS = os.path.join(PLACE, "users")
PASSWORDS = os.path.join(PLACE, "password")
SECRETS = ("pencil", "sesame", "wrong-one")
N_GUESSES = 200

home = relay = None


def passwd(login, password, *options):
    result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "passwd", *options, login], input=password + "\n",
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def write(path, text, mode=0o640):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def tls_postfix(name, extra):
    return world.Postfix(name, extra="""
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = %s
smtpd_tls_key_file = %s
virtual_mailbox_domains = example.org
%s
""" % (CERTIFICATE, KEY, extra))


def make_home():
    """A Postfix that takes mail from nobody but the login "relay", checked by Cyrus SASL."""
    postfix = tls_postfix("home", """
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = home.example.net
mynetworks = 192.0.2.1
smtpd_relay_restrictions = permit_sasl_authenticated, reject
""")
    os.mkdir(postfix.etc + "/sasl")  # Debian's Postfix looks there
    offer(postfix, "SCRAM-SHA-256 PLAIN LOGIN")
    subprocess.run(["saslpasswd2", "-p", "-c", "-f", postfix.etc + "/sasl/db", "-u", "home.example.net", "relay"],
                   input=b"sesame", check=True, capture_output=True)
    shutil.chown(postfix.etc + "/sasl/db", "postfix")
    return postfix.start()


def offer(postfix, mechanisms):
    write(postfix.etc + "/sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s/sasl/db\n"
          "mech_list: %s\n" % (postfix.etc, mechanisms), 0o644)


def setup(tap):
    """A users file by smtpfwdctl passwd, smtpfwd, and a smart host that wants a login too"""
    global home, relay
    os.mkdir(PLACE)
    os.chmod(PLACE, 0o755)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                    "-subj", "/CN=home.example.net", "-keyout", KEY, "-out", CERTIFICATE], check=True, capture_output=True)
    write(USERS, "# made by the test\n" + passwd("user", "pencil") + passwd("old@example.com", "pencil", "--crypt"))
    write(PASSWORDS, "sesame\n")
    home = make_home()
    relay = world.Relay('"127.0.0.1:9"', listen_extra="auth = offered", extra="""
users = "%s"
outbound = "home"
route "home" {
    next-hop = { "127.0.0.1:%d" }
    tls = required
    login = "relay"
    password-file = "%s"
    check-interval = 1s
}
""" % (USERS, home.port, PASSWORDS)).start()
    tap("smtpfwd with logins is up", True)


def keys(tap):
    """smtpfwdctl passwd: the keys are those that gsasl derives, and a terminal shows no password"""
    line = passwd("user", "pencil").strip()
    count, salt, stored, server = re.fullmatch(r"user:SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)", line).groups()
    theirs = subprocess.run(["gsasl", "--mkpasswd", "--mechanism", "SCRAM-SHA-256", "--password", "pencil", "--iteration-count", count,
                             "--salt", salt], capture_output=True, text=True, check=True).stdout.strip()
    tap("SCRAM keys are those that gsasl derives", theirs == "{SCRAM-SHA-256}%s,%s,%s,%s" % (count, salt, stored, server), theirs)
    tap("another time there is another salt", passwd("user", "pencil").strip() != line)
    made = [name for name in (" user", "\u00a0user", " #x", "#x", "a:b", "", "a" * 256, "a\tb") if subprocess.run(
        [world.BUILD + "/smtpfwd/smtpfwdctl", "passwd", name], input="pencil\n", capture_output=True, text=True, timeout=60).returncode == 0]
    tap("logins that the file's reader would not find again get no line", not made, made)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(world.BUILD + "/smtpfwd/smtpfwdctl", ["smtpfwdctl", "passwd", "user"])
    said = b""
    for prompt in (b"Password: ", b"Again: ", b"user:SCRAM-SHA-256$"):
        while prompt not in said:
            said += os.read(terminal, 1000)
        if prompt != b"user:SCRAM-SHA-256$":
            os.write(terminal, b"pencil\n")
    tap("it asks twice, and shows nothing", b"pencil" not in said and os.waitpid(pid, 0)[1] == 0, said)


def arrived(subject):
    return [mail for mail in home.mails() if ("Subject: %s\n" % subject).encode() in mail]


def swaks(subject, *words):
    result = subprocess.run(["swaks", "--server", "127.0.0.1:%d" % relay.port, "--from", "app@example.com", "--to", "alice@example.org",
                             "--header", "Subject: " + subject, *words], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


def swaks_logs_in(tap):
    """swaks"""
    for mechanism in ("PLAIN", "LOGIN"):
        for login in ("user", "old@example.com"):
            subject = "%s-%s" % (mechanism, login[:3])
            status, said = swaks(subject, "-tls", "--auth", mechanism, "--auth-user", login, "--auth-password", "pencil")
            tap("swaks logs in as %s by %s, and relays" % (login, mechanism), status == 0 and "235 2.7.0" in said, said)
            got = world.wait_for(subject, lambda: arrived(subject))[0]
            tap("Received says ESMTPSA", b"with ESMTPSA" in got, got[:800])
    status, said = swaks("x", "-tls", "--auth", "PLAIN", "--auth-user", "user", "--auth-password", "wrong-one")
    tap("a wrong password gets 535 5.7.8", status != 0 and "535 5.7.8" in said, said)
    status, said = swaks("x", "-tls")
    tap("without a login there is no relaying", status != 0 and "550 5.7.1" in said, said)
    status, said = swaks("x", "--auth", "PLAIN", "--auth-user", "user", "--auth-password", "pencil")
    tap("in the clear swaks finds no PLAIN", status != 0 and re.search(r"AUTH SCRAM-SHA-256\r?\n", said) is not None, said)


def gsasl(mechanism, login="user", password="pencil"):
    """In the clear: its STARTTLS comes before EHLO."""
    result = subprocess.run(["gsasl", "--smtp", "--client", "--connect=127.0.0.1:%d" % relay.port, "--no-starttls", "--no-cb", "-m", mechanism,
                             "-a", login, "-p", password, "-z", "", "--service=smtp"], input="", capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


def gsasl_logs_in(tap):
    """gsasl"""
    status, said = gsasl("SCRAM-SHA-256")
    tap("gsasl logs in by SCRAM-SHA-256", status == 0 and "235 2.7.0" in said, said)
    status, said = gsasl("SCRAM-SHA-256", password="wrong-one")
    tap("a wrong password gets 535", status != 0 and "535 5.7.8" in said, said)
    status, said = gsasl("SCRAM-SHA-256", login="nobody")
    tap("a login that nobody has too", status != 0 and "535 5.7.8" in said, said)


def postfix_logs_in(tap):
    """Postfix with Cyrus SASL sends through smtpfwd"""
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        name = "sender-" + mechanism.lower()
        sender = world.Postfix(name, relay_to=relay.port, extra="""
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = %s
smtp_sasl_password_maps = static:user:pencil
""" % mechanism).start()
        world.send(sender.port, world.message(name, recipient="alice@example.org"), recipients=("alice@example.org",))
        world.wait_for("%s through us" % name, lambda: arrived(name))
        tap("Postfix logs in by %s" % mechanism,
            re.search(r"auth-succeeded .*login=user mechanism=%s\n" % mechanism, relay.log_text()) is not None, relay.log_text()[-2000:])
        sender.stop()


def we_log_in(tap):
    """smtpfwd logs in at Postfix with Cyrus SASL"""
    tap("by SCRAM-SHA-256, as Postfix says", "sasl_method=SCRAM-SHA-256, sasl_username=relay@home.example.net" in home.log_text(),
        home.log_text()[-2000:])
    for mechanism in ("PLAIN", "LOGIN"):
        offer(home, mechanism)
        home.stop()
        home.start()
        subject = "we-" + mechanism
        assert swaks(subject, "-tls", "--auth", "PLAIN", "--auth-user", "user", "--auth-password", "pencil")[0] == 0
        world.wait_for(subject, lambda: arrived(subject))
        tap("by %s" % mechanism, "sasl_method=%s, sasl_username=relay@home.example.net" % mechanism in home.log_text(), home.log_text()[-2000:])


def refused(tap):
    """A wrong password at the smart host: mail waits, and goes when it is mended"""
    write(PASSWORDS, "wrong-one\n")
    relay.ctl("reload", json_out=False)
    assert swaks("waits", "-tls", "--auth", "PLAIN", "--auth-user", "user", "--auth-password", "pencil")[0] == 0
    world.wait_for("it is logged", lambda: "nexthop-refuses-login" in relay.log_text())
    tap("the mail waits", relay.queue_size() == 1 and " failed " not in relay.log_text(), relay.log_text()[-2000:])
    write(PASSWORDS, "sesame\n")
    relay.ctl("reload", json_out=False)
    world.wait_for("mended", lambda: arrived("waits"), 60)
    tap("it goes when the password is mended", True)
    write(PASSWORDS, "sesame\n", 0o644)
    result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", relay.config], capture_output=True, text=True, timeout=60)
    tap("a password file that all can read is an error of the check", result.returncode != 0 and "is open to all users" in result.stderr, result.stderr)
    tap("a mixture of verifiers is noted", "note: users has crypt hashes beside SCRAM keys" in result.stderr, result.stderr)
    tap("a login that goes to whoever answers is noted", "note: route:home: login goes to whoever answers" in result.stderr, result.stderr)
    write(PASSWORDS, "sesame\n")


def session(source):
    client = smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.example.org", timeout=60, source_address=(source, 0))
    client.ehlo()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client.starttls(context=context)
    client.ehlo()
    return client


def log_in(client, login, password):
    line = base64.b64encode(b"\0%s\0%s" % (login.encode(), password.encode())).decode()
    try:
        return client.docmd("AUTH", "PLAIN " + line)[0]
    except smtplib.SMTPServerDisconnected:
        return 0


def guessed(tap):
    """200 wrong passwords from one address"""
    write(USERS, open(USERS).read() + passwd("new", "pencil"))
    relay.ctl("reload", json_out=False)
    codes, slowest, other = [], 0.0, session("127.0.0.2")
    client = session("127.0.0.66")
    for i in range(N_GUESSES):
        code = log_in(client, "user" if i < 100 else "u%d" % i, "wrong-one")
        codes.append(code)
        if code in (0, 421):
            client.close()
            client = session("127.0.0.66")
        begun = time.monotonic()
        assert other.noop()[0] == 250 if i % 20 == 0 else True
        slowest = max(slowest, time.monotonic() - begun)
    tap("not many are tried: %d of 200" % codes.count(535), codes.count(535) <= 20 and codes.count(235) == 0, codes)
    tap("the others get 454 or 421", all(code in (535, 454, 421, 0) for code in codes), codes)
    print("# slowest NOOP of another session meanwhile: %d ms" % (slowest * 1000))
    tap("a good client from elsewhere logs in", log_in(other, "user", "pencil") == 235)
    tap("a user that a reload brought logs in", log_in(session("127.0.0.3"), "new", "pencil") == 235)
    tap("auth-limited is logged", re.search(r"auth-limited client=127.0.0.66:\d+ .*login=user mechanism=PLAIN", relay.log_text()) is not None,
        relay.log_text()[-2000:])


def kept_quiet(tap):
    """What is secret shows nowhere"""
    log = relay.log_text()
    coded = [base64.b64encode(b"\0user\0" + secret.encode()).decode().rstrip("=")[:-1] for secret in SECRETS]
    tap("no password is in the log", not any(word in log for word in [*SECRETS, *coded]), log[-500:])
    tap("smtpfwd ends as it should", relay.stop() == 0, relay.log_text()[-1000:])


world.Tap().run(setup, keys, swaks_logs_in, gsasl_logs_in, postfix_logs_in, we_log_in, refused, guessed, kept_quiet)
