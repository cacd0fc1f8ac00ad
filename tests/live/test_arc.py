#!/usr/bin/python3
"""ARC over SMTP: each of arc_cases.py's mails is found to be what it is, and sealed so that dkimpy and Mail::DKIM find it right.

The cases follow the public ARC test suite; what they want is RFC 8617's word, case by case.  Clients of the listener "mx" are
strangers, those of "apps" may relay.  The next hop keeps every byte.
"""
import concurrent.futures
import os
import re
import socket
import subprocess

import dkim

import names
import sealed
import world
from sealed import fields_of, tag

US = "old.example.com"
STRANGER = "192.0.2.77"
CASES_MIN = 300
SILENT = "silent._domainkey.example.org"
CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
KEYS = world.WORK + "/keys"

hop = world.NextHop()
ZONE = names.Names("%s TIMEOUT\n" % SILENT)
records = {}                            # of dkimpy: name -> bytes


def publish(name, record):
    records[name + "."] = record.encode()
    ZONE.add_row(name, "TXT", record)


def keygen(domain, selector, *words):
    made = subprocess.run([CTL, "keygen", "--directory", KEYS, *words, domain, selector], check=True, capture_output=True, text=True)
    publish("%s._domainkey.%s" % (selector, domain), "".join(re.findall(r'"([^"]*)"', made.stdout)))
    return "%s/%s.%s.pem" % (KEYS, selector, domain)


def read_cases():
    """Yields (name, wanted status, wanted oldest-pass, mail)."""
    made = subprocess.run(["/usr/bin/python3", world.TOP + "/tests/policy/arc_cases.py"], check=True, capture_output=True).stdout
    while made:
        line, _, made = made.partition(b"\n")
        words = line.split(b" ", 4)
        if words[0] == b"key":
            publish(words[1].decode(), b" ".join(words[2:]).decode())
            continue
        n_bytes = int(words[3])
        yield words[4].decode(), words[1].decode(), words[2].decode(), made[:n_bytes]
        made = made[n_bytes + 1:]


class Forwarder(world.Relay):
    """With the listeners "mx" and "apps"; what it takes from strangers is sealed as example.com, and what others bring is signed."""

    def __init__(self, name, port=hop.port, arc="", more=""):
        self.apps_port = world.free_port()
        super().__init__('"127.0.0.1:%d"' % port, name=name, listen_extra='xclient-from = { "127.0.0.1" }', extra="""
listen "apps" { address = { "127.0.0.1:%d" }  networks = { "127.0.0.0/8" }  class = application }
sign "example.com" { selector = { "d1" } key = { "%s" } }
arc { domain = "example.com"  selector = "arc1"  key = "%s"  %s }
%s
""" % (self.apps_port, DKIM_KEY, ARC_KEY, arc, more + ZONE.section("timeout = 1s  tries = 1")))

    def send(self, data, sender="joe@football.example.com", port=None):
        client = world.Client(port or self.port)
        if port is None:
            client.speak_for(STRANGER)
        else:
            client.say("EHLO app.example.org")
        reply = client.mail(data, sender)
        client.socket.close()
        return reply

    def through(self, data, sender, port=None):
        """What arrives of a mail; the sender tells them apart."""
        reply = self.send(data, sender, port)
        assert reply.startswith("250"), reply
        return arrived(sender)


def arrived(sender):
    found = lambda: next((mail for said, _, mail in list(hop.mails) if said == sender), None)
    world.wait_for("the mail of %s arrives" % sender, found)
    return found()


def found_in(mail):
    return sealed.found_in(mail, US)


def set_on_top(mail):
    return sealed.set_on_top(mail, "example.com")


def by_dkimpy(mail):
    """"pass", "fail" or "none", and why."""
    try:
        cv, _, reason = dkim.ARC(mail, minkey=1024).verify(dnsfunc=lambda name, timeout=5: records.get(name.decode()))
    except Exception as error:
        return "fail", repr(error)
    return (cv or b"none").decode(), reason


class MailDkim:
    """Perl's Mail::DKIM, a process for all mails."""
    PROGRAM = r"""
use Mail::DKIM::ARC::Verifier; use Net::DNS; $| = 1;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 1));
while (defined(my $n = <STDIN>)) {
    read(STDIN, my $mail, $n);
    my $arc = Mail::DKIM::ARC::Verifier->new();
    eval { $arc->PRINT($mail); $arc->CLOSE; 1 } or print("died: $@") && next;
    print $arc->result, " ", $arc->result_detail =~ s/\s+/ /gr, "\n";
}
"""

    def __init__(self):
        self.process = subprocess.Popen(["perl", "-e", self.PROGRAM, str(ZONE.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        world.ENDERS.append(self.process.kill)

    def __call__(self, mail):
        self.process.stdin.write(b"%d\n" % len(mail) + mail)
        self.process.stdin.flush()
        result, _, detail = self.process.stdout.readline().decode().strip().partition(" ")
        return result, detail


ARC_KEY = keygen("example.com", "arc1")
DKIM_KEY = keygen("example.com", "d1")
ED_KEY = keygen("example.com", "ed1", "--ed25519")
CASES = list(read_cases())
ONE = next(mail for name, _, _, mail in CASES if name == "a mail without ARC")
forwarder = Forwarder("forwarder")
forwarder.start()
by_perl = MailDkim()


def gets_no_set(name, want, mail):
    """Closed by cv=fail in the newest seal, of 50 sets, without From: RFC 8617 5.1 step 2, 4.2.1; ours."""
    seals = [int(i) for i in re.findall(rb"(?i)ARC-Seal:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*?[ ;]i=(\d+);", mail)]
    newest = max((i for i in seals if i <= 50), default=0)
    closed = re.search(rb"cv=fail; d=example.org; i=%d;" % newest, mail) if newest else None
    return bool(closed) or newest == 50 or sum(name.strip().lower() == b"from" for name, _ in fields_of(mail)) != 1


def cases(tap):
    """Every case over SMTP"""
    senders = ["case%d@football.example.com" % i for i in range(len(CASES))]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: forwarder.send(CASES[i][3], senders[i]), range(len(CASES))))
    world.wait_for("all that were taken arrive", lambda: len(hop.mails) >= sum(r.startswith("250") for r in replies), 60)
    n_perl = 0
    for (name, want, oldest, mail), sender, reply in zip(CASES, senders, replies):
        if not reply.startswith("250"):
            tap("taken: " + name, False, reply)
            continue
        data = arrived(sender)
        status, properties, shown = found_in(data)
        tap("arc=%s: %s" % (want, name), status == want and properties.get(("smtp", "remote-ip")) == STRANGER and
            (want == "pass") == (("header", "oldest-pass") in properties) and
            (oldest == "-" or want != "pass" or properties[("header", "oldest-pass")] == oldest), shown)
        ours = set_on_top(data)
        if gets_no_set(name, want, mail) or not ours:
            tap("gets no set: " + name, not ours and gets_no_set(name, want, mail), data[:1500])
            continue
        seal, results = ours[b"ARC-Seal"], ours[b"ARC-Authentication-Results"]
        tap("sealed with cv=%s: %s" % (want, name), tag(seal, b"cv") == want and b"; " + US.encode() in results and
            b"arc=" + want.encode() in results and mail.split(b"\r\n\r\n", 1)[-1] in data, data[:1500])
        if want == "fail":
            continue
        # What was there before has to be right in their eyes, too: they do not read all that RFC 8617 has.
        if want == "none" or by_dkimpy(mail)[0] == "pass":
            tap("dkimpy finds it right: " + name, by_dkimpy(data)[0] == "pass", (by_dkimpy(data), data[:2500]))
        if want == "none" or by_perl(mail)[0] == "pass":
            n_perl += 1
            tap("Mail::DKIM finds it right: " + name, by_perl(data)[0] == "pass", (by_perl(data), data[:2500]))
    tap("they are all there", len(CASES) >= CASES_MIN and n_perl > 50, (len(CASES), n_perl))


def elsewhere(mail):
    """Without what tells us that the mail was here before."""
    return re.sub(rb"(?m)^Received: (?:[^\r\n]|\r\n[ \t])*by old\.example\.com(?:[^\r\n]|\r\n[ \t])*\r\n", b"", mail)


def chain_of_ours(tap):
    """Three of us in a row, and a list between them"""
    data = ONE
    for i in range(1, 4):
        data = elsewhere(forwarder.through(data, "row%d@football.example.com" % i))
        ours = set_on_top(data)
        tap("set %d is sealed" % i, ours and tag(ours[b"ARC-Seal"], b"i") == str(i), data[:1500])
        tap("dkimpy and Mail::DKIM find %d sets right" % i, by_dkimpy(data)[0] == "pass" == by_perl(data)[0], (by_dkimpy(data), by_perl(data)))
    changed = data.replace(b"Subject: ", b"Subject: [list] ")
    data = elsewhere(forwarder.through(changed, "row4@football.example.com"))
    tap("what a list changed fails, and is sealed so", found_in(data)[0] == "fail" and tag(set_on_top(data)[b"ARC-Seal"], b"cv") == "fail", data[:1500])
    tap("the judges see the failure", "reported failure" in by_dkimpy(data)[1] and by_perl(data)[0] == "fail", (by_dkimpy(data), by_perl(data)))
    data = forwarder.through(data, "row5@football.example.com")
    tap("after that nothing is added (RFC 8617 5.1 step 2)", not set_on_top(data) and data.count(b"ARC-Seal:") == 4, data[:1500])


def beside_dkim(tap):
    """DKIM and ARC of one mail"""
    signed = dkim.sign(ONE, b"d1", b"example.com", open(DKIM_KEY, "rb").read()) + ONE
    data = forwarder.through(signed, "signed@football.example.com")
    look_up = lambda name, timeout=5: records.get(name.decode())
    tap("a stranger's signature still verifies under our set", dkim.verify(data, dnsfunc=look_up), data[:1500])
    tap("so does the set", by_dkimpy(data)[0] == "pass" == by_perl(data)[0], (by_dkimpy(data), by_perl(data)))
    tap("which covers the signature (RFC 8617 4.1.2)", "dkim-signature" in tag(set_on_top(data)[b"ARC-Message-Signature"], b"h").split(":"), data[:1500])
    ours = ONE.replace(b"joe@football.example.com>", b"joe@example.com>")
    data = forwarder.through(ours, "app@example.com", forwarder.apps_port)
    tap("a trusted client's mail is signed and not sealed", data.startswith(b"DKIM-Signature:") and b"ARC-" not in data, data[:1500])
    sealed = elsewhere(forwarder.through(signed, "again@football.example.com"))
    data = forwarder.through(sealed, "trusted@example.com", forwarder.apps_port)
    tap("a chain that a trusted client brings stays as it is", data.count(b"ARC-Seal:") == 1 and by_dkimpy(data)[0] == "pass", data[:1500])


def fields_of_ours(tap):
    """What the public suite's signing half tries: canonical forms change nothing, h= is as it was written"""
    same = (("as it is", ONE), ("blanks at the end of a line", ONE.replace(b"Hi.\r\n", b"Hi.  \r\n")),
            ("more blanks in a line", ONE.replace(b"the game", b"the   game")), ("empty lines at the end", ONE + b"\r\n\r\n"),
            ("names in another case", ONE.replace(b"From:", b"FROM:").replace(b"\nTo:", b"\nto:")),
            ("a field folded", ONE.replace(b"SixPack <", b"SixPack\r\n  <")), ("blanks at its end", ONE.replace(b"ready?", b"ready?   ")),
            ("more blanks in it", ONE.replace(b"Is dinner", b"Is   dinner")), ("blanks behind the colon", ONE.replace(b"From: ", b"From:   ")))
    orders = (("mime-version:date:from:to:subject", ONE), ("to:from:date", ONE), ("from:to:to", ONE),
              ("from:to:to", ONE.replace(b"To: list", b"To: morty@example.org\r\nTo: list")), ("from:&&&:to", ONE))
    relays = {}
    for names_of, _ in orders:
        if names_of not in relays:
            fields = ", ".join('"%s"' % name for name in names_of.split(":"))
            relays[names_of] = Forwarder("fields%d" % len(relays), arc="fields = { %s }" % fields)
            relays[names_of].start()
    first = None
    for i, (names_of, name, mail) in enumerate([(orders[0][0], name, mail) for name, mail in same] + [(o, o, mail) for o, mail in orders]):
        data = relays[names_of].through(mail, "fields%d@football.example.com" % i)
        message, seal = (set_on_top(data)[kind] for kind in (b"ARC-Message-Signature", b"ARC-Seal"))
        told = [tag(message, key) for key in (b"a", b"c", b"d", b"i", b"s", b"bh")] + [tag(seal, key) for key in (b"a", b"cv", b"d", b"i", b"s")]
        first = first or told
        tap("%s: h= is %s, all else as ever" % (name, names_of), tag(message, b"h") == names_of and told == first, data[:1500])
        tap("%s: the judges agree" % name, by_dkimpy(data)[0] == "pass" and ("&&&" in names_of or by_perl(data)[0] == "pass"), (by_dkimpy(data), by_perl(data)))
    for relay in relays.values():
        relay.stop()


def signed_for_a_class(tap):
    """Mail of a stranger that a class signs is sealed, too"""
    relay = Forwarder("classes", more='class "partner" { networks = { "192.0.2.0/24" }  sign = yes }\n')
    relay.start()
    data = relay.through(ONE.replace(b"joe@football.example.com>", b"joe@example.com>"), "partner@example.com")
    names_of = [name for name, _ in fields_of(data)]
    look_up = lambda name, timeout=5: records.get(name.decode())
    tap("the set stands above our signature", set_on_top(data) and names_of[3] == b"DKIM-Signature", data[:2000])
    tap("the signature verifies", dkim.verify(data, dnsfunc=look_up), data[:2000])
    tap("so does the set", by_dkimpy(data)[0] == "pass" == by_perl(data)[0], (by_dkimpy(data), by_perl(data)))
    changed = data.replace(b"\r\nDKIM-Signature: v=1;", b"\r\nDKIM-Signature: v=2;", 1)
    tap("which is over it", changed != data and by_dkimpy(changed)[0] == "fail", by_dkimpy(changed))
    relay.stop()


def temporary(tap):
    """A DNS that is silent"""
    mail = next(mail for name, _, _, mail in CASES if name == "no key for the signature and the seal").replace(b"s=gone", b"s=silent")
    data = forwarder.through(mail, "silent@football.example.com")
    tap("a chain whose key is not told fails", found_in(data)[0] == "fail", found_in(data))
    tap("but is not sealed: that would be for good", not set_on_top(data), data[:1500])
    line = [line for line in open(forwarder.log) if " judged " in line or "judged" in line][-1]
    tap("the log says so", "arc=fail:temporary" in line and 'unsealed="the chain could not be checked"' in line, line)


def run_check(text):
    path = os.path.join(world.WORK, "checked.conf")
    with open(path, "w") as out:
        out.write(text)
    result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", path], capture_output=True, text=True)
    return result.returncode, result.stderr


def configuration(tap):
    """What smtpfwd -n and reload say"""
    text = forwarder.text.replace(str(forwarder.port), str(world.free_port())).replace(str(forwarder.apps_port), str(world.free_port()))
    text = text.replace("/forwarder/", "/forwarder-checked/")
    os.makedirs(os.path.join(world.WORK, "forwarder-checked"), exist_ok=True)
    whole = re.search(r"arc \{[^}]*\}", text).group(0)
    line = text[:text.index(whole)].count("\n") + 1
    arc = lambda more="", key=ARC_KEY: text.replace(whole, 'arc { domain = "example.com" selector = "arc1" key = "%s" %s }' % (key, more))
    status, said = run_check(text)
    tap("a good one", status == 0, said)
    for name, changed, want in (
            ("an Ed25519 key", arc(key=ED_KEY), "ARC needs an RSA key"),
            ("no such key", arc(key="/nowhere.pem"), "/nowhere.pem"),
            ("a key that anybody may read", arc(key=ARC_KEY + ".open"), "open"),
            ("fields that change on the way", arc('fields = { "from", "received" }'), "received must not be sealed"),
            ("no selector", text.replace(whole, 'arc { domain = "example.com" key = "%s" }' % ARC_KEY), "needs selector"),
            ("a domain that is none", arc().replace('arc { domain = "example.com"', 'arc { domain = "-"'), "is no domain")):
        if "open" in want:
            open(ARC_KEY + ".open", "w").write(open(ARC_KEY).read())
            os.chmod(ARC_KEY + ".open", 0o644)
        status, said = run_check(changed)
        tap("refused with its line: " + name, status != 0 and want in said and re.search(r"checked.conf:%d:" % line, said) is not None, said)
    status, said = run_check(text + "\nverify { arc = no }\n")
    tap("a seal without a check is refused", status != 0 and "is needed" in said, said)
    status, said = run_check(text.replace(whole, "verify { arc = yes }"))
    tap("a check without a seal is not", status == 0, said)


def operation(tap):
    """check-keys, explain, reload"""
    result = subprocess.run([CTL, "-c", forwarder.config, "check-keys"], capture_output=True, text=True)
    tap("check-keys looks at the sealer's key", result.returncode == 0 and "selector arc1 (RSA, 2048 bits): right" in result.stdout, result)
    path = os.path.join(world.WORK, "mail.eml")
    with open(path, "wb") as out:
        out.write(next(mail for name, _, _, mail in CASES if name == "mail one with 2 sets"))
    words = ("--client", STRANGER, "--helo", "x.example", "--from", "joe@football.example.com", "--to", "bob@example.com", path)
    steps = {step["step"]: step for step in forwarder.ctl("explain", *words)}
    tap("explain tells the chain", steps["arc"]["result"] == "pass" and [s["domain"] for s in steps["arc"]["sealers"]] == ["example.org"] * 2, steps.get("arc"))
    tap("and the seal", steps["sealing"]["sealed"] and steps["sealing"]["instance"] == 3 and steps["sealing"]["cv"] == "pass", steps.get("sealing"))
    said = forwarder.ctl("explain", *words, json_out=False)
    tap("for people, too", "ARC         pass\n" in said and "Sealing     sealed for example.com: set 3, cv=pass" in said, said)
    new_key = keygen("example.com", "arc2")
    with open(forwarder.config, "w") as out:
        out.write(forwarder.text.replace('"arc1"', '"arc2"').replace(ARC_KEY, new_key))
    forwarder.ctl("reload")
    data = forwarder.through(ONE, "reloaded@football.example.com")
    tap("a reload takes another key over", tag(set_on_top(data)[b"ARC-Seal"], b"s") == "arc2" and by_dkimpy(data)[0] == "pass", data[:1500])


socket.setdefaulttimeout(60)
world.Tap().run(cases, chain_of_ours, beside_dkim, fields_of_ours, signed_for_a_class, temporary, configuration, operation)
