"""scenario_mails.py - two hundred mails of all kinds, from one seed, and what is to become of each kind

What is expected stands here by hand, kind by kind, as a person reads the rules in scenario_programs.py; nothing of it
is computed.  A path is written "where<from whom": "com:box1<mx" says that recipients at example.com have it at
the server box1, brought by the host mx; box1 is found by LMTP, box1.smtp by SMTP, as the relay sections say.
"""
import random
import subprocess

import dkim

N_MAILS = 200                  # at least
FIELD = "X-Traffic-Class"

# --- who sends ---


class Client:
    def __init__(self, address, helo, login=None, certificate=None):
        self.address, self.helo, self.login, self.certificate = address, helo, login, certificate
        self.is_local = address == "127.0.0.1"          # on the host itself: by sendmail(1)


GOOD = Client("192.0.2.10", "mail.sender.example")              # whom sender.example lets send
FORWARDER = Client("203.0.113.5", "forwarder.example")
OTHER = Client("198.51.100.66", "x.example")
LITERAL = Client("198.51.100.66", "[198.51.100.66]")
LOST = Client("192.0.2.99", "lost.example")                     # whose name the DNS does not tell now
PARTNER = Client("203.0.113.9", "partner.example")              # of a class, but may not relay
DESKTOP, MAILBOX = Client("10.1.0.7", "desktop"), Client("10.9.0.21", "box1.hosts.example.com")
ROAMING, STRANGER = Client("198.51.100.90", "laptop", login="joe@example.com"), Client("198.51.100.90", "laptop")
CRON = Client("127.0.0.1", "localhost")
SUPPLIER, NEW_SHOP, FORWARDS = Client("203.0.113.40", "supplier.example"), Client("10.2.9.1", "newshop"), Client("10.3.5.1", "forwards")
SHOP, LISTS = Client("10.2.0.7", "shop"), Client("10.3.0.4", "lists.example.com")
CLOUD = Client("198.51.100.91", "cloud", login="app-7@example.com")
CLOUD_8, CLOUD_JOE = Client("198.51.100.91", "cloud", login="app-8@example.com"), Client("198.51.100.91", "cloud", login="joe@example.com")
CLOUD_NOBODY, NODE = Client("198.51.100.91", "cloud"), Client("198.51.100.92", "n7", certificate="n7.nodes.example.com")

ZONE = """
10.2.0.192.in-addr.arpa PTR mail.sender.example
mail.sender.example A 192.0.2.10
mail.sender.example TXT v=spf1 a -all
sender.example TXT v=spf1 ip4:192.0.2.10 -all
_dmarc.sender.example TXT v=DMARC1; p=reject
66.100.51.198.in-addr.arpa PTR mail.sender.example
5.113.0.203.in-addr.arpa PTR forwarder.example
forwarder.example A 203.0.113.5
forwarder.example TXT v=spf1 a -all
99.2.0.192.in-addr.arpa SERVFAIL
slow._domainkey.sender.example SERVFAIL
quarantine.example TXT v=spf1 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine
watched.example TXT v=spf1 -all
_dmarc.watched.example TXT v=DMARC1; p=none
away.example SERVFAIL
_dmarc.away.example SERVFAIL
sender.example MX 10 mx.far.example
friend.example MX 10 mx.friend.example
mx.friend.example A 203.0.113.25
far.example MX 10 mx.far.example
xn--bcher-kva.example MX 10 mx.far.example
mx.far.example A 203.0.113.26
"""

# --- kinds ---

SRS_SECRET = "a secret that is long enough"


def srs(secret):
    """Another's implementation of SRS makes an address of sender.example ours."""
    return subprocess.run(["perl", "-MMail::SRS", "-e", "print Mail::SRS->new(Secret => [$ARGV[0]])->forward('alice@sender.example', 'srs.example.com')", secret],
                          check=True, capture_output=True, text=True, timeout=60).stdout


COM, COM2, NET, OUT, OUT2 = "{inside}@example.com", "{inside2}@example.com", "{inside}@example.net", "{outside}@friend.example", "{outside}@far.example"


class Kind:
    """
    n mails of it, and by whom, at: the service that gets it, sender, to: templates, fields: more of the header.
    kind: "class direction by"; path: as above; seen: by the content filter of which service; signed: by us.
    found: of SPF (MAIL FROM), DKIM and DMARC, for what is checked.
    changes: "Name" for a field that goes, "Name: value" for one that is added.  rewritten: a pattern of the sender that it gets; undone: the recipient that it gets.
    later: the class that it has behind the host "out", if another.
    reply: for one that is refused, the digits that all answers begin with.
    """

    def __init__(self, name, n, who, at, sender, to, kind="", path="", seen="", fields="", found="", signed=False, reply="", author="", signer="", selectors=("s1",),
                 body="", marked=False, survivors=(), changes=(), is_held=False, rewritten=None, undone="", later=""):
        self.name, self.n, self.who, self.at, self.sender, self.to = name, n, who, at, sender, to
        self.class_name, self.direction, self.by = kind.split() if kind else ("", "", "")
        self.path = dict(part.split(":") for part in path.split())
        self.seen, self.found, self.signed, self.reply, self.marked = seen, found, signed, reply, marked
        self.fields = fields if isinstance(fields, (tuple, list)) else (fields,)
        self.changes, self.is_held, self.rewritten, self.undone, self.later = changes, is_held, rewritten, undone, later or self.class_name
        self.is_mended = name == "behind a line that is no field"       # Postfix ends the header there
        self.author, self.signer, self.selectors, self.body, self.survivors = author, signer, selectors, body, survivors


REWRITTEN = r"SRS0=[^=]+=[^=]+=sender\.example=alice@srs\.example\.com"
OUTSIDER, USER = "incoming inbound outsider", "local %s listener"
ALICE, JOE = "alice@sender.example", "joe@example.com"
FORGED = (FIELD + ": %s; direction=internal; by=network\r\n", FIELD.lower() + ":%s\r\n", FIELD.upper() + " \t:\r\n\t%s\r\n",
          FIELD + ": local\r\nX-Other: x\r\n" + FIELD + ":\r\n %s;\r\n\tdirection=outbound\r\n")
ALL_CLAIMS = "List-Id: <x.example>\r\nPrecedence: bulk\r\nX-Kind: password-reset\r\nAuto-Submitted: auto-replied\r\n"

INCOMING = (
    Kind("authentic", 8, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", found="pass pass pass"),
    Kind("authentic by SPF alone", 4, GOOD, "incoming", ALICE, (NET,), OUTSIDER, "net:box2<mx", "incoming", found="pass none pass"),
    Kind("forwarded", 4, FORWARDER, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", found="fail pass pass"),
    Kind("forged", 4, OTHER, "incoming", ALICE, (COM,), reply="550"),
    Kind("forged, policy quarantine", 3, OTHER, "incoming", "eve@quarantine.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="fail none fail",
         marked=True),
    Kind("changed by a list", 3, FORWARDER, "incoming", "list@forwarder.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", author="bob@watched.example",
         signer="watched.example", body="changed", found="pass fail fail"),
    Kind("of a domain without records", 4, OTHER, "incoming", "a@plain.example", (NET,), OUTSIDER, "net:box2<mx", "incoming", found="none none none"),
    Kind("forged class", 8, OTHER, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none",
         fields=[form % name for form in FORGED for name in ("list", "reset")]),
    Kind("signed with a forged class", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example",
         found="pass pass pass", fields=FORGED[0] % "application"),
    Kind("claims all there is", 6, OTHER, "incoming", "team-bounces@lists.example.com", (COM, NET), OUTSIDER, "com:box1<mx net:box2<mx", "incoming",
         author="a@plain.example", found="none none none", fields=ALL_CLAIMS),
    Kind("results in our name", 3, OTHER, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none",
         fields=("Authentication-Results: mail.example.com; dmarc=pass header.from=bank.example\r\n",
                 "authentication-results:\r\n MAIL.example.com 1;\r\n\tspf=pass smtp.mailfrom=bank.example\r\n")),
    Kind("a bounce", 5, GOOD, "incoming", "", (COM,), OUTSIDER, "com:box1<mx", "incoming", author="MAILER-DAEMON@mail.sender.example", found="pass none pass"),
    Kind("a bounce with a forged class", 2, OTHER, "incoming", "", ("team-bounces@lists.example.com",), OUTSIDER, "lists:box1<mx", "incoming",
         author="MAILER-DAEMON@x.example", found="none none none", fields=FORGED[1] % "local"),
    Kind("for both mailbox servers", 5, OTHER, "incoming", "a@plain.example", (COM, NET), OUTSIDER, "com:box1<mx net:box2<mx", "incoming", found="none none none"),
    Kind("for many, list-like", 3, OTHER, "incoming", "a@plain.example", ["p%d@example.com" % i for i in range(7)], OUTSIDER, "com:box1<mx", "incoming",
         found="none none none"),
    Kind("for postmaster", 4, OTHER, "incoming", "a@plain.example", ("Postmaster@Example.COM",), "desk inbound listener,recipient", "com:desk<mx", "incoming",
         found="none none none", fields="X-priority:\r\n 1\r\nX-Desk: mine\r\nX-PRIORITY : 2\r\n", changes=("X-Priority", "X-Desk: to be read")),
    Kind("for abuse and another, per message", 2, OTHER, "incoming", "a@plain.example", ("abuse@example.net", COM), "desk inbound listener,recipient",
         "com:desk<mx net:desk<mx", "incoming", found="none none none", changes=("X-Desk: to be read",)),
    Kind("internationalised", 4, OTHER, "incoming", "j\u00fcrgen@b\u00fccher.example", ("j\u00f6rg@example.com",), OUTSIDER, "com:box1<mx", "incoming",
         found="none none none"),
    Kind("8-bit, signed", 4, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", body="8-bit", found="pass pass pass"),
    Kind("large", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", body="large", found="pass pass pass"),
    Kind("odd lines, signed", 4, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", body="odd", found="pass pass pass"),
    Kind("without a body", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", body="none", found="pass pass pass"),
    Kind("folded and repeated fields, signed", 3, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example",
         body="strict", found="pass pass pass", fields="X-Long: a\r\n b\r\n\tc  d \r\nX-Empty:\r\nX-Tight:x\r\nX-Long:   again\r\n"),
    Kind("two signatures, one without a key", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example",
         selectors=("s1", "gone"), found="pass pass+permerror pass"),
    Kind("two signatures, one whose key is not told now", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example",
         selectors=("slow", "s1"), found="pass pass+temperror pass"),
    Kind("results in our name, in odd spelling", 4, OTHER, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none",
         fields=("Authentication-Results : mail.example.com; dmarc=pass header.from=bank.example\r\n",
                 "Authentication-Results: (it is us) mail.example.com (really); dmarc=pass header.from=bank.example\r\n",
                 "Authentication-Results: \"mail.example.com\"; dmarc=pass header.from=bank.example\r\n",
                 "Authentication-Results:\r\n\t(a\r\n b) mail.example.com\r\n\t1; dmarc=pass header.from=bank.example\r\n")),
    Kind("behind a line that is no field", 3, OTHER, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none",
         fields=["this is no field\r\n" + FORGED[0] % "list", "X-A: b\r\n: nor this\r\n" + FORGED[0] % "list", " \r\n" + FORGED[0] % "list"]),
    Kind("many fields, signed", 2, GOOD, "incoming", ALICE, (COM,), OUTSIDER, "com:box1<mx", "incoming", signer="sender.example", found="pass pass pass",
         fields="".join("X-Many: %d\r\n" % i for i in range(500)) + FORGED[0] % "list"),
    Kind("raw bytes in the header", 2, OTHER, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none",
         fields="X-Raw: \udce9\udcff\r\n" + FORGED[2] % "list"),
    Kind("of a client whose name is not told now", 2, LOST, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none"),
    Kind("of a client that says an address", 2, LITERAL, "incoming", "a@plain.example", (COM,), OUTSIDER, "com:box1<mx", "incoming", found="none none none"),
    Kind("that goes round", 2, OTHER, "incoming", "a@plain.example", (COM,), reply="5",
         fields="Received: from a by mail.example.com; Sat, 21 Nov 2026 10:00:00 +0000\r\n" * 60),
    Kind("in odd spelling", 2, OTHER, "incoming", "\"a b\"@plain.example", ("\"j. d\"@example.com", "Bob+tag@EXAMPLE.NET"), OUTSIDER, "com:box1<mx net:box2<mx",
         "incoming", author="a@plain.example", found="none none none"),
    Kind("a bounce of what was rewritten", 3, FORWARDER, "incoming", "", (srs(SRS_SECRET),), OUTSIDER, "sender:world<out-local", "incoming out",
         author="MAILER-DAEMON@forwarder.example", found="pass none none", undone=ALICE, later="local"),
    Kind("a bounce of what another rewrote", 2, FORWARDER, "incoming", "", (srs("another's secret, as long as ours"),), author="x@forwarder.example", reply="55"),
    Kind("for elsewhere", 3, OTHER, "incoming", "a@plain.example", (OUT,), reply="55"),
    Kind("of a domain whose DNS is away", 2, OTHER, "incoming", "a@away.example", (COM,), reply="451"),
)

LOCAL = (
    Kind("within a mailbox server", 8, DESKTOP, "local", JOE, (COM,), USER % "internal", "com:box1.smtp<local", signed=True),
    Kind("to both mailbox servers", 4, DESKTOP, "local", JOE, (COM, COM2, NET), USER % "internal", "com:box1.smtp<local net:box2<local", signed=True),
    Kind("to outside", 7, DESKTOP, "local", JOE, (OUT,), USER % "outbound", "out:world<out-local", "out", signed=True),
    Kind("to inside and outside", 6, DESKTOP, "local", JOE, (COM, OUT, NET, OUT2), USER % "outbound", "com:box1.smtp<local net:box2<local out:world<out-local", "out",
         signed=True),
    Kind("from a hotel, with a login", 4, ROAMING, "local", JOE, (OUT,), USER % "outbound", "out:world<out-local", "out", signed=True),
    Kind("from a hotel, with a login, to inside", 2, ROAMING, "local", JOE, (NET,), USER % "internal", "net:box2<local", signed=True),
    Kind("from a hotel, without a login", 3, STRANGER, "local", JOE, (OUT,), reply="55"),
    Kind("a receipt", 2, DESKTOP, "local", "", (OUT,), USER % "outbound", "out:world<out-local", "out", author=JOE, signed=True),
    Kind("a user's bulk", 3, DESKTOP, "local", JOE, (OUT,), "bulk outbound trusted,field", "out:world<out-list", "out", fields="Precedence:\r\n BULK\r\n"),
    Kind("a user's bulk to inside", 2, DESKTOP, "local", JOE, (COM,), "bulk internal trusted,field", "com:box1.smtp<local", fields="precedence: bulk\r\n"),
    Kind("a user's bulk to too many", 2, DESKTOP, "local", JOE, ["p%d@example.com" % i for i in range(4)], fields="Precedence: bulk\r\n", reply="55"),
    Kind("a user says list", 2, DESKTOP, "local", JOE, (COM,), USER % "internal", "com:box1.smtp<local", signed=True, fields="List-Id: <x>\r\nPrecedence: list\r\n"),
    Kind("a user forges a class", 3, DESKTOP, "local", JOE, (COM,), USER % "internal", "com:box1.smtp<local", signed=True, fields=[form % "list" for form in FORGED]),
    Kind("a user forges a class, to outside", 3, DESKTOP, "local", JOE, (OUT,), USER % "outbound", "out:world<out-local", "out", signed=True,
         fields=[form % "list" for form in FORGED]),
    Kind("a vacation notice", 3, MAILBOX, "local", "", (OUT,), "robot outbound trusted,field", "out:world<out-local", "out", author=JOE, signed=True,
         fields="Auto-Submitted: auto-replied\r\n"),
    Kind("a notice that a person sent", 1, MAILBOX, "local", "", (COM,), USER % "internal", "com:box1.smtp<local", author=JOE, signed=True,
         fields="Auto-Submitted: no\r\n"),
    Kind("a user to many", 2, DESKTOP, "local", JOE, ["p%d@example.com" % i for i in range(7)], USER % "internal", "com:box1.smtp<local", signed=True),
    Kind("a user's, internationalised", 3, DESKTOP, "local", "j\u00f6rg@example.com", ("j\u00fcrgen@b\u00fccher.example",), USER % "outbound",
         "b\u00fccher:world<out-local", "out", signed=True),
    Kind("a user to postmaster", 2, DESKTOP, "local", JOE, ("postmaster@example.com",), USER % "internal", "com:box1.smtp<local", signed=True),
    Kind("a user's attachment", 1, DESKTOP, "local", JOE, (COM, OUT), USER % "outbound", "com:box1.smtp<local out:world<out-local", "out", signed=True, body="large"),
)

APPLICATION = (
    Kind("a shop to outside", 6, SHOP, "application", "shop@example.com", (OUT,), "application outbound network", "out:world<out-application", "out", signed=True),
    Kind("a shop to inside", 4, SHOP, "application", "shop@example.com", (COM,), "application internal network", "com:box1<application", signed=True),
    Kind("a shop to inside and outside", 3, SHOP, "application", "shop@example.com", (OUT, NET), "application outbound network",
         "net:box2<application out:world<out-application", "out", signed=True),
    Kind("by a login", 4, CLOUD, "application", "shop@example.com", (OUT,), "application outbound login", "out:world<out-application", "out", signed=True),
    Kind("by a login of a person", 2, CLOUD_JOE, "application", JOE, (OUT,), "application outbound listener", "out:world<out-application", "out", signed=True),
    Kind("without a login", 2, CLOUD_NOBODY, "application", "shop@example.com", (OUT,), reply="55"),
    Kind("by a certificate", 4, NODE, "application", "node@example.com", (OUT,), "application outbound certificate", "out:world<out-application", "out", signed=True),
    Kind("by a certificate, to inside", 2, NODE, "application", "node@example.com", (NET,), "application internal certificate", "net:box2<application", signed=True),
    Kind("a password reset", 5, SHOP, "application", "shop@example.com", (OUT,), "reset outbound network,field", "out:world<out-urgent", "out", signed=True,
         fields="X-Kind: Password-Reset\r\n"),
    Kind("a password reset to inside", 2, SHOP, "application", "shop@example.com", (COM,), "reset internal network,field", "com:box1<application", signed=True,
         fields="X-Kind: password-reset\r\nPrecedence: bulk\r\n"),
    Kind("a password reset by a login", 2, CLOUD_8, "application", "shop@example.com", (OUT,), "reset outbound login,field", "out:world<out-urgent", "out", signed=True,
         fields="x-kind: password-new\r\n"),
    Kind("a shop asks for its class", 2, SHOP, "application", "shop@example.com", (OUT,), "reset outbound network,field", "out:world<out-urgent", "out", signed=True,
         fields=FIELD + ": reset\r\n"),
    Kind("a shop's bulk", 3, SHOP, "application", "shop@example.com", (OUT,), "bulk outbound trusted,field", "out:world<out-list", "out",
         fields="Precedence: bulk\r\n"),
    Kind("a shop in another's name", 2, SHOP, "application", "shop@other.example", (OUT,), "application outbound network", "out:world<out-application", "out"),
    Kind("a shop's, 8-bit", 2, SHOP, "application", "shop@example.com", (OUT,), "application outbound network", "out:world<out-application", "out", signed=True,
         body="8-bit"),
    Kind("a job on the host itself", 3, CRON, "application", "root@example.com", (COM,), "application internal listener", "com:box1<application", signed=True),
    Kind("a job that writes to outside", 2, CRON, "application", "root@example.com", (OUT, NET), "bulk outbound trusted,field",
         "net:box2<application out:world<out-list", "out", fields="Precedence: bulk\r\n"),
    Kind("a large password reset", 1, SHOP, "application", "shop@example.com", (OUT,), fields="X-Kind: password-reset\r\n", body="large", reply="552"),
    Kind("of a new shop, held", 3, NEW_SHOP, "application", "shop@example.com", (COM, OUT), "held outbound network",
         "com:box1<application out:world<out-application", "out", signed=True, is_held=True, later="application"),
    Kind("a supplier", 2, SUPPLIER, "application", "eve@quarantine.example", (COM,), "supplier inbound network", "com:box1<application"),
    Kind("a partner", 3, PARTNER, "application", "x@partner.example", (COM,), "application inbound network", "com:box1<application", author="order@example.com",
         signed=True, found="none none none"),
    Kind("a partner's claim", 2, PARTNER, "application", "x@partner.example", (COM,), "application inbound network", "com:box1<application",
         author="order@example.com", signed=True, found="none none none", fields=ALL_CLAIMS + FORGED[0] % "reset"),
)

LIST = (
    Kind("a list by List-Id", 6, LISTS, "list", JOE, (OUT, OUT2), "list outbound network,field", "out:world<out-list", "out", signed=True,
         fields="List-Id: Team <team.lists.example.com>\r\nFeedback-ID: theirs\r\nDisposition-Notification-To: <joe@example.com>\r\n",
         changes=("Disposition-Notification-To", "Feedback-ID", "Feedback-ID: lists")),
    Kind("a list by Precedence", 4, LISTS, "list", JOE, (OUT,), "list outbound network,field", "out:world<out-list", "out", signed=True,
         fields="Precedence: List\r\n", changes=("Feedback-ID: lists",)),
    Kind("a list by its sender", 5, LISTS, "list", "Team-Bounces@LISTS.example.com", (OUT,), "list outbound network,sender", "out:world<out-list", "out",
         author="team@lists.example.com", signed=True, changes=("Feedback-ID: lists",)),
    Kind("a list by its recipients, inside and outside", 4, LISTS, "list", JOE, [COM, NET, "p1@example.com", "p2@example.com", OUT, OUT2],
         "list outbound network,recipients", "com:box1.smtp<list net:box2<list out:world<out-list", "out", signed=True, changes=("Feedback-ID: lists",)),
    Kind("a list's own bounce", 2, LISTS, "list", "", (OUT,), "list outbound network,field", "out:world<out-list", "out", author="team-bounces@lists.example.com",
         signed=True, fields="List-Id: <team.lists.example.com>\r\nAuto-Submitted: auto-replied\r\n", changes=("Feedback-ID: lists",)),
    Kind("what a list server sends else", 3, LISTS, "list", "owner@example.com", (OUT,), "list outbound listener", "out:world<out-list", "out", signed=True,
         changes=("Feedback-ID: lists",)),
    Kind("a list to inside", 5, LISTS, "list", JOE, (COM, NET), "list internal network,field", "com:box1.smtp<list net:box2<list", signed=True,
         fields="List-Id: <team.lists.example.com>\r\nX-Kind: password-reset\r\n", changes=("Feedback-ID: lists",)),
    Kind("another's mail by a list", 3, LISTS, "list", "team-bounces@lists.example.com", (OUT,), "list outbound network,sender", "out:world<out-list", "out",
         author=ALICE, signer="sender.example", signed=True, survivors=("sender.example",), changes=("Feedback-ID: lists",)),
    Kind("forwarded by us", 2, FORWARDS, "list", ALICE, (OUT,), "forward outbound network", "out:world<out-local", "out", signer="sender.example",
         survivors=("sender.example",), found="fail pass pass", rewritten=REWRITTEN, later="local"),
    Kind("forwarded by us to inside", 2, FORWARDS, "list", ALICE, (NET,), "forward internal network", "net:box2<list", signer="sender.example",
         survivors=("sender.example",), found="fail pass pass", rewritten=REWRITTEN),
)

KINDS = INCOMING + LOCAL + APPLICATION + LIST
assert sum(kind.n for kind in KINDS) >= N_MAILS

# --- mails ---


class Mail:
    """One of them: .kind, .subject, .sender, .recipients, .arrives_at (recipients, in the end), .data."""

    def __init__(self, kind, nth, number, chance, key):
        fill = {"inside": chance.choice(("anna", "ben", "carl", "dora")), "inside2": chance.choice(("emil", "fritz")),
                "outside": chance.choice(("gina", "hugo", "ida"))}
        self.kind, self.subject = kind, "scenario %d" % number
        self.sender, self.recipients = kind.sender, [to.format(**fill) for to in kind.to]
        self.arrives_at = [kind.undone] if kind.undone else self.recipients
        self.is_utf8 = not (self.sender + "".join(self.recipients)).isascii()
        header = ("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: Sat, 21 Nov 2026 10:00:%02d +0000\r\nMessage-ID: <%d.%d@scenario.example>\r\n%s"
                  % (kind.author or kind.sender, ">, <".join(self.recipients), self.subject, number % 60, number, chance.randrange(10 ** 9),
                     kind.fields[nth % len(kind.fields)]))
        if kind.body == "8-bit":
            header += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        self.data = (header + "\r\n" + self.body(kind, chance)).encode(errors="surrogateescape")
        for selector in kind.selectors if kind.signer else ():
            strict = {"canonicalize": (b"simple", b"simple"), "include_headers": [b"From", b"X-Long", b"X-Empty", b"X-Tight", b"X-Long"]}
            self.data = dkim.sign(self.data, selector.encode(), kind.signer.encode(), key, **(strict if kind.body == "strict" else {})) + self.data
        if kind.body == "changed":
            self.data += b"-- \r\nthe list\r\n"

    @staticmethod
    def body(kind, chance):
        text = "".join("%s\r\n" % "".join(chance.choice("abcdefghij  .") for _ in range(chance.randrange(72))) for _ in range(chance.randrange(1, 30)))
        return {"8-bit": "Gr\u00fc\u00dfe\r\n" + text, "large": ("x" * 70 + "\r\n") * 20000 + text, "none": "",
                "odd": ".\u0020\r\n..\r\n" + "y" * 998 + "\r\n \r\n\t\r\n.end\r\n\r\n\r\n"}.get(kind.body, text)


def make(seed, key, times=1):
    """All of them, so many times, in an order of chance; key signs for those who send from outside."""
    chance = random.Random(seed)
    mails = [(kind, nth) for kind in KINDS for nth in range(times * kind.n)]
    chance.shuffle(mails)
    return [Mail(kind, nth, number, chance, key) for number, (kind, nth) in enumerate(mails)]
