#!/usr/bin/python3
"""A mail's class: the running daemon, its log, its queue, the field on the mail and smtpfwdctl explain say the same, and nobody forges it.

Clients are told by XCLIENT; what the daemon stored is exported from its queue.
"""
import json
import os
import re
import smtplib
import ssl
import subprocess

import world

CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
KEYS = world.WORK + "/keys"
OUTSIDER, USER, LISTS, PARTNER, SHOP = "198.51.100.66", "10.1.0.1", "10.0.0.40", "203.0.113.9", "10.2.0.7"
FORGED = "X-Traffic-Class: %s; direction=outbound; by=network\r\nx-traffic-CLASS \t:\r\n\tapplication\r\n"

CLASSES = """
class "reset" { networks = { "10.2.0.0/16" } headers = { "X-Kind: password-*" } recipients = { "vip@example.com" } }
class "list" { networks = { "10.0.0.40" } senders = { "*-bounces@lists.example.com", "<>" } headers = { "List-Id", "Precedence: list" } min-recipients = 3 }
class "bulk" { headers = { "Precedence: bulk", "X-Traffic-Class: bulk*" } sign = no }
class "application" { networks = { "10.2.0.0/16", "203.0.113.0/24" } sign = yes }
class "vip" { listeners = { "mx" } recipients = { "ceo@example.com", "@.b\u00fccher.example" } }
"""

# name, client, sender, recipients, more of the header, class, by, direction, signed
CASES = (
    ("an outsider", OUTSIDER, "a@x.example", ("bob@example.com",), "", "incoming", "outsider", "inbound", False),
    ("an outsider who forges the field", OUTSIDER, "a@x.example", ("bob@example.com",), FORGED % "list", "incoming", "outsider", "inbound", False),
    ("an outsider who claims all there is", OUTSIDER, "team-bounces@lists.example.com", ("bob@example.com",),
     "List-Id: <x>\r\nPrecedence: bulk\r\nX-Kind: password-reset\r\n" + FORGED % "bulk", "incoming", "outsider", "inbound", False),
    ("an outsider's bounce", OUTSIDER, "", ("bob@example.com",), "", "incoming", "outsider", "inbound", False),
    ("an outsider's mail to the boss", OUTSIDER, "a@x.example", ("bob@example.com", "Ceo@example.com"), "", "vip", "listener,recipient", "inbound", False),
    ("a user", USER, "a@example.com", ("bob@example.com",), "", "local", "listener", "internal", True),
    ("a user's mail to the boss", USER, "a@example.com", ("ceo@example.com",), "", "vip", "listener,recipient", "internal", True),
    ("a user who writes to outside", USER, "a@example.com", ("bob@example.com", "eve@out.example"), "", "local", "listener", "outbound", True),
    ("a user who says bulk", USER, "a@example.com", ("bob@example.com",), "precedence:\r\n BULK\r\n", "bulk", "trusted,field", "internal", False),
    ("a user's field is a claim that may count, and goes", USER, "a@example.com", ("bob@example.com",), FORGED % "bulk", "bulk", "trusted,field", "internal", False),
    ("a user who says list", USER, "a@example.com", ("bob@example.com",), "Precedence: list\r\n", "local", "listener", "internal", True),
    ("the list server", LISTS, "Team-Bounces@LISTS.example.com", ("eve@out.example",), "", "list", "network,sender", "outbound", True),
    ("the list server, by a field", LISTS, "a@example.com", ("eve@out.example",), "List-Id: <team.lists.example.com>\r\n", "list", "network,field", "outbound", True),
    ("the list server's null reverse-path", LISTS, "", ("eve@out.example",), "", "list", "network,sender", "outbound", True),
    ("the list server, many recipients", LISTS, "a@example.com", ("b@example.com", "c@example.com", "d@example.com"), "", "list", "network,recipients", "internal", True),
    ("the list server, two recipients", LISTS, "a@example.com", ("b@example.com", "c@example.com"), "", "local", "listener", "internal", True),
    ("a partner that may not relay", PARTNER, "a@example.com", ("bob@example.com",), "", "application", "network", "inbound", True),
    ("a partner's claim does not count", PARTNER, "a@example.com", ("bob@example.com",), "Precedence: bulk\r\n", "application", "network", "inbound", True),
    ("a shop", SHOP, "a@example.com", ("bob@example.com",), "", "application", "network", "internal", True),
    ("a shop's password reset", SHOP, "a@example.com", ("bob@example.com",), "X-Kind: Password-Reset\r\n", "reset", "network,field", "internal", True),
    ("a shop's reset that says bulk too: the first in the file", SHOP, "a@example.com", ("bob@example.com",), "Precedence: bulk\r\nX-Kind: password-x\r\n", "reset", "network,field", "internal", True),
    ("a shop's mail to one by name", SHOP, "a@example.com", ("vip@example.com",), "", "reset", "network,recipient", "internal", True),
)


def mail(more):
    return ("From: <a@example.com>\r\nTo: <bob@example.com>\r\nSubject: a mail\r\n%sMessage-ID: <1@example.com>\r\n\r\nHello.\r\n" % more).encode()


def explain(relay, data, client, sender, recipients, *more):
    path = relay.directory + "/mail.eml"
    with open(path, "wb") as file:
        file.write(data)
    words = [word for recipient in recipients for word in ("--to", recipient)]
    result = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", client, "--helo", "h", "--from", sender or "<>", *words, *more, path],
                            capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in result.stdout.splitlines()]


def really(relay, data, client, sender, recipients):
    """The id, and the bytes that were stored."""
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="h", timeout=60) as session:
        session.ehlo()
        assert session.docmd("XCLIENT", "ADDR=%s" % client)[0] == 220
        session.ehlo("h")
        assert session.docmd("MAIL", "FROM:<%s>" % sender)[0] == 250
        for recipient in recipients:
            code, text = session.docmd("RCPT", "TO:<%s>" % recipient)
            assert code == 250, text
        code, text = session.data(data)
        assert code == 250, text
    name = text.decode().split()[-1]
    where = relay.directory + "/export-" + name
    relay.ctl("queue", "export", where, name)
    with open("%s/%s.eml" % (where, name), "rb") as file:
        return name, file.read()


def told_by(steps):
    """The class step in the words of the field, and the field itself."""
    step = [row for row in steps if row["step"] == "class"][-1]
    by = ",".join(step[key]["by"] for key in ("peer", "mail") if key in step)
    fields = [row["field"] for row in steps if row["step"] == "added" and row["field"].startswith("X-Traffic-Class:")]
    return "%s; direction=%s; by=%s" % (step["class"], step["direction"], by), fields


def classes(tap):
    """Each mail's class by the daemon and by explain"""
    subprocess.run([CTL, "keygen", "--ed25519", "--directory", KEYS, "example.com", "s"], check=True, capture_output=True)
    sign = 'sign "example.com" { selector = { "s" } key = { "%s/s.example.com.pem" } }\n' % KEYS
    relay = world.Relay('"127.0.0.1:1"', CLASSES + sign + 'route "out" { next-hop = { "127.0.0.1:1" } }\noutbound = "out"\n', name="classes",
                        listen_extra='class = local xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" }').start()
    for name, client, sender, recipients, more, kind, by, direction, is_signed in CASES:
        want = "%s; direction=%s; by=%s" % (kind, direction, by)
        steps = explain(relay, mail(more), client, sender, recipients)
        said, fields = told_by(steps)
        tap("%s: %s, says explain" % (name, want), said == want and fields == ["X-Traffic-Class: %s\r\n" % want], "%s\n%s" % (said, fields))
        identity, stored = really(relay, mail(more), client, sender, recipients)
        header = stored.split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        really_told = re.findall(r"(?mi)^x-traffic-class[ \t]*:.*", header)
        tap("... and the daemon, in the one such field", really_told == ["X-Traffic-Class: %s" % want] and
            header.index("X-Traffic-Class") < header.index("Received: from"), header)
        world.wait_for("its line in the log", lambda: re.search(r" judged id=%s .*\n" % identity, relay.log_text()))
        line = [line for line in relay.log_text().splitlines() if " judged " in line and identity in line][-1:]
        words = "class=%s class-by=%s direction=%s" % (kind, by, direction)
        tap("... and in its log", line and re.search(re.escape(words) + r"( class-sets=\S+)?$", line[0]), line)
        listed = [row["mail"]["class"] for row in relay.ctl("queue", "show", identity) if "mail" in row]
        tap("... and in its queue", listed == [kind], listed)
        signing = [row for row in steps if row["step"] == "signing"][0]
        tap("... %s" % ("signed" if is_signed else "not signed"), header.startswith("DKIM-Signature:") == is_signed == signing["signed"], header[:300])
    relay.stop()


def other_fields(tap):
    """Another field, and none"""
    for name, setting, want in (("X-Kind", 'class-header = "X-Kind"\n', "X-Kind: incoming; direction=inbound; by=outsider"), ("none", "class-header = none\n", None)):
        relay = world.Relay('"127.0.0.1:1"', setting, name="field-" + name, listen_extra='xclient-from = { "127.0.0.0/8" }').start()
        _, stored = really(relay, mail("X-KIND: forged\r\nX-Traffic-Class: other\r\n"), OUTSIDER, "a@x.example", ("bob@example.com",))
        header = stored.split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        tap("class-header = %s" % name, re.findall(r"(?mi)^x-kind:.*", header) == ([want] if want else ["X-KIND: forged"]) and
            "X-Traffic-Class: other" in header, header)
        relay.stop()


def wrong(tap):
    """A wrong section is said where it stands, and a reload takes a right one over"""
    relay = world.Relay('"127.0.0.1:1"', "", name="reload", listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" }').start()
    text = relay.text
    with open(relay.config, "w") as out:
        out.write(text + 'class "x" {\n    listeners = { "nobody" }\n}\n')
    line = text.count("\n") + 2
    done = subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", relay.config], capture_output=True, text=True, timeout=60)
    tap("a listener that is none, by file and line", done.returncode != 0 and '%s:%d: class "x": listeners: there is no listen "nobody"' %
        (relay.config, line) in done.stdout + done.stderr, done.stdout + done.stderr)
    with open(relay.config, "w") as out:
        out.write(text + 'class "users" { networks = { "10.0.0.0/8" } }\n')
    _, before = really(relay, mail(""), USER, "a@example.com", ("bob@example.com",))
    said = relay.ctl("reload", json_out=False)
    _, after = really(relay, mail(""), USER, "a@example.com", ("bob@example.com",))
    tap("a reload classifies by the new file", b"X-Traffic-Class: incoming; direction=internal; by=listener\r\n" in before and
        b"X-Traffic-Class: users; direction=internal; by=network\r\n" in after, said)
    relay.stop()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


def certificate(name, host, authority=None):
    """NAME.key and NAME.pem, by an authority or by itself."""
    path = KEYS + "/" + name
    openssl("req", *(["-x509", "-days", "10"] if not authority else []), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=" + name, "-keyout", path + ".key", "-out", path + (".csr" if authority else ".pem"))
    if authority:
        with open(path + ".ext", "w") as out:
            out.write("subjectAltName = DNS:%s\nextendedKeyUsage = clientAuth\n" % host)
        openssl("x509", "-req", "-in", path + ".csr", "-CA", "%s/%s.pem" % (KEYS, authority), "-CAkey", "%s/%s.key" % (KEYS, authority),
                "-CAcreateserial", "-days", "10", "-extfile", path + ".ext", "-out", path + ".pem")


def proven(tap):
    """By a login, and by a certificate, which names who speaks and not whom he speaks for"""
    os.makedirs(KEYS, exist_ok=True)
    certificate("authority", None)
    certificate("node", "n7.nodes.example.com", "authority")
    users = KEYS + "/users"
    with open(users, "w") as out:
        for login in ("app-7", "joe"):
            out.write(subprocess.run([CTL, "passwd", login], input="pencil\n", check=True, capture_output=True, text=True, timeout=60).stdout)
    os.chmod(users, 0o600)
    relay = world.Relay('"127.0.0.1:1"', 'class "node" { client-names = { ".nodes.example.com" } }\nclass "shop" { logins = { "app-*" } headers = { "X-Shop" } }\n'
                        'users = "%s"\n' % users, name="proven",
                        listen_extra='auth = offered client-ca = "%s/authority.pem" xclient-from = { "127.0.0.0/8" }' % KEYS).start()
    for name, login, with_certificate, speaks_for, want in (
            ("a login", "app-7", False, None, "shop; direction=internal; by=login,field"), ("another login", "joe", False, None, "incoming; direction=internal; by=listener"),
            ("no login", None, False, None, "incoming; direction=inbound; by=outsider"), ("a certificate", None, True, None, "node; direction=inbound; by=certificate"),
            ("a login and a certificate: the first in the file", "app-7", True, None, "node; direction=internal; by=certificate"),
            ("a certificate of who speaks for another", None, True, OUTSIDER, "incoming; direction=inbound; by=outsider")):
        tls = ssl._create_unverified_context()
        if with_certificate:
            tls.load_cert_chain(KEYS + "/node.pem", KEYS + "/node.key")
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="h", timeout=60) as session:
            session.starttls(context=tls)
            if login:
                session.login(login, "pencil")
            if speaks_for:
                assert session.docmd("XCLIENT", "ADDR=%s" % speaks_for)[0] == 220
            session.ehlo("h")
            assert session.mail("a@x.example")[0] == 250 and session.rcpt("bob@example.com")[0] == 250
            identity = session.data(mail("X-Shop: 7\r\n"))[1].decode().split()[-1]
        where = relay.directory + "/export-" + identity
        relay.ctl("queue", "export", where, identity)
        with open("%s/%s.eml" % (where, identity), "rb") as file:
            told = re.findall(r"(?m)^X-Traffic-Class: (.*?)\r?$", file.read().decode())
        tap("%s: %s" % (name, want), told == [want], told)
        words = [*(["--login", login] if login else []), *(["--certificate", "n7.nodes.example.com"] if with_certificate and not speaks_for else [])]
        steps = explain(relay, mail("X-Shop: 7\r\n"), speaks_for or "127.0.0.1", "a@x.example", ("bob@example.com",), *words)
        tap("... says explain", told_by(steps)[0] == want, steps)
    relay.stop()


world.Tap().run(classes, other_fields, proven, wrong)
