#!/usr/bin/python3
"""Clients with certificates, by clients that we did not write: swaks and openssl s_client."""
import os
import re
import subprocess

import world

CA = os.path.join(world.WORK, "ca")
home = None
relay = None


def openssl(*words, **options):
    result = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, **options)
    assert result.returncode == 0 or options.get("input") is not None, (words, result.stderr)
    return result.stdout + result.stderr


def path(name):
    return os.path.join(CA, name)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
            "-subj", "/CN=%s" % name, "-keyout", path(name + ".key"), "-out", path(name + ".pem"))


def issue(authority_name, name, names, usage="clientAuth", days=10):
    with open(path(name + ".ext"), "w") as out:
        out.write("subjectAltName = %s\nextendedKeyUsage = %s\n" % (names, usage))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=apps",
            "-keyout", path(name + ".key"), "-out", path(name + ".csr"))
    openssl("x509", "-req", "-in", path(name + ".csr"), "-CA", path(authority_name + ".pem"), "-CAkey",
            path(authority_name + ".key"), "-CAcreateserial", "-days", str(days), "-extfile", path(name + ".ext"),
            "-out", path(name + ".pem"))


def setup(tap):
    """Authorities, certificates, smtpfwd and a Postfix behind it"""
    global home, relay
    os.mkdir(CA)
    os.chmod(CA, 0o755)
    for name in ("ours", "theirs"):
        authority(name)
    issue("ours", "app", "DNS:app.example.com")
    issue("ours", "unlisted", "DNS:other.example.com")
    issue("ours", "server", "DNS:app.example.com", usage="serverAuth")
    issue("theirs", "foreign", "DNS:app.example.com")
    home = world.Postfix("home", extra="virtual_mailbox_domains = example.org\n").start()
    relay = world.Relay('"127.0.0.1:9"', listen_extra='client-ca = "%s"\n client-names = { "app.example.com" }' % path("ours.pem"),
                        extra='outbound = "home"\nroute "home" { next-hop = { "127.0.0.1:%d" } }\n' % home.port).start()
    tap("smtpfwd with client-ca is up", True)


def swaks(subject, *words):
    """Sends a mail to elsewhere by STARTTLS; what was said."""
    result = subprocess.run(["swaks", "--server", "127.0.0.1:%d" % relay.port, "--from", "app@example.com", "--to", "alice@example.org",
                             "--header", "Subject: " + subject, "-tls", *words], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


def with_certificate(name):
    return "--tls-cert", path(name + ".pem"), "--tls-key", path(name + ".key")


def may_relay(tap):
    """swaks with a listed name may relay"""
    code, said = swaks("by certificate", *with_certificate("app"))
    tap("swaks with a listed name is taken", code == 0, said)
    world.wait_for("the mail arrives", lambda: [m for m in home.mails() if b"by certificate" in m])
    mail = [m for m in home.mails() if b"by certificate" in m][0]
    tap("Received tells the proven name", b"(verified app.example.com)" in re.sub(rb"\s+", b" ", mail), mail)
    tap("the log tells it too", re.search(r"client-certificate .*name=app\.example\.com may-relay=yes", relay.log_text()), relay.log_text())
    for name, why in (("unlisted", None), ("server", "unsuitable certificate purpose"),
                      ("foreign", "unable to get local issuer certificate"), (None, None)):
        code, said = swaks("by nobody", *(with_certificate(name) if name else ()))
        tap("with %s certificate it is not, but speaks TLS" % (name or "no"),
            code != 0 and "550 5.7.1" in said and "TLS started" in said, said)
        if why:
            tap("the log says why: %s" % why, 'may-relay=no why="%s"' % why in relay.log_text(), relay.log_text())


def s_client(*words):
    return openssl("s_client", "-connect", "127.0.0.1:%d" % relay.port, "-starttls", "smtp", "-crlf", *words, input="QUIT\r\n")


def resumption(tap):
    """openssl s_client comes back"""
    own = ("-cert", path("app.pem"), "-key", path("app.key"))
    said = s_client(*own, "-tls1_3")
    tap("the authority is told to clients, so that they can choose", re.search(r"Acceptable client certificate CA names\s+CN = ours", said), said)
    for version in ("-tls1_2", "-tls1_3"):
        kept = path("session" + version)
        s_client(*own, version, "-sess_out", kept)
        said = s_client(*own, version, "-sess_in", kept) if os.path.exists(kept) else "New, nothing to bring"
        tap("no session with a proven name is resumed (%s)" % version, "New, " in said and "Reused, " not in said, said)
    said = openssl("s_client", "-connect", "127.0.0.1:%d" % relay.port, "-starttls", "smtp", "-reconnect", "-tls1_2", *own, input="QUIT\r\n")
    tap("nor by s_client -reconnect", "Reused, " not in said and said.count("New, ") >= 1, said)


def reload(tap):
    """Another authority at a reload"""
    with open(path("ours.pem"), "w") as out, open(path("theirs.pem")) as theirs:
        out.write(theirs.read())
    relay.ctl("reload", json_out=False)
    code, said = swaks("after reload", *with_certificate("app"))
    tap("who was believed before the reload is not after it", code != 0 and "550 5.7.1" in said, said)
    code, said = swaks("after reload", *with_certificate("foreign"))
    tap("and who was not is", code == 0, said)
    with open(path("ours.pem"), "w") as out:
        out.write("no certificate\n")
    result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", relay.config, "reload"], capture_output=True, text=True, timeout=60)
    tap("a file that holds none fails the reload, and is named", result.returncode != 0 and "client-ca" in result.stdout + result.stderr,
        result.stdout + result.stderr)
    code, said = swaks("after failure", *with_certificate("foreign"))
    tap("and the one before goes on", code == 0, said)
    result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", relay.config], capture_output=True, text=True, timeout=60)
    tap("-n finds it too", result.returncode != 0 and "client-ca" in result.stdout + result.stderr, result.stdout + result.stderr)


if __name__ == "__main__":
    world.Tap().run(setup, may_relay, resumption, reload)
