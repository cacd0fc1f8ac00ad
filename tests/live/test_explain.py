#!/usr/bin/python3
"""smtpfwdctl explain: what is said of a mail is what was found, and what the daemon does and writes.

The name server is our own, the signer of strangers' mail dkimpy, and who agrees in the end is the running daemon.
"""
import base64
import json
import os
import re
import subprocess
import time

import dkim

import names
import world

KEYS = world.WORK + "/keys"
CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
GOOD, OTHER, FORWARDER = "192.0.2.10", "198.51.100.66", "203.0.113.5"

os.makedirs(KEYS)


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


def rsa_key(path, bits=2048):
    """A key of openssl's; its p=."""
    openssl("genrsa", "-traditional", "-out", path, str(bits))
    os.chmod(path, 0o600)
    return base64.b64encode(openssl("pkey", "-in", path, "-pubout", "-outform", "DER")).decode()


P = rsa_key(KEYS + "/sender.pem")
ZONE = names.Names("""
10.2.0.192.in-addr.arpa PTR mail.sender.example
mail.sender.example A 192.0.2.10
mail.sender.example TXT v=spf1 a -all
66.100.51.198.in-addr.arpa PTR mail.sender.example
5.113.0.203.in-addr.arpa PTR forwarder.example
forwarder.example A 203.0.113.5
forwarder.example TXT v=spf1 a -all
sender.example TXT v=spf1 ip4:192.0.2.10 exp=why.sender.example -all
why.sender.example TXT %%{i} may not send for %%{d}
_dmarc.sender.example TXT v=DMARC1; p=reject; adkim=r
s1._domainkey.sender.example TXT v=DKIM1; k=rsa; p=%s
tests._domainkey.sender.example TXT v=DKIM1; k=rsa; t=y; p=%s
revoked._domainkey.sender.example TXT v=DKIM1; p=
slow._domainkey.sender.example SERVFAIL
quarantine.example TXT v=spf1 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine; sp=reject
away.example SERVFAIL
_dmarc.away.example SERVFAIL
hostile.example TXT v=spf1 exists:%%{l}.\\x1b[31m.example -all
""" % (P, P))


def signed(mail, selector=b"s1", domain=b"sender.example", **how):
    return dkim.sign(mail, selector, domain, open(KEYS + "/sender.pem", "rb").read(), **how) + mail


def mail(author="alice@sender.example", more="", body="Hello.\r\n", subject="a mail"):
    return ("%sFrom: <%s>\r\nTo: <bob@example.com>\r\nSubject: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            "Message-ID: <1@sender.example>\r\n\r\n%s" % (more, author, subject, body)).encode()


def relay(name, extra="", listen_extra="", **how):
    return world.Relay('"127.0.0.1:1"', "%s\noutbound = none\n%s" % (ZONE.section("timeout = 1s tries = 1"), extra),
                       listen_extra=listen_extra, name=name, **how)


class Told:
    """What explain said: .status, .text, .steps."""

    def __init__(self, config, data=None, client=GOOD, helo="mail.sender.example", sender="alice@sender.example",
                 to=("bob@example.com",), more=(), stdin=None, is_json=True):
        words = ["--client", client, "--helo", helo, "--from", sender]
        for recipient in to:
            words += ["--to", recipient]
        if data is not None:
            path = world.WORK + "/mail.eml"
            with open(path, "wb") as file:
                file.write(data)
            words.append(path)
        result = subprocess.run([CTL, "-c", config, "explain", *(["--json"] if is_json else []), *words, *more], input=stdin,
                                capture_output=True, timeout=60)
        self.status, self.errors = result.returncode, result.stderr.decode(errors="replace")
        self.bytes = result.stdout
        self.text = result.stdout.decode(errors="replace")
        self.steps = [json.loads(line) for line in self.text.splitlines()] if is_json else []

    def all(self, step):
        return [row for row in self.steps if row["step"] == step]

    def one(self, step, **members):
        """The first such step with these members; {} if there is none."""
        rows = [row for row in self.all(step) if all(row.get(key) == value for key, value in members.items())]
        return rows[0] if rows else {}

    def __str__(self):
        return "%s\n%s%s" % (self.status, self.text, self.errors)


OPEN = relay("open", listen_extra='networks = { "10.0.0.0/8" }').config
ENFORCE = relay("enforce", "bounce-unverified = no  verify { dmarc = enforce  received-spf = yes }", listen_extra='networks = { "10.0.0.0/8" }').config


def authentic(tap):
    """What is right"""
    told = Told(OPEN, signed(mail()))
    tap("a mail from where it says is accepted", told.status == 0 and told.one("outcome", action="accept"), told)
    tap("its client has a name", told.one("iprev", result="pass", name="mail.sender.example"), told)
    tap("SPF of both identities, with the mechanism", told.one("spf", identity="helo", result="pass", mechanism="a") and
        told.one("spf", identity="mailfrom", result="pass", mechanism="ip4:192.0.2.10", **{"mechanism-domain": "sender.example"}), told)
    tap("its signature", told.one("dkim", result="pass", domain="sender.example", selector="s1", **{"key-bits": 2048}), told)
    tap("DMARC, by whom it is aligned", told.one("dmarc", result="pass", p="reject", **{"record-domain": "sender.example"}).get("aligned-by"), told)
    tap("its sender is verified, and would hear of a failure", told.one("sender", verified=True, reason="spf", bounced=True), told)
    fields = told.one("added").get("field", "")
    tap("the field that it gets", fields.startswith("Authentication-Results: old.example.com;") and "dmarc=pass" in fields, told)
    tap("it goes to the relay", told.one("recipient", destination="relay:example.com", **{"next-hops": ["127.0.0.1:1"]}), told)
    tap("it is not signed, being from outside", told.one("signing", signed=False, reason="outside"), told)
    lf = Told(OPEN, signed(mail()).replace(b"\r\n", b"\n"))
    tap("a file with LF is the same mail", lf.one("dkim", result="pass") and lf.one("content") == told.one("content"), lf)
    data = signed(mail())
    piped = Told(OPEN, more=("-",), stdin=data)
    told = Told(OPEN, helo="[192.0.2.10]", is_json=False)
    tap("a HELO that is no domain: why there is no SPF of it", "HELO, which SPF cannot ask about: none: no domain name\n" in told.text, told)
    tap("as is one from stdin", piped.steps == Told(OPEN, data).steps, piped)
    text = Told(OPEN, signed(mail()), is_json=False)
    tap("for people it is said in the order of SMTP", re.search("Client.*Name.*MAIL FROM.*RCPT TO.*DATA.*SPF.*DKIM.*DMARC.*Decision.*"
        "Added.*Signing.*Outcome", text.text, re.S) and "SPF" in text.text, text)
    tap("without an escape", not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", text.bytes), text)


def suspicious(tap):
    """What is not"""
    told = Told(ENFORCE, mail(), client=OTHER)
    tap("a forged sender: SPF fails, by which mechanism and why", told.one("spf", identity="mailfrom", result="fail",
        mechanism="-all", explanation="198.51.100.66 may not send for sender.example"), told)
    tap("nor is its sender verified: a bounce would not be sent", told.one("sender", verified=False, reason="no-pass", bounced=False), told)
    tap("its client only claims a name", told.one("iprev", result="fail", **{"reverse-name": "mail.sender.example"}), told)
    tap("DMARC refuses it", told.status == 1 and told.one("dmarc", result="fail", policy="reject", applied="reject") and
        told.one("decision", action="reject", reason="dmarc").get("reply", "").startswith("550 5.7.26 "), told)
    told = Told(OPEN, mail(), client=OTHER)
    tap("with dmarc = stamp it is only told", told.status == 0 and "dmarc=fail" in told.one("added").get("field", ""), told)
    told = Told(ENFORCE, signed(mail()), client=FORWARDER, helo="forwarder.example")
    tap("a forwarded mail: SPF fails, DKIM passes, so DMARC does", told.status == 0 and told.one("spf", identity="mailfrom", result="fail")
        and told.one("dmarc", result="pass", **{"aligned-by": "dkim", "aligned-domain": "sender.example"}), told)
    tap("and its sender is verified by that", told.one("sender", verified=True, reason="dkim"), told)
    tap("the daemon would write Received-SPF too", [row["field"].split(":")[0] for row in told.all("added")] ==
        ["Authentication-Results", "Received-SPF", "Received-SPF", "X-Traffic-Class"], told)
    broken = signed(mail()) + b"-- \r\nlist footer\r\n"
    told = Told(ENFORCE, broken, client=FORWARDER, helo="forwarder.example", sender="list-bounces@forwarder.example")
    tap("a list's footer breaks the signature", told.status == 1 and told.one("dkim", result="fail").get("reason") and
        told.one("spf", identity="mailfrom", result="pass") and told.one("dmarc", result="fail"), told)
    told = Told(ENFORCE, mail("eve@quarantine.example"), sender="eve@quarantine.example")
    tap("a policy of quarantine: marked, with a field", told.status == 0 and told.one("decision", marked=True) and
        told.one("added", field="X-Spam-Flag: YES\r\n"), told)
    told = Told(ENFORCE, mail("a@away.example"), sender="a@away.example")
    tap("a domain whose DNS is away: deferred", told.status == 75 and told.one("spf", identity="mailfrom", result="temperror").get("problem")
        and told.one("decision", action="defer").get("reply", "").startswith("451 4.4.3 "), told)
    ZONE.all_do(("TIMEOUT", ""))
    began = time.monotonic()
    told, enforced = Told(OPEN, signed(mail())), Told(ENFORCE, signed(mail()))
    took = time.monotonic() - began
    ZONE.all_do()
    tap("a DNS that is silent: temperror of all, in bounded time", told.status == 0 and enforced.status == 75 and took < 20 and
        [row["result"] for row in told.steps if row["step"] in ("iprev", "spf", "dkim", "dmarc")] == ["temperror"] * 5, (told, enforced, took))
    for selector, result in ((b"revoked", "permerror"), (b"slow", "temperror"), (b"none", "permerror")):
        told = Told(OPEN, signed(mail(), selector))
        tap("a signature whose key is %s: %s, with a reason" % (selector.decode(), result), told.one("dkim", result=result).get("reason"), told)
    told = Told(OPEN, signed(mail(), b"tests"))
    tap("a key for tests is told", told.one("dkim", testing=True), told)
    forged = "Authentication-Results: OLD.example.com (x); dmarc=pass header.from=bank.example\r\nAuthentication-Results: other.example; spf=pass\r\n"
    told = Told(OPEN, mail(more=forged))
    tap("results in our name go, those of others stay", [row["field"] for row in told.all("removed")] == [forged.split("\r\n")[0] + "\r\n"], told)
    loop = "Received: from a by old.example.com with SMTP; Sat, 21 Nov 2026 10:00:00 +0000\r\n" * 3
    told = Told(OPEN, mail(more=loop))
    tap("a loop is refused, and nothing is checked", told.status == 1 and told.one("hops", action="reject", reason="loop") and
        not told.all("spf"), told)


def envelopes(tap):
    """Without a mail, and who may send where"""
    told = Told(OPEN)
    tap("without a mail SPF is judged, and what DKIM and DMARC lack is said", told.status == 0 and told.one("spf", identity="mailfrom", result="pass") and
        told.one("dkim", checked=False, why="no-mail") and told.one("dmarc", checked=False, why="no-mail", **{"spf-domain": "sender.example"}), told)
    told = Told(OPEN, to=("bob@example.com", "x@outside.example", "Bob@EXAMPLE.COM", "Postmaster"))
    tap("each recipient has its decision", [row["action"] for row in told.all("recipient")] == ["accept", "reject", "accept", "accept"] and
        told.all("recipient")[1]["reason"] == "relay-denied" and told.status == 1 and told.one("outcome", accepted=3, recipients=4), told)
    told = Told(OPEN, client="10.1.2.3", to=("x@outside.example",))
    tap("a trusted client without an outbound route", told.status == 1 and told.one("recipient", reason="no-route"), told)
    tap("is trusted by its network, which is named", told.one("client", trusted=True, by="networks", network="10.0.0.0/8"), told)
    told = Told(OPEN, mail(), client="10.1.2.3")
    tap("its mail is not checked and gets no results", told.status == 0 and told.one("spf", why="trusted") and
        [row["field"].split(":")[0] for row in told.all("added")] == ["X-Traffic-Class"], told)
    told = Told(OPEN, mail(), sender="<>")
    tap("a report: SPF is that of HELO", told.status == 0 and told.one("spf", identity="mailfrom", result="pass", sender="postmaster@mail.sender.example"), told)
    apps = relay("apps", 'users = "%s/users"' % world.WORK, listen_extra='auth = required')
    told = Told(apps.config)
    tap("a listener that wants a login", told.status == 1 and told.one("mail", action="reject").get("reply", "").startswith("530 5.7.0"), told)
    told = Told(apps.config, mail(), more=("--login", "anna"))
    tap("who logs in is trusted", told.status == 0 and told.one("client", trusted=True, by="login", login="anna"), told)
    told = Told(relay("few", listen_extra="max-recipients = 100").config, to=["%d@example.com" % i for i in range(101)])
    tap("too many recipients: the rest comes later", told.status == 75 and told.one("recipient", action="defer"), told)
    two = relay("two", 'listen "second" { address = { "127.0.0.1:%d" } networks = { "192.0.2.0/24" } }' % world.free_port())
    tap("another listener is asked for by its name", Told(two.config, more=("--listener", "second")).one("client", listener="second", trusted=True))
    told = Told(OPEN)
    tap("a relay tells its next hop of the client, where that takes it", told.one("recipient", identity="auto", seen="client-by-xclient"), told)
    told = Told(OPEN, client="127.0.0.1")
    tap("but not of this machine", told.one("recipient", identity="none", seen="us", **{"identity-why": "address"}), told)
    told = Told(OPEN, client="10.1.2.3")
    tap("and not of one that is trusted here, but for the log", told.one("recipient", identity="xforward", seen="us", **{"identity-why": "trusted"}), told)
    off = relay("off", "verify { spf = no  dkim = no  dmarc = off }")
    told = Told(off.config, signed(mail()))
    tap("without checks all senders count as verified", told.one("sender", verified=True, reason="unchecked"), told)
    tap("checks that are off", [row["why"] for row in told.steps if row.get("checked") is False] == ["off"] * 3, told)


def identity(tap):
    """What the next hop is told of the client, and which sender it gets"""
    secret = world.WORK + "/srs.secret"
    with open(secret, "w") as out:
        out.write("a secret that is long enough\n")
    os.chmod(secret, 0o600)
    srs = 'srs { domain = "fwd.example.com" secret-file = "%s" }' % secret
    for means, seen, is_rewritten in (("none", "us", True), ("xforward", "us", True), ("xclient", "client-by-xclient", True),
                                      ("proxy", "client", False)):
        config = relay("tells-" + means, srs, relay_extra="identity = " + means).config
        told = Told(config)
        row = told.one("recipient", identity=means, seen=seen)
        tap("identity = %s" % means, row and row.get("srs", "").startswith("SRS0=") == is_rewritten
            and row.get("srs-unless-client-seen", False) == (means == "xclient"), told)
        told = Told(config, is_json=False)
        tap("and in words", ("with the reverse-path SRS0=" in told.text) == is_rewritten and
            ("SPF there sees the client" if seen != "us" else "SPF there sees this relay") in told.text and
            ("fwd.example.com where it sees this relay\n" in told.text) == (means == "xclient"), told)
    config = relay("tells-all", 'users = "%s/users"' % world.WORK, relay_extra="identity = xclient identity-login = yes",
                   listen_extra="auth = offered").config
    tap("the login, too", Told(config, more=("--login", "anna")).one("recipient", **{"login-told": True}))


def milter(tap):
    """What smtpfwd-milter would do, of a Postfix that there is no listen section for"""
    config = relay("behind-postfix", 'milter { networks = { "10.0.0.0/8" }  client-names = { ".nodes.example.com" } }\n'
                   'class "apps" { listeners = { "submission" }  max-recipients = 2 }').config
    asked = lambda *words, **how: Told(config, how.pop("data", signed(mail())), more=("--milter", *words), **how)
    told = asked()
    tap("a stranger's mail is checked, Postfix decides about recipients", told.status == 0 and told.one("client", milter=True, trusted=False) and
        told.one("recipient", action="accept", **{"by-postfix": True}) and told.one("dmarc", result="pass") and not told.one("survival") and
        told.one("class", **{"class": "incoming"}), told)
    tap("and in words", 'at Postfix\'s service "old.example.com", class local' in asked(is_json=False).text and
        "bob@example.com: if Postfix takes it" in asked(is_json=False).text, asked(is_json=False))
    tap("by its networks a client may relay, by the name of the service its mail has a class", asked("--listener", "application", client="10.1.2.3").one(
        "class", peer={"by": "listener", "criterion": "application"}, **{"class": "application"}), told)
    tap("by its certificate", asked("--certificate", "n1.nodes.example.com").one("client", trusted=True, by="certificate"))
    told = asked("--listener", "submission", to=("a@example.com", "b@example.com", "c@example.com"))
    tap("what its class does not take is refused in the end", told.status == 1 and told.one("outcome", at="data").get("reply", "").startswith("554 5.5.3"), told)


def onward(tap):
    """How it would go on"""
    told = Told(relay("online", "forward-doomed = reject", relay_extra="mode = online  identity = none").config, mail())
    tap("the next hop is asked while the client waits", told.one("recipient", mode="online", asked="mail", **{"online-timeout": 60, "online-4xx": "pass"}), told)
    tap("only SPF speaks for it, and the next hop sees us: refused", told.status == 1 and told.one("survival", spf="no", doomed=True,
        why="spf-only", action="reject", **{"forward-doomed": "reject"}).get("reply", "").startswith("550 5.7.20 ") and
        told.one("outcome", at="data") and not told.all("added"), told)
    told = Told(relay("online", "forward-doomed = reject", relay_extra="mode = online  identity = none").config, signed(mail()))
    tap("signed it goes on", told.status == 0 and told.one("survival", dkim="sender.example", doomed=False, why="dkim"), told)
    told = Told(relay("held", "forward-doomed = hold", relay_extra="mode = queue  verify-recipients = yes  identity = none").config, mail())
    tap("or it is accepted, and held", told.status == 0 and told.one("survival", held=True, action="accept") and told.one("outcome", held=True) and
        told.one("recipient", mode="queue", asked="question"), told)
    told = Told(relay("seeing", "forward-doomed = reject", relay_extra="mode = online").config, mail())
    tap("what only the next hop's session shows is said as such", told.status == 0 and told.one("survival", spf="maybe", doomed=False, **{"doomed-if-unseen": True}), told)
    told = Told(relay("proxy", "forward-doomed = reject", relay_extra="mode = online  identity = proxy").config, mail())
    tap("behind a PROXY header the client is seen", told.status == 0 and told.one("survival", spf="yes", doomed=False, **{"doomed-if-unseen": None}), told)
    broken = Told(relay("online", "forward-doomed = reject", relay_extra="mode = online  identity = none").config,
                  signed(mail(), include_headers=[b"from", b"subject", b"authentication-results"]))
    tap("a signature that forbids our own field on top does not survive", broken.one("dkim", result="pass") and broken.one("survival",
        doomed=True, why="signature-broken", action="reject").get("reply", "").startswith("550 5.7.21 "), broken)
    second = 'relay "example.net" { next-hop = { "127.0.0.1:2" } mode = %s mixed = %s }'
    for mode, mixed, want in (("online", "refuse", ["accept", "defer", "accept"]), ("online", "queue", ["accept"] * 3), ("queue", "refuse", ["accept", "defer", "accept"])):
        told = Told(relay("mixed", second % (mode, mixed), relay_extra="mode = online  mixed = %s" % mixed).config,
                    to=("bob@example.com", "x@example.net", "carol@example.com"))
        tap("recipients of another way, %s, mixed = %s" % (mode, mixed), [row["action"] for row in told.all("recipient")] == want and
            (mixed == "queue" or told.all("recipient")[1]["reply"].startswith("452 4.5.3 ")), told)
    told = Told(relay("mixed", 'users = "%s/users"\n' % world.WORK + second % ("online", "refuse"), listen_extra="auth = offered",
                      relay_extra="mode = online").config, to=("bob@example.com", "x@example.net"), more=("--login", "anna"))
    tap("to who logged in that is nothing", [row["action"] for row in told.all("recipient")] == ["accept"] * 2, told)
    text = Told(relay("online", "forward-doomed = reject", relay_extra="mode = online  identity = none").config, mail(), is_json=False)
    tap("people read it too", re.search("asked while the client waits.*Decision.*Survives +nothing: only SPF.*forward-doomed = reject.*Outcome +the mail would be refused: 550",
        text.text, re.S), text)


def signing(tap):
    """By which key it would be signed"""
    subprocess.run([CTL, "keygen", "--directory", KEYS, "example.com", "2026a"], check=True, capture_output=True)
    extra = 'sign "example.com" { selector = { "2026a" } key = { "%s/2026a.example.com.pem" } }' % KEYS
    signer = relay("signer", extra, listen_extra='networks = { "10.0.0.0/8" }')
    told = Told(signer.config, mail("bob@example.com"), client="10.1.2.3", sender="bob@example.com")
    tap("the section and its key", told.one("signing", signed=True, reason="exact", section="example.com") and
        told.one("signing")["keys"][0].get("algorithm") == "rsa-sha256", told)
    told = Told(signer.config, mail("eve@example.com"), client=OTHER)
    tap("never for who only claims our domain", told.one("signing", signed=False, reason="outside"), told)
    told = Told(signer.config, mail("x@other.example"), client="10.1.2.3")
    tap("nor without a section", told.one("signing", signed=False, reason="no-rule"), told)
    os.rename(KEYS + "/2026a.example.com.pem", KEYS + "/away.pem")
    told = Told(signer.config, mail("bob@example.com"), client="10.1.2.3")
    os.rename(KEYS + "/away.pem", KEYS + "/2026a.example.com.pem")
    tap("a key that cannot be read is said, and who would sign", told.status == 0 and told.one("signing", signed=True, section="example.com") and
        "No such file" in told.one("signing")["keys"][0].get("problem", ""), told)
    if os.geteuid() == 0:
        user = world.make_user().pw_uid
        told = subprocess.run([world.copy_programs() + "/smtpfwdctl", "-c", signer.config, "--json", "explain", "--client", "10.1.2.3", "--helo",
                               "x", "--from", "bob@example.com", "--to", "bob@example.com", "-"], input=mail("bob@example.com"), user=user,
                              group=user, extra_groups=[], capture_output=True, timeout=60)
        rows = [json.loads(line) for line in told.stdout.splitlines()]
        found = [row for row in rows if row["step"] == "signing"]
        tap("any user may ask", told.returncode == 0 and found and found[0]["signed"] and "Permission denied" in found[0]["keys"][0]["problem"],
            told.stdout + told.stderr)
    text = Told(signer.config, mail("bob@example.com"), client="10.1.2.3", is_json=False)
    tap("for people", re.search("Signing +signed for example.com: .*\n.*selector 2026a, rsa-sha256, 2048 bits, key in ", text.text), text)


def hostile(tap):
    """Bytes of others"""
    nasty = mail(subject="\x1b[31m\u202e", more="X\x1b]0;owned\x07: y\r\nDKIM-Signature: v=1; a=\x1b[2J; d=\x9b31m; b=\r\n").replace(b"\xc2\x9b", b"\x9b")
    for is_json in (True, False):
        told = Told(OPEN, nasty, helo="\x1b[31mhi\u009b", sender="\"\x41 x\"@hostile.example", is_json=is_json)
        tap("nothing steers the terminal, json %s" % is_json, told.bytes and (is_json or not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]", told.bytes)), told.bytes)
    removed = Told(OPEN, mail(more="Authentication-Results: old.example.com; x=\x1b[31m\u202e\r\n"), is_json=False)
    tap("nor a field that goes", "Removed" in removed.text and not re.search(rb"\x1b|\xe2\x80\xae", removed.bytes), removed.bytes)
    told = Told(OPEN, b"\xff\xfe\x00\x01" * 3000)
    tap("a file that is no mail", told.status in (0, 1) and told.one("outcome"), told)
    tap("an empty one", Told(OPEN, b"").one("outcome", action="accept"))
    tap("a NUL is refused as the daemon does it", Told(OPEN, mail(body="a\0b\r\n")).one("content", reply="554 5.6.0 A mail must not contain NUL"))
    told = Told(OPEN, mail(body="a\rb\r\n"))
    tap("as is a bare CR", told.one("content", reason="bare line end") and told.status == 1, told)
    told = Told(OPEN, mail(more="Received: from a by old.example.com\r\n" * 3, body="a\0b\r\n"))
    tap("two faults: the client hears of the first", told.one("content", reason="NUL") and "5.4.6" in told.one("outcome")["reply"], told)
    told = Told(OPEN, mail(more="".join("X-%d: y\r\n" % i for i in range(5000))))
    tap("and too many fields", told.status == 1 and told.one("content", reply="554 5.6.0 Too many header fields"), told)


def bounds(tap):
    """Files that are none, and wrong use"""
    small = relay("small", listen_extra="max-message = 64K").config
    told = Told(small, mail(body="0123456789abcdef\r\n" * 5000))
    tap("more than the listener takes", told.status == 1 and told.one("content", reply="552 5.3.4 Message is larger than the fixed maximum"), told)
    os.mkfifo(world.WORK + "/fifo")
    for name, path, why in (("a FIFO", world.WORK + "/fifo", "no ordinary file"), ("a directory", world.WORK, "is a directory"),
                            ("a device", "/dev/zero", "no ordinary file"), ("a missing file", world.WORK + "/no", "No such file")):
        told = Told(OPEN, more=(path,))
        tap("%s: %s" % (name, why), told.status == 2 and why in told.errors and not told.bytes, told)
    for words in ((), ("--client", "192.0.2.1"), ("--client", "192.0.2.1", "--helo", "x", "--from", "a@b.example"),
                  ("--client", "192.0.2.999", "--helo", "x", "--from", "<>", "--to", "a@b.example"),
                  ("--client", "192.0.2.9", "--helo", "x", "--from", "a b@c", "--to", "a@b.example"),
                  ("--client", "192.0.2.9", "--helo", "x", "--from", "a@c.example", "--to", "a@b.example>x"),
                  ("--client", "192.0.2.9", "--helo", "x", "--from", "<>", "--to", "a@b.example", "--listener", "none"),
                  ("--client", "192.0.2.9", "--helo", "x", "--from", "<>", "--to", "a@b.example", "--login", "anna"),
                  ("--client", "192.0.2.9", "--helo", "x", "--from", "<>", "--to", "a@b.example", "--certificate", "n.example.com")):
        wrong = subprocess.run([CTL, "-c", OPEN, "explain", *words], capture_output=True, text=True, timeout=20)
        tap("wrong use: %s" % " ".join(words), wrong.returncode == 2 and not wrong.stdout and wrong.stderr, wrong.stderr[:200])
    with open(world.WORK + "/wrong.conf", "w") as file:
        file.write("hostname = 3\n")
    told = Told(world.WORK + "/wrong.conf")
    tap("a wrong configuration: its errors, and 2", told.status == 2 and "wrong.conf:" in told.errors, told)


world.Tap().run(authentic, suspicious, envelopes, identity, milter, onward, signing, hostile, bounds)
