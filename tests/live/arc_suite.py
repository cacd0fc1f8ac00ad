#!/usr/bin/python3
"""The public ARC test suite (github.com/ValiMail/arc_test_suite) over SMTP, run by hand: it is not ours to ship.

	top_srcdir=... build=... arc_suite.py arc-draft-validation-tests.yml arc-draft-sign-tests.yml

Each case is a mail; what we found, and what we sealed, stands in the mail that arrives.  Of a validation case arc= is compared with
the suite's cv.  Of a signing case: arc=, the order of the set's fields, i= and the authserv-id of ARC-Authentication-Results, and
the tags of the signature and the seal but for t= and b=, which tell when it was; then dkimpy checks both signatures of our set, and
the whole chain if it was none or right.  The suite gives a sealer the results to write; ours are what we find ourselves.

A case fails where we differ from the suite, which was made in 2016 for a draft.  These differences are known, only others make the
exit status 1.  In each of them the RFC that came out of it says otherwise, and dkimpy finds what we find:

	ams_fields_a_sha1, as_fields_a_sha1	rsa-sha1 "MUST NOT be used for signing or verifying": RFC 8301 3.1
	as_fields_b_512				keys of less than 1024 bits are not to be taken for valid: RFC 8301 3.2
	as_fields_t_na				the draft wanted each tag of a seal; in RFC 8617 4.1.3 t= is that of RFC 6376 3.5, which may
						be left out, and large sealers do leave it out: it would fail all their chains
	arc_set_duplicate			a set has exactly one of each field, and no instance comes again: RFC 8617 5.2 step 3.  The
						suite itself has ams_fields_i_dup1, as_fields_i_dup and others fail for one of the three
"""
import concurrent.futures
import os
import re
import socket
import sys

import dkim
import yaml

import names
import sealed
import world

US = "lists.example.org"
STRANGER = "192.0.2.77"
KNOWN = {"ams_fields_a_sha1": "fail", "as_fields_a_sha1": "fail", "as_fields_b_512": "fail", "as_fields_t_na": "pass", "arc_set_duplicate": "fail"}

hop = world.NextHop()
zone = names.Names()
records = {}                            # name -> text


class Case:
    """message: its bytes as they are sent; fields: the suite's other words by their names; scenario: those of its scenario."""

    def __init__(self, name, fields, scenario):
        self.name, self.fields, self.scenario = name, fields, scenario
        self.message = fields["message"].replace("\n", "\r\n").encode()


def mapping(node):
    return [(key.value, value) for key, value in node.value]


def read_cases(path):
    """In their order.  As the file is written, not as YAML would have it: names come twice in a scenario, and all are cases; one
    scenario has no "---" before it; a field that slipped out of its case stands among the cases."""
    with open(path) as file:
        parts = re.split(r"^(?:---\n)?(?=description:)", file.read(), flags=re.M)
    cases = []
    for part in parts:
        if not part.strip():
            continue
        top = dict(mapping(yaml.compose(part, Loader=yaml.SafeLoader)))
        scenario = {name: node.value for name, node in top.items() if isinstance(node, yaml.ScalarNode)}
        for name, node in mapping(top["txt-records"]):
            publish(name, " ".join(node.value.split()))
        for name, node in mapping(top["tests"]):
            if isinstance(node, yaml.ScalarNode):
                cases[-1].fields[name] = node.value
            else:
                cases.append(Case(name, {key: value.value for key, value in mapping(node)}, scenario))
    return cases


def publish(name, text):
    """The blanks in a key mean nothing (RFC 6376 3.2), and differ."""
    if name not in records:
        records[name] = text
        zone.add_row(name, "TXT", text)
    elif "".join(records[name].split()) != "".join(text.split()):
        sys.exit("%s has two records: its cases need daemons of their own" % name)


class Driven:
    """A daemon, and the mails that went through it."""

    def __init__(self, name, more=""):
        self.name = name
        self.relay = world.Relay('"127.0.0.1:%d"' % hop.port, name=name, listen_extra='xclient-from = { "127.0.0.1" }', extra="""
verify { arc = yes  authserv-id = "%s" }
%s
%s
""" % (US, more, zone.section("timeout = 1s  tries = 1")))
        self.relay.start()

    def send(self, number, case):
        client = world.Client(self.relay.port)
        client.speak_for(STRANGER)
        reply = client.mail(case.message, self.sender(number))
        client.socket.close()
        return reply

    def sender(self, number):
        return "case%d.%s@d1.example.org" % (number, self.name)

    def through(self, cases):
        """Yields each case and its mail as it arrived, or None and why it did not."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda numbered: self.send(*numbered), enumerate(cases)))
        senders = [self.sender(number) for number in range(len(cases))]
        wanted = {sender for sender, reply in zip(senders, replies) if reply.startswith("250")}
        world.wait_for("all that were taken arrive", lambda: wanted <= {sender for sender, _, _ in list(hop.mails)}, 60)
        arrived = {sender: mail for sender, _, mail in list(hop.mails)}
        self.relay.stop()
        for case, sender, reply in zip(cases, senders, replies):
            yield case, arrived.get(sender), reply


def look_up(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


def tags_of(text):
    """Blanks are nothing in any tag of ours or of what the suite wants."""
    pairs = ("".join(part.split()).partition("=") for part in text.split(";") if part.strip())
    return {name: value for name, _, value in pairs}


def without(mail, kept):
    """A mail whose fields of ARC are those values only."""
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = [(name, value) for name, value in sealed.fields_of(mail) if not name.lower().startswith(b"arc-") or value in kept]
    return b"".join(name + b":" + value for name, value in fields) + b"\r\n" + body


def own_signatures(mail, ours, instance, fails):
    """What dkimpy says of our set: that the signature is right, that the seal is; a seal with cv=fail is over its own set only
    (RFC 8617 5.1.2)."""
    def of(arc):
        mine = [(i, field) for i, field in arc.sorted_arc_headers()[1] if i <= instance]
        return arc.verify_instance(mine, instance, dnsfunc=look_up)
    alone = without(mail, ours.values())
    try:
        signature = of(dkim.ARC(readable(mail, ours), minkey=1024))["ams-valid"]
        seal = of(dkim.ARC(alone if fails else mail, minkey=1024))["as-valid"]
        return signature, seal
    except Exception as trouble:
        return repr(trouble), None


def readable(mail, ours):
    """Without older seals and signatures: dkimpy stops at what is wrong in them, and they are not signed."""
    results = [value for name, value in sealed.fields_of(mail) if name.lower() == b"arc-authentication-results"]
    return without(mail, [*ours.values(), *results])


class Count:
    """Of cases."""
    passed = failed = unknown = 0

    def __call__(self, name, wanted, got, shown=""):
        known = KNOWN.get(name)
        if wanted == got:
            self.passed += 1
        else:
            self.failed += 1
            self.unknown += known != got
        word = "ok" if wanted == got else "known" if known == got else "not ok"
        print("%-6s %s: wanted %s, got %s" % (word, name, wanted, got), flush=True)
        if word == "not ok":
            print("".join("#   %s\n" % line for line in str(shown).splitlines()), end="")


def validation(cases, count):
    for case, mail, reply in Driven("validation").through(cases):
        wanted = case.fields["cv"].strip().lower()
        got, _, shown = sealed.found_in(mail, US) if mail else ("no mail", {}, reply)
        count(case.name, wanted, got, shown)


def sealed_as(case, mail):
    """What is not as the suite wants it, in words; "" if nothing."""
    ours = sealed.set_on_top(mail, case.scenario["domain"])
    if not ours:
        return "no set on top"
    results, signature, seal = (ours[name].decode() for name in reversed(sealed.SET))
    wrong = []
    for what, got, wanted in (("AS", tags_of(seal), tags_of(case.fields["AS"])), ("AMS", tags_of(signature), tags_of(case.fields["AMS"]))):
        for name in sorted((got.keys() | wanted.keys()) - {"b", "t"}):
            if got.get(name) != wanted.get(name):
                wrong.append("%s %s=%s, not %s" % (what, name, got.get(name), wanted.get(name)))
    if [part.strip() for part in results.split(";")[:2]] != [part.strip() for part in case.fields["AAR"].split(";")[:2]]:
        wrong.append("AAR begins with %r" % results[:60])
    cv, instance = tags_of(case.fields["AS"])["cv"], int(tags_of(case.fields["AS"])["i"])
    found = sealed.found_in(mail, US)[0]
    if found != cv or "arc=" + cv not in results:
        wrong.append("arc=%s" % found)
    by_dkimpy = own_signatures(mail, ours, instance, cv == "fail")
    if by_dkimpy != (True, True):
        wrong.append("dkimpy on our signature and seal: %s, %s" % by_dkimpy)
    if cv != "fail":
        whole = dkim.ARC(mail, minkey=1024).verify(dnsfunc=look_up)
        if whole[0] != b"pass":
            wrong.append("dkimpy on the chain: %s" % whole[2])
    return "; ".join(wrong)


def signing(cases, count):
    """A daemon for each list of names to sign."""
    for number, fields in enumerate(dict.fromkeys(case.fields["sig-headers"] for case in cases)):
        mine = [case for case in cases if case.fields["sig-headers"] == fields]
        scenario = mine[0].scenario
        key = os.path.join(world.WORK, "key%d.pem" % number)
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(scenario["privatekey"])
        driven = Driven("signing%d" % number, 'arc { domain = "%s"  selector = "%s"  key = "%s"  fields = { %s } }\n' % (
            scenario["domain"], scenario["sel"], key, ", ".join('"%s"' % name for name in fields.split(":"))))
        for case, mail, reply in driven.through(mine):
            wanted = "cv=%s i=%s" % tuple(tags_of(case.fields["AS"])[name] for name in ("cv", "i"))
            wrong = sealed_as(case, mail) if mail else "no mail: " + reply
            count(case.name, wanted, wrong or wanted, mail.decode(errors="replace")[:3000] if mail else reply)


def main(validation_path, signing_path):
    socket.setdefaulttimeout(60)
    count = Count()
    validation(read_cases(validation_path), count)
    signing(read_cases(signing_path), count)
    print("%d of the differences are not known" % count.unknown)
    print("%d passed, %d failed" % (count.passed, count.failed))
    return 1 if count.unknown or not count.passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: arc_suite.py VALIDATION.yml SIGN.yml")
    sys.exit(main(*sys.argv[1:]))
