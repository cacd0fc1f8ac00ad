#!/usr/bin/python3
"""grammar.py - is a mail a delivery status notification?  By the RFCs, with none of our code

RFC 5322 (lines, fields, dates), RFC 2045 and 2046 (MIME), RFC 3464 and 6522 (reports), RFC 6533
(internationalised ones).  Python's own email package must read it without a defect, too.

As a program: reads frames "SMTPUTF8 8BITMIME RETURNED-BYTES REPORT-BYTES\\n", the returned mail and the
report from standard input, and prints one line for each that is wrong, at the end how many were right.
"""
import email
import email.policy
import quopri
import re
import sys

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
DOT_ATOM = r"%s(?:\.%s)*" % (ATOM, ATOM)
QUOTED_STRING = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
LITERAL = r"\[[!-Z^-~]+\]"
MAILBOX = r"(?:%s|%s)@(?:%s|%s)" % (DOT_ATOM, QUOTED_STRING, DOT_ATOM, LITERAL)
DATE = (r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
        r"\d\d:\d\d:\d\d [+-]\d{4}")
TEXT = r"[\t -~]*[!-~][\t -~]*"
TEXT_UTF8 = r"[^\x00-\x08\x0a-\x1f\x7f]*"
# RFC 6533 3, with HEXPOINT as its ABNF has it.
HEXPOINT = (r"(?:[01][1-9]|10|20|2B|3D|7F|5C|[89A-F][0-9A-F]|[1-9A-F][0-9A-F]{2}|[1-9A-CEF][0-9A-F]{3}|D[0-7][0-9A-F]{2}"
            r"|[1-9A-F][0-9A-F]{4}|10[0-9A-F]{4})")
XTEXT = r"(?:[!-*,-<>-\[\]-~]|\\x\{%s\})+" % HEXPOINT
UNITEXT = r"(?:[!-*,-<>-\[\]-~]|[^\x00-\x7f]|\\x\{%s\})+" % HEXPOINT
UTF8_MAILBOX = r"(?:[^\x00-\x20\x7f@]+|\"[^\x00-\x1f\x7f]*\")@[^\x00-\x20\x7f@]+"

MESSAGE_FIELDS = {"original-envelope-id", "reporting-mta", "dsn-gateway", "received-from-mta", "arrival-date"}
RECIPIENT_FIELDS = {"original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code",
                    "last-attempt-date", "final-log-id", "will-retry-until"}
CLASSES = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}


class Wrong(Exception):
    pass


def need(held, what, *shown):
    if not held:
        raise Wrong("%s %s" % (what, " ".join(repr(s)[:300] for s in shown)))


def matches(pattern, text):
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def split_fields(section, may_be_utf8):
    """A header section (or a group of status fields) as a list of (name in lower case, unfolded value)."""
    fields = []
    for line in section.split(b"\r\n"):
        need(may_be_utf8 or not any(b >= 0x80 for b in line), "a field is not ASCII:", line)
        need(not any((b < 0x20 and b != 9) or b == 0x7f for b in line), "a control byte in a field:", line)
        if line[:1] in (b" ", b"\t"):
            need(fields and line.strip(), "a folded line that folds nothing:", line)
            fields[-1][1] += line
            continue
        name, colon, value = line.partition(b":")
        need(colon and re.fullmatch(rb"[!-9;-~]+", name), "no field:", line)
        fields.append([name.decode().lower(), value])
    return [(name, value.decode("utf-8").strip(" \t")) for name, value in fields]


def one(fields, name, default=None):
    values = [v for n, v in fields if n == name]
    need(len(values) <= 1, "a field stands twice:", name)
    need(values or default is not None, "a field is missing:", name)
    return values[0] if values else default


def check_address(value, is_utf8, is_final):
    kind, semicolon, address = value.partition(";")
    kind, address = kind.strip().lower(), address.strip(" ")
    need(semicolon and matches(ATOM, kind), "no address type:", value)
    if kind == "rfc822" and is_final:
        need(matches(MAILBOX, address) or address.lower() == "postmaster", "no address:", value)
    elif kind == "utf-8":
        forms = (XTEXT, UNITEXT, UTF8_MAILBOX) if is_utf8 else (XTEXT,)
        need(any(matches(form, address) for form in forms), "no utf-8 address:", value)
    else:
        need(matches(TEXT_UTF8 if is_utf8 else TEXT, address), "no address text:", value)


def check_mta(value):
    kind, semicolon, name = value.partition(";")
    need(semicolon and matches(ATOM, kind.strip()), "no MTA type:", value)
    need(matches(TEXT, name.strip()), "no MTA name:", value)


def check_message_fields(fields):
    check_mta(one(fields, "reporting-mta"))
    need(matches(DATE, one(fields, "arrival-date")), "no date:", fields)
    need(matches(TEXT, one(fields, "original-envelope-id", "x")), "no envelope id:", fields)
    need(all(n in MESSAGE_FIELDS or n.startswith("x-") for n, _ in fields), "unknown fields:", fields)
    for name in MESSAGE_FIELDS:
        one(fields, name, "")


def check_recipient_fields(fields, is_utf8):
    for name in RECIPIENT_FIELDS:
        one(fields, name, "")
    need(all(n in RECIPIENT_FIELDS or n.startswith("x-") for n, _ in fields), "unknown fields:", fields)
    check_address(one(fields, "final-recipient"), is_utf8, True)
    if one(fields, "original-recipient", ""):
        check_address(one(fields, "original-recipient"), is_utf8, False)
    action, status = one(fields, "action"), one(fields, "status")
    need(action in CLASSES, "no action:", action)
    need(matches(r"[245]\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})", status), "no status:", status)
    need(status[0] in CLASSES[action], "status and action differ:", action, status)
    diagnostic = one(fields, "diagnostic-code", "")
    if diagnostic:
        kind, semicolon, text = diagnostic.partition(";")
        need(semicolon and matches(ATOM, kind), "no diagnostic type:", diagnostic)
        need(matches(TEXT_UTF8 if is_utf8 else TEXT, text), "no diagnostic text:", diagnostic)
        need(kind.lower() != "smtp" or matches(r"[2-5]\d\d(?:[ \t].*)?", text.strip()), "no SMTP reply:", diagnostic)
    remote = one(fields, "remote-mta", "")
    if remote:
        check_mta(remote)
    for name in ("last-attempt-date", "will-retry-until"):
        value = one(fields, name, "")
        need(not value or matches(DATE, value), "no date:", name, value)
    need(not one(fields, "will-retry-until", "") or action == "delayed", "a retry of what is over:", fields)


class Part:
    def __init__(self, raw, is_utf8):
        head, empty, self.body = raw.partition(b"\r\n\r\n")
        if raw.startswith(b"\r\n"):
            head, empty, self.body = b"", b"\r\n", raw[2:]
        need(empty, "a part without a header:", raw[:200])
        self.fields = split_fields(head, is_utf8) if head else []
        value = one(self.fields, "content-type", "text/plain")
        self.type = value.split(";")[0].strip().lower()
        self.charset = (re.search(r"charset=([\w-]+)", value) or [None, "us-ascii"])[1]
        self.encoding = one(self.fields, "content-transfer-encoding", "7bit").lower()
        self.content = self.decode()

    def decode(self):
        need(self.encoding in ("7bit", "8bit", "quoted-printable"), "no encoding of ours:", self.encoding)
        if self.encoding != "8bit":
            need(not any(b >= 0x80 for b in self.body), "8-bit bytes in a part that is", self.encoding)
        if self.encoding != "quoted-printable":
            return self.body
        need(self.type not in ("message/rfc822", "message/delivery-status"), "this must not be encoded:", self.type)
        for line in self.body.split(b"\r\n"):
            need(len(line) <= 76, "a quoted-printable line too long:", line)
            need(re.fullmatch(rb"(?:[!-<>-~ \t]|=[0-9A-F]{2})*=?", line), "no quoted-printable:", line)
            need(not line.endswith((b" ", b"\t")), "a blank ends a quoted-printable line:", line)
        return quopri.decodestring(self.body)


class Report:
    """Raises Wrong unless raw is a report.  is_utf8: it came with SMTPUTF8; is_8bit: with BODY=8BITMIME."""

    def __init__(self, raw, is_utf8=False, is_8bit=None):
        need(re.search(rb"[^\r]\n|\r[^\n]|\r\Z", raw) is None, "bare line ends")
        if is_8bit is not None and not is_8bit:
            need(not any(b >= 0x80 for b in raw), "8-bit bytes in a report that is sent as 7-bit")
        self.raw, self.is_utf8 = raw, is_utf8
        head, _, body = raw.partition(b"\r\n\r\n")
        self.fields = split_fields(head, is_utf8)
        need(all(len(line) <= 998 for line in head.split(b"\r\n")), "a header line too long")
        need(all(len(line) <= 76 for line in head.split(b"\r\n") if b"=?utf-8?" in line), "a line with encoded-words too long")
        self.check_header()
        boundary = re.search(r'boundary="([^"]+)"', one(self.fields, "content-type"))[1].encode()
        pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
        need(len(pieces) == 5 and pieces[4] == b"--\r\n" and pieces[0] == b"", "not three parts:", len(pieces), pieces[-1])
        self.parts = [Part(piece[2:], is_utf8) for piece in pieces[1:4]]
        for piece, part in zip(pieces[1:4], self.parts):
            need(piece.startswith(b"\r\n"), "something behind a boundary:", piece[:80])
            need(part.encoding != "8bit" or self.encoding == "8bit", "8-bit within 7-bit")
        for part in self.parts[:2]:
            need(all(len(line) <= 998 for line in part.body.split(b"\r\n")), "a line too long")
        self.check_text()
        self.check_status()
        self.check_by_python()


    def check_header(self):
        one_of = lambda name: one(self.fields, name)
        kind = one_of("content-type")
        need(matches(r'multipart/report;\s*report-type=delivery-status;\s*boundary="[^"]{1,70}"', kind), "no report:", kind)
        need(one_of("mime-version") == "1.0", "no MIME version")
        need(one_of("auto-submitted") == "auto-replied", "not marked as automatic")
        need(matches(DATE, one_of("date")), "no date")
        need(matches(r"<[!-;=?-~]+@[!-;=?-~]+>", one_of("message-id")), "no Message-ID")
        need(matches(r"Mail Delivery System <postmaster@%s>" % DOT_ATOM, one_of("from")), "no From:", one_of("from"))
        to = re.fullmatch(r"<(.*)>", one_of("to"))
        need(to and matches(UTF8_MAILBOX if self.is_utf8 else MAILBOX, to[1]), "no To:", one_of("to"))
        for name in ("in-reply-to", "references"):
            value = one(self.fields, name, "")
            need(not value or matches(r"<[!-;=?-~]+@[!-;=?-~]+>", value), "no message id:", value)
        self.subject = one_of("subject")
        self.encoding = one(self.fields, "content-transfer-encoding", "7bit")
        need(self.encoding in ("7bit", "8bit"), "a multipart is never encoded")

    def check_text(self):
        part = self.parts[0]
        need(part.type == "text/plain", "a person is not told first:", part.type)
        self.text = part.content.decode(part.charset)
        need(not re.search(r"[^\r]\n|\r[^\n]", self.text), "bare line ends in the text")
        need(not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", self.text),
             "control characters in the text:", self.text)

    def check_status(self):
        part = self.parts[1]
        need(part.type == ("message/global-delivery-status" if self.is_utf8 else "message/delivery-status"),
             "no status:", part.type)
        need(part.content.endswith(b"\r\n"), "the last field has no end")
        groups = part.content[:-2].split(b"\r\n\r\n")
        need(len(groups) >= 2, "no recipient")
        self.message = split_fields(groups[0], self.is_utf8)
        check_message_fields(self.message)
        self.recipients = []
        for group in groups[1:]:
            fields = split_fields(group, self.is_utf8)
            check_recipient_fields(fields, self.is_utf8)
            self.recipients.append(dict(fields))

    def check_by_python(self):
        policy = email.policy.SMTPUTF8 if self.is_utf8 else email.policy.SMTP
        mail = email.message_from_bytes(self.raw, policy=policy)
        need(mail.get_content_type() == "multipart/report", "Python sees", mail.get_content_type())
        # What is returned is not ours to answer for.
        for part in [mail] + mail.get_payload()[:2]:
            need(not part.defects, "Python sees defects:", part.defects)
        for name in ("from", "to", "date", "message-id"):
            defects = [d for d in mail[name].defects if not (self.is_utf8 and type(d).__name__ in
                       ("NonASCIILocalPartDefect", "UndecodableBytesDefect"))]
            need(not defects, "Python sees defects in", name, mail[name], defects)
        need(len(mail.get_payload()) == 3, "Python sees other parts")
        self.python_subject = str(mail["subject"])
        need(re.fullmatch(r"Mail to .+ (could not be delivered|is delayed|was passed on)", self.python_subject),
             "Python reads another subject:", self.python_subject)
        if not self.is_utf8:
            groups = mail.get_payload()[1].get_payload()
            need(len(groups) == 1 + len(self.recipients), "Python sees other groups of status fields:", len(groups))

    @property
    def returned(self):
        return self.parts[2].content

    @property
    def returned_type(self):
        return self.parts[2].type

    def is_returned(self, mail):
        """Whether this is what was returned of the mail: all of it, or its header section."""
        if self.returned_type in ("message/rfc822", "message/global"):
            return self.returned == mail
        head, empty, _ = mail.partition(b"\r\n\r\n")
        return self.returned == (head + b"\r\n" if empty else mail)


def judge(stream):
    n_right = n = 0
    while True:
        line = stream.readline()
        if not line:
            break
        is_utf8, is_8bit, returned_bytes, report_bytes = (int(word) for word in line.split())
        mail, raw = stream.read(returned_bytes), stream.read(report_bytes)
        n += 1
        try:
            report = Report(raw, bool(is_utf8), bool(is_8bit))
            need(report.is_returned(mail), "something else was returned:", report.returned[:200], mail[:200])
            n_right += 1
        except (Wrong, UnicodeError, ValueError, LookupError) as trouble:
            print("report %d: %s: %s" % (n, type(trouble).__name__, trouble))
    print("right: %d" % n_right)


if __name__ == "__main__":
    judge(sys.stdin.buffer)
