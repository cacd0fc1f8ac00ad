#!/usr/bin/python3
"""An installation as large ones are: a host of its own for each kind of traffic, and two hundred mails of all kinds.

Five Postfix instances (incoming, local, application, list, outgoing) have smtpfwd-milter in each, and a content filter where mail comes in and
goes out; two mailbox servers, a desk and the servers of others are where it ends.  A relay with the very same rules gets the
same mails, and smtpfwdctl explain is asked about each.  What is to become of them stands in scenario_mails.py.  By hand: SEED=, TIMES= so many.
"""
import email
import json
import os
import re
import subprocess
import threading
import time

import scenario_net as net          # first of all: it leaves the machine's network
import authres
import dkim

import names
import scenario_mails as mails
import scenario_postfix as postfix
import scenario_programs as programs
import scenario_send as client
import world

SEED, TIMES = int(os.environ.get("SEED", "6")), int(os.environ.get("TIMES", "1"))
zone = ends = relay = sent = hosts = content_filter = None
judges = {}                     # smtpfwd-milter, by host
answers = {}                    # "postfix", "relay": of each mail, in their order
told = []                       # what explain says of the relay
told_of_milter = []             # and of the milter where it comes in


def setup(tap):
    """Name server, mailbox servers, relay, milters and five Postfix instances start"""
    global zone, ends, relay, sent, hosts, content_filter
    zone = names.Names(mails.ZONE, port=53)
    sent = mails.make(SEED, programs.make_keys(zone), TIMES)
    ends = net.Ends()
    relay = programs.Relay(zone).start()
    content_filter = programs.start_filter()
    for host in postfix.ADDRESSES:
        judges[host] = programs.start_judge(host, zone)
    hosts = postfix.make_hosts(judges, content_filter.port, programs.KEYS)
    client.at_once(lambda host: host.start(), hosts.values())
    tap("all are up", True)


# --- what comes of the mails ---


def to_postfix(group):
    host = hosts[group[0].kind.at]
    if group[0].kind.who.is_local:
        return [client.send_locally(host, mail) for mail in group]
    return client.send(host.address, 25, group, programs.KEYS)


def to_relay(group):
    return client.send(net.RELAY, programs.PORTS[group[0].kind.at], group, programs.KEYS)


def reload_all():
    """What went wrong."""
    commands = [[programs.CTL, "-c", judge.config, "--milter", "reload"] for judge in judges.values()] + [[programs.CTL, "-c", relay.config, "reload"]]
    done = [subprocess.run(command, capture_output=True, text=True, timeout=60) for command in commands]
    time.sleep(0.2)
    return [one.stderr + one.stdout for one in done if one.returncode != 0]


def all_sent(tap):
    """All are sent, to the installation and to the relay, while both read their configurations anew; and explained"""
    at_work, reloaded = threading.Event(), []
    at_work.set()
    reloading = threading.Thread(target=lambda: [reloaded.append(reload_all()) for _ in iter(at_work.is_set, False)])
    reloading.start()
    try:
        answers["postfix"] = client.in_sessions(to_postfix, sent)
        answers["relay"] = client.in_sessions(to_relay, sent)
    finally:
        at_work.clear()
        reloading.join()
    tap("reloads meanwhile are done", len(reloaded) > 0 and not any(reloaded), reloaded)
    told.extend(client.at_once(lambda mail: client.Explained(relay.config, mail), sent, 3))
    told_of_milter.extend(client.at_once(lambda mail: client.Explained(judges[mail.kind.at].config, mail, "--milter"), sent, 3))
    wait_for_all(not_held := [mail for mail in sent if not mail.kind.is_held])
    tap("%d mails are answered" % len(sent), len(sent) >= 200 and all(answers.values()) and len(not_held) < len(sent))


def wait_for_all(mails_due):
    n_due = 2 * sum(len(mail.recipients) for mail in mails_due if not mail.kind.reply)
    world.wait_for("%d recipients have their mail" % n_due, lambda: sum(len(arrival.recipients) for arrival in list(ends.arrived)) >= n_due, 60)


def held(tap):
    """A class that is held"""
    ids = sorted(answer.split()[-1] for answer, mail in zip(answers["postfix"], sent) if mail.kind.is_held)
    queue = os.path.join(hosts["application"].directory, "spool", "hold")
    tap("Postfix holds it", sorted(name for _, _, files in os.walk(queue) for name in files) == ids, ids)
    ids = sorted(answer.split()[-1] for answer, mail in zip(answers["relay"], sent) if mail.kind.is_held)
    listed = [json.loads(row)["mail"] for row in relay.ctl("--json", "queue", "list", "--held").splitlines() if '"mail"' in row]
    tap("the relay holds it", sorted(row["id"] for row in listed) == ids, listed)
    tap("explain says so", all(told[number].steps[-1].get("held", False) == mail.kind.is_held for number, mail in enumerate(sent)))
    tap("and nobody has it", not any(ends.of(mail.subject) for mail in sent if mail.kind.is_held))
    subprocess.run(["postsuper", "-c", hosts["application"].etc, "-H", "ALL"], check=True, capture_output=True, timeout=60)
    relay.ctl("queue", "release", "--all")
    hosts["application"].flush()
    wait_for_all(sent)
    tap("released it arrives", all(ends.of(mail.subject) for mail in sent if mail.kind.is_held))


def of_each_kind(tap, what, faults_of):
    """A case for each kind; faults_of gives what is wrong of one mail, by its number."""
    for kind in mails.KINDS:
        faults = [(number, fault) for number, mail in enumerate(sent) if mail.kind is kind for fault in faults_of(number, mail)]
        tap("%s: %s" % (kind.name, what), not faults, "\n".join("%d: %s" % fault for fault in faults))


def by_postfix(mail):
    return [arrival for arrival in ends.of(mail.subject) if arrival.host != "relay"]


def by_relay(mail):
    return [arrival for arrival in ends.of(mail.subject) if arrival.host == "relay"]


def answered(tap):
    """Answers"""
    def faults(number, mail):
        for who, answer in (("Postfix", answers["postfix"][number]), ("relay", answers["relay"][number]), ("explain", told[number].reply)):
            if not answer.startswith(mail.kind.reply or "250"):
                yield "%s: %s" % (who, answer)
        if mail.kind.reply and ends.of(mail.subject):
            yield "it arrived"
    of_each_kind(tap, "the same answer of all three", faults)


def end_of(address):
    """The word for its domain in a path."""
    domain = address.rpartition("@")[2].lower()
    return {"example.com": "com", "example.net": "net", "lists.example.com": "lists", "friend.example": "out", "far.example": "out",
            "sender.example": "sender"}.get(domain, "b\u00fccher")


def delivered(mail, arrivals):
    """Where each recipient has it, as a path is written."""
    return sorted((address.lower().replace("xn--bcher-kva", "b\u00fccher"), "%s<%s" % (arrival.door, arrival.host))
                  for arrival in arrivals for address in arrival.recipients)


def paths(tap):
    """The path of each mail"""
    def faults(number, mail):
        want = sorted((address.lower(), mail.kind.path[end_of(address)]) for address in mail.arrives_at) if mail.kind.path else []
        got = delivered(mail, by_postfix(mail))
        if got != want:
            yield "%s, and not %s" % (got, want)
        if not all(re.fullmatch(mail.kind.rewritten or re.escape(mail.sender), arrival.sender) for arrival in ends.of(mail.subject)):
            yield "its sender is %s" % [arrival.sender for arrival in ends.of(mail.subject)]
    of_each_kind(tap, "it takes its path, once", faults)


def relay_delivers(tap):
    """The relay's ways"""
    ends_by_relay = {"com": "box1.smtp<relay", "lists": "box1.smtp<relay", "net": "box2<relay", "out": "world<relay", "sender": "world<relay", "b\u00fccher": "world<relay"}

    def faults(number, mail):
        want = sorted((address.lower(), ends_by_relay[end_of(address)]) for address in mail.arrives_at) if not mail.kind.reply else []
        if delivered(mail, by_relay(mail)) != want:
            yield "%s, and not %s" % (delivered(mail, by_relay(mail)), want)
    of_each_kind(tap, "the relay brings it to all, once", faults)


def told_class(mail):
    kind = mail.kind
    return "%s; direction=%s; by=%s" % (kind.class_name, kind.direction, kind.by)


def judged(host, identity):
    """The class in the log of the host's milter, as the field has it."""
    found = re.findall(r" judged queue-id=%s .*\bclass=(\S+) class-by=(\S+) direction=(\S+)" % re.escape(identity), judges[host].log_text())
    return ["%s; direction=%s; by=%s" % (name, direction, by) for name, by, direction in found]


def classes(tap):
    """Class, direction and reasons"""
    def faults(number, mail):
        kind = mail.kind
        if told[number].words != "%s %s %s" % (kind.class_name, kind.direction, kind.by):
            yield "explain: " + told[number].words
        log = judged(kind.at, answers["postfix"][number].split()[-1])
        if log != [told_class(mail)]:
            yield "milter: %s" % log
        for arrival in by_relay(mail):
            if arrival.all(mails.FIELD) != [told_class(mail)]:
                yield "relay: %s" % arrival.all(mails.FIELD)
        for arrival in by_postfix(mail):
            # Behind the host "out" it is the same class by the word of the first host.
            way_out = arrival.host.startswith("out")
            if len(arrival.all(mails.FIELD)) != 1 or (arrival.all(mails.FIELD) != [told_class(mail)] and
                                                      not (way_out and arrival.all(mails.FIELD)[0].startswith(kind.later + "; direction=outbound; by="))):
                yield "%s: %s" % (arrival.host, arrival.all(mails.FIELD))
    of_each_kind(tap, "its class", lambda number, mail: faults(number, mail) if mail.kind.class_name else ())


def explained_of_milter(tap):
    """smtpfwdctl --milter explain"""
    def faults(number, mail):
        said, as_relay = told_of_milter[number], told[number]
        if (said.reply[:3], said.words, said.added, said.is_signed) != ("250", as_relay.words, as_relay.added, as_relay.is_signed):
            yield "%s, and not %s" % ((said.reply, said.words, said.added, said.is_signed), (as_relay.words, as_relay.added, as_relay.is_signed))
    of_each_kind(tap, "explain says the same of the milter", lambda number, mail: faults(number, mail) if not mail.kind.reply else ())
    by_milter = [number for number, mail in enumerate(sent) if mail.kind.reply and told_of_milter[number].reply != "250"]
    tap("and what it refuses is what the milter refuses", len(by_milter) > 5 and all(
        told_of_milter[number].reply[:3] == answers["postfix"][number][:3] for number in by_milter),
        [(told_of_milter[number].reply, answers["postfix"][number]) for number in by_milter])


def filtered(tap):
    """The content filter"""
    with open(programs.FILTERED) as rows:
        seen = [json.loads(row) for row in rows]
    by_subject = {}
    for row in seen:
        fields = dict(row["fields"])
        by_subject.setdefault(fields.get("subject"), []).append((row["service"], fields.get(mails.FIELD.lower(), "no class")))

    def faults(number, mail):
        kind, got = mail.kind, by_subject.get(mail.subject, [])
        if [service for service, _ in got] != kind.seen.split():
            yield "seen at %s" % got
        if any(not name.startswith((kind.later if service == "out" else kind.class_name) + "; ") for service, name in got):
            yield "as %s" % got
    of_each_kind(tap, "the content filter sees it, or not", faults)
    tap("and it saw nothing else", len(seen) == sum(len(mail.kind.seen.split()) for mail in sent), len(seen))


def lookup_key(name, timeout=5):
    rows = [value for kind, value in zone.rows_of(name.decode().rstrip(".").lower()) or () if kind == "TXT"]
    return rows[0].encode() if rows else None


def signed(tap):
    """Signatures"""
    def faults(number, mail):
        for arrival in ends.of(mail.subject):
            domains = [re.search(r"\bd=([^;\s]+)", text).group(1) for text in arrival.all("DKIM-Signature")]
            if domains.count("example.com") != int(mail.kind.signed):
                yield "%s: signed by %s" % (arrival.host, domains)
            for nth, domain in enumerate(domains):
                if (domain == "example.com" or domain in mail.kind.survivors) and not dkim.DKIM(arrival.data).verify(idx=nth, dnsfunc=lookup_key):
                    yield "%s: dkimpy does not verify that of %s" % (arrival.host, domain)
    of_each_kind(tap, "signed by us, or not", faults)


def results_of(arrival):
    """Of our field: SPF of MAIL FROM, DKIM, DMARC, as in the kinds."""
    # authres does not know internationalised addresses (RFC 8616): another character stands for theirs.
    ours = [authres.AuthenticationResultsHeader.parse("Authentication-Results: " + re.sub(r"[^\x00-\x7f]", "x", text))
            for text in arrival.all("Authentication-Results")]
    if len(ours) != 1 or ours[0].authserv_id != "mail.example.com":
        return "%d fields: %s" % (len(ours), arrival.all("Authentication-Results"))
    said = {"spf": "-", "dmarc": "-", "dkim": "+".join(sorted(result.result for result in ours[0].results if result.method == "dkim"))}
    for result in ours[0].results:
        if result.method == "dmarc" or (result.method == "spf" and (any(p.name == "mailfrom" for p in result.properties) or not arrival.sender)):
            said[result.method] = result.result
    return "%(spf)s %(dkim)s %(dmarc)s" % said


def results(tap):
    """What was found of SPF, DKIM and DMARC"""
    def faults(number, mail):
        for arrival in ends.of(mail.subject):
            if not mail.kind.found:
                if arrival.all("Authentication-Results"):
                    yield "%s: results of what is not checked" % arrival.host
                continue
            if results_of(arrival) != mail.kind.found:
                yield "%s: %s, and not %s" % (arrival.host, results_of(arrival), mail.kind.found)
            for name in ("Authentication-Results", "X-Spam-Flag"):
                explained = [re.sub(r"\r\n(?=[ \t])", "", field).split(":", 1)[1].strip() for field in told[number].added if field.startswith(name + ":")]
                if arrival.all(name) != explained:
                    yield "%s: %s, and explain %s" % (arrival.host, arrival.all(name), explained)
            if bool(arrival.all("X-Spam-Flag")) != mail.kind.marked:
                yield "%s: mark" % arrival.host
    of_each_kind(tap, "the same results of all three", lambda number, mail: faults(number, mail) if not mail.kind.reply else ())


OURS = ("received", "dkim-signature", "authentication-results", "x-spam-flag", "return-path", "delivered-to", "x-original-to", mails.FIELD.lower())


def whole(tap):
    """What comes is what was sent"""
    def faults(number, mail):
        gone = [change.lower() for change in mail.kind.changes if ":" not in change]
        more = [(name.lower(), value.encode() + b"\r\n") for name, colon, value in (change.partition(":") for change in mail.kind.changes) if colon]
        want = more + [(name, value) for name, value in net.fields_of(mail.data) if name not in OURS and name not in gone]
        for arrival in ends.of(mail.subject):
            got = [(name, value) for name, value in arrival.fields if name not in OURS]
            if got != want:
                yield "%s: other fields: %s, and not %s" % (arrival.host, [row for row in got if row not in want][:3], [row for row in want if row not in got][:3])
            if arrival.data.partition(b"\r\n\r\n")[2] != mail.data.partition(b"\r\n\r\n")[2]:
                yield "%s: another body" % arrival.host
            if len(email.message_from_bytes(arrival.data).get_all(mails.FIELD, [])) != 1:
                yield "%s: its classes are %s" % (arrival.host, email.message_from_bytes(arrival.data).get_all(mails.FIELD))
    of_each_kind(tap, "the rest of it is as it was", lambda number, mail: faults(number, mail) if not mail.kind.is_mended else ())


def without_a_judge(tap):
    """While a milter is away nothing passes that it has not seen"""
    mail = next(mail for mail in sent if mail.kind.name == "forged class")
    before = len(ends.of(mail.subject))
    judges["incoming"].process.kill()
    judges["incoming"].process.wait()
    answer, = to_postfix([mail])
    tap("the client is to come again", answer.startswith("4") and len(ends.of(mail.subject)) == before, answer)
    judges["incoming"].start()
    answer, = to_postfix([mail])
    world.wait_for("it arrives", lambda: len(ends.of(mail.subject)) > before)
    tap("then it arrives as ever", answer.startswith("250") and ends.of(mail.subject)[-1].all(mails.FIELD) == [told_class(mail)], answer)


def in_the_end(tap):
    """Nothing is left"""
    for name, host in hosts.items():
        world.wait_for("the queue of %s is empty" % name, lambda: host.queue_size() == 0)
        tap("%s: no mail was deferred or came back" % name, "status=sent" in host.log_text() and
            not re.search(r"status=(deferred|bounced)|warning: milter|fatal:|panic:", host.log_text()),
            "\n".join(re.findall(".*(?:status=[db]|milter|fatal:|panic:).*", host.log_text())))
    client.at_once(lambda host: host.stop(), hosts.values())
    ends_with = dict(zip(judges, client.at_once(lambda judge: judge.stop(), judges.values())))
    for name, judge in judges.items():
        log = judge.log_text()
        tap("%s: its milter judged all, and ends" % name, ends_with[name] == 0 and " judged " in log and " unjudged " not in log, log[-1500:])
    tap("the relay ends", relay.stop() == 0)


world.Tap().run(setup, all_sent, held, answered, paths, relay_delivers, classes, explained_of_milter, filtered, signed, results, whole, without_a_judge, in_the_end)
