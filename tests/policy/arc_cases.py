#!/usr/bin/python3
# arc_cases.py - mails with chains of ARC, right and wrong, signed by dkimpy's parts; tests/policy/test_arc_suite reads them
#
# Prints "key NAME RECORD" and "case WANT OLDEST BYTES NAME", each case with its mail behind it.  WANT is what RFC 8617 5.2 says of
# the mail: none, pass or fail; OLDEST its oldest-pass, "-" for whatever.
#
# A case is a change of one of three kinds to one of two mails: to the text of a field before it is signed (then the signature is
# right, and it is the text that is judged), to what is signed, or to the mail afterwards.  The cases go through the list of what
# the public ARC test suite tries, and on from there; where that suite takes what RFC 8301 forbids (SHA-1, RSA of 512 bits), so
# does RFC 8301 here.
import base64
import hashlib
import re
import subprocess
import sys
import tempfile

import dkim
import dkim.canonicalization
import dkim.crypto
import nacl.signing

relaxed = dkim.canonicalization.Relaxed
out = sys.stdout.buffer
private = {}
pems = {}

ONE = b"""MIME-Version: 1.0\r
Return-Path: <joe@football.example.com>\r
Received: from mail.football.example.com (mail.football.example.com [192.0.2.10])\r
\tby lists.example.org with ESMTP id 1234; Sat, 21 Nov 2026 10:00:00 +0000\r
Message-ID: <1@football.example.com>\r
Date: Sat, 21 Nov 2026 10:00:00 +0000\r
From: Joe SixPack <joe@football.example.com>\r
To: list@example.org\r
Subject: Is dinner ready?\r
\r
Hi.\r
\r
We lost the game.  Are you hungry yet?\r
\r
Joe.\r
"""
TWO = b"""Return-Path: <ann@football.example.com>\r
X-Mailer: none\r
Message-ID: <2@football.example.com>\r
Date: Sat, 21 Nov 2026 10:00:00 +0000\r
From: Ann Other\r
  <ann@football.example.com>  \r
To: list@example.org,\r
\tjoe@football.example.com\r
Subject: a  mail \t in two parts\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary="=_1"\r
\r
--=_1\r
Content-Type: text/plain; charset=UTF-8\r
\r
Here  it is. \t \r
\r
--=_1\r
Content-Type: text/html; charset=UTF-8\r
\r
<p>Here it is.</p>\r
\r
--=_1--\r
\r
\r
"""


# --- keys ---

def make_key(selector, bits, domain="example.org"):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", file.name, str(bits)], stderr=subprocess.DEVNULL, check=True)
        pem = open(file.name, "rb").read()
        public = subprocess.run(["openssl", "rsa", "-in", file.name, "-pubout", "-outform", "DER"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=True).stdout
    pems[selector] = pem
    private[selector] = dkim.crypto.parse_pem_private_key(pem)
    publish(selector, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public), domain)


def publish(selector, record, domain="example.org"):
    out.write(b"key %s._domainkey.%s %s\n" % (selector.encode(), domain.encode(), record))


make_key("s1", 1024)
make_key("s2", 2048)
make_key("small", 512)
make_key("other", 1024, "example.net")
private["gone"] = private["revoked"] = private["bad"] = private["late"] = private["s1"]
private["ed"] = nacl.signing.SigningKey(b"\1" * 32)
publish("ed", b"v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(private["ed"].verify_key)))
publish("bad", b"v=DKIM1; k=rsa; whatever")
publish("revoked", b"v=DKIM1; k=rsa; p=")


# --- sealing ---

def parted(mail):
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = re.findall(rb"[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", head + b"\r\n") if head else []
    return [tuple(f.split(b":", 1)) for f in fields], body


def pick(fields, names):
    left, picked = list(fields), []
    for name in names:
        for i in range(len(left) - 1, -1, -1):
            if left[i][0].strip().lower() == name.strip().lower():
                picked.append(left.pop(i))
                break
    return picked


def digest(fields, canon, algorithm):
    data = b"".join(b"%s:%s" % field for field in canon.canonicalize_headers(fields))
    return algorithm(data[:-2])             # the signature's own field has no line end


def b_of(key, hasher):
    if key == "ed":
        return base64.b64encode(private[key].sign(hasher.digest()).signature)
    return base64.b64encode(dkim.crypto.RSASSA_PKCS1_v1_5_sign(hasher, private[key]))


def replaced(text, change):
    if change is None:
        return text
    old, new = change
    assert text.count(old) >= 1, (text, change)
    return text.replace(old, new, 1)


HASHES = {b"rsa-sha1": hashlib.sha1, b"rsa-sha256": hashlib.sha256}


# Adds a set.  aar, ams, seal: (old, new) in the text of that field, before it is signed; names: h= as it is signed; signs: what
# h= is signed as, if that is another list; hides: names whose fields the signer did not see.
def sealed(mail, i=1, cv=None, aar=None, ams=None, seal=None, key="s1", seal_key=None, names=b"from:to:date:subject:mime-version",
           signs=None, c=b"relaxed/relaxed", domain=b"example.org", order=b"AMR", a=b"rsa-sha256", seal_a=b"rsa-sha256", alone=False):
    seal_key = seal_key or key
    if cv is None:
        cv = b"none" if i == 1 else b"pass"
    results = replaced(b"ARC-Authentication-Results: i=%d; lists.example.org;\r\n    spf=pass smtp.mfrom=joe@football.example.com;\r\n"
                       b"    dkim=pass (1024-bit key) header.i=@football.example.com;\r\n    dmarc=pass\r\n" % i, aar)
    fields, body = parted(results + mail)
    policy = dkim.canonicalization.CanonicalizationPolicy.from_c_value(c if re.fullmatch(rb"[a-z]+(/[a-z]+)?", c) else b"relaxed/relaxed")
    hasher = HASHES.get(a, hashlib.sha256)
    bh = base64.b64encode(hasher(policy.canonicalize_body(body)).digest())
    text = replaced(b"ARC-Message-Signature: a=%s;\r\n    b=;\r\n    bh=%s; c=%s;\r\n    d=%s; h=%s;\r\n    i=%d; s=%s; t=12345\r\n"
                    % (a, bh, c, domain, names, i, key.encode()), ams)
    own = tuple(text.split(b":", 1))
    signed = pick(fields, (signs if signs is not None else names).split(b":"))
    message = text.replace(b"b=;", b"b=" + b_of(key, digest(signed + [own], policy.header_algorithm, hasher)) + b";", 1)
    text = replaced(b"ARC-Seal: a=%s;\r\n    b=; cv=%s; d=%s; i=%d; s=%s;\r\n    t=12345\r\n"
                    % (seal_a, cv, domain if seal_key == key else b"example.net", i, seal_key.encode()), seal)
    chain = []
    if not alone:
        for k in range(1, i):
            for name in (b"ARC-Authentication-Results", b"ARC-Message-Signature", b"ARC-Seal"):
                chain += [f for f in fields if f[0].lower() == name.lower() and b"i=%d;" % k in f[1] + b";"][:1]
    chain += [parted(results)[0][0] if results else None, tuple(message.split(b":", 1)), tuple(text.split(b":", 1))]
    seal_text = text.replace(b"b=;", b"b=" + b_of(seal_key, digest([f for f in chain if f], relaxed, HASHES.get(seal_a, hashlib.sha256))) + b";", 1)
    pieces = {b"A": seal_text, b"M": message, b"R": results}
    return b"".join(pieces[order[k:k + 1]] for k in range(len(order))) + mail


def chain(mail, n, **last):
    for i in range(1, n):
        mail = sealed(b"Received: by hop%d.example.org; Sat, 21 Nov 2026 11:00:00 +0000\r\n" % i + mail, i)
    return sealed(mail, n, **last)


def without(mail, name, i):
    fields, body = parted(mail)
    kept = [f for f in fields if not (f[0] == name and b"i=%d;" % i in f[1])]
    assert len(kept) == len(fields) - 1
    return b"".join(b"%s:%s" % f for f in kept) + b"\r\n" + body


def twice(mail, name, i):
    fields, body = parted(mail)
    again = [f for f in fields if f[0] == name and b"i=%d;" % i in f[1]]
    return b"".join(b"%s:%s" % f for f in again + fields) + b"\r\n" + body


def case(want, mail, name, oldest="-"):
    out.write(b"case %s %s %d %s\n" % (want.encode(), str(oldest).encode(), len(mail), name.encode()))
    out.write(mail + b"\n")


AAR, AMS, SEAL = b"ARC-Authentication-Results", b"ARC-Message-Signature", b"ARC-Seal"
KINDS = ((AAR, "results"), (AMS, "signature"), (SEAL, "seal"))

# --- chains as such ---

case("none", b"\r\n", "an empty mail")
case("none", b"\r\nHi.\r\n", "a mail without a header")
case("none", b"From: a@b.example\r\nSubject: x\r\n", "a mail without a body")
case("none", ONE, "a mail without ARC")
case("none", TWO, "another mail without ARC")
for text, which in ((ONE, "one"), (TWO, "two")):
    for n in (1, 2, 3, 4, 5):
        case("pass", chain(text, n), "mail %s with %d sets" % (which, n), 0)
case("pass", chain(ONE, 50), "50 sets", 0)
case("fail", sealed(chain(ONE, 50), 51), "51 sets")
changed = sealed(ONE).replace(b"From: Joe", b"From: Gene")
case("pass", sealed(changed, 2), "a list changes the mail and seals it", 2)
case("pass", sealed(sealed(changed, 2), 3), "and somebody seals it again", 2)
case("pass", sealed(sealed(sealed(ONE).replace(b"Joe.\r\n", b"Joe.\r\n-- \r\nThe list\r\n"), 2), 3), "a list adds a footer", 2)
case("pass", sealed(sealed(sealed(ONE), 2).replace(b"Hi.", b"Ho."), 3), "changed at the last hop", 3)
case("pass", sealed(sealed(ONE, c=b"simple/simple"), 2, c=b"relaxed/relaxed"), "two canonical forms of a body in a chain", 0)
case("fail", changed, "From changed under one set")
case("fail", chain(ONE, 2).replace(b"Hi.", b"Ho."), "the body changed under two sets")
case("pass", sealed(ONE, key="s2"), "a key of 2048 bits", 0)
case("pass", sealed(sealed(ONE, key="s2"), 2, key="s1"), "two keys in a chain", 0)
case("pass", sealed(ONE, seal_key="other"), "seal and signature of different domains", 0)
for name, what in KINDS:
    case("fail", without(sealed(ONE), name, 1), "one set without its " + what)
    case("fail", without(chain(ONE, 2), name, 1), "two sets without the first " + what)
    case("fail", without(chain(ONE, 2), name, 2), "two sets without the second " + what)
    case("fail", without(chain(ONE, 3), name, 2), "three sets without the second " + what)
    case("fail", twice(sealed(ONE), name, 1), "the %s twice" % what)
    case("fail", twice(chain(ONE, 2), name, 2), "the second %s twice" % what)
    case("fail", twice(chain(ONE, 2), name, 1), "the first %s twice, above the second" % what)
case("fail", twice(twice(twice(sealed(ONE), AAR, 1), AMS, 1), SEAL, 1), "the whole set twice")
case("fail", sealed(ONE, 2, cv=b"pass"), "a set 2 without a set 1")
case("fail", sealed(sealed(ONE), 3), "sets 1 and 3")
for cv in (b"pass", b"fail"):
    case("fail", sealed(ONE, cv=cv), "cv=%s in the first set" % cv.decode())
    case("fail", sealed(sealed(ONE, cv=cv), 2), "cv=%s in the first of two sets" % cv.decode())
for cv in (b"none", b"fail"):
    case("fail", sealed(sealed(ONE), 2, cv=cv), "cv=%s in the second set" % cv.decode())
    case("fail", sealed(sealed(sealed(ONE), 2, cv=cv), 3), "cv=%s in the second of three sets" % cv.decode())
case("fail", sealed(sealed(ONE, ams=(b"d=", b"x=1; d=")), 2, cv=b"fail", alone=True), "a failure sealed as one")
case("fail", sealed(ONE).replace(b"t=12345", b"t=12346", 1), "the first seal changed")
case("fail", sealed(sealed(ONE).replace(b"t=12345", b"t=12346", 1), 2), "the first of two seals changed before the second sealed it")
case("fail", re.sub(rb"(ARC-Seal:(?s:.)*?ARC-Seal:(?s:.)*?t=1234)5", rb"\g<1>6", chain(ONE, 2), count=1), "the first of two seals changed afterwards")
case("fail", chain(ONE, 2).replace(b"cv=pass", b"cv=none", 1), "cv= changed afterwards")
for order in (b"RMA", b"MAR", b"ARM"):
    case("pass", sealed(ONE, order=order), "fields of a set in the order " + order.decode(), 0)
fields, body = parted(chain(TWO, 3))
case("pass", b"".join(b"%s:%s" % f for f in [f for f in fields if f[0].startswith(b"ARC")][::-1] + [f for f in fields if not f[0].startswith(b"ARC")])
     + b"\r\n" + body, "all fields of ARC upside down", 0)

# --- all by dkimpy ---

def by_dkimpy(mail, n):
    for i in range(n):
        results = b"Authentication-Results: lists.example.org; %sspf=pass smtp.mfrom=joe@football.example.com\r\n" % (b"arc=pass; " if i else b"")
        mail = b"".join(dkim.arc_sign(results + mail, b"s1", b"example.org", pems["s1"], b"lists.example.org", timestamp=12345)) + mail
    return mail


for n in (1, 2, 5):
    case("pass", by_dkimpy(ONE, n), "mail one with %d sets by dkimpy" % n, 0)
    case("pass", by_dkimpy(TWO, n), "mail two with %d sets by dkimpy" % n, 0)
case("fail", by_dkimpy(ONE, 2).replace(b"Hi.", b"Ho."), "two sets by dkimpy, changed afterwards")
case("pass", sealed(by_dkimpy(ONE, 1), 2), "a set above one of dkimpy's", 0)

# --- the form of tag-lists, of both fields ---

FORMS = (
    ("pass", "blanks around semicolons", (b"d=example.org;", b"d=example.org  ; \t ")),
    ("pass", "folds around semicolons", (b"d=example.org;", b"d=example.org\r\n\t;\r\n  ")),
    ("pass", "blanks around equals signs", (b"d=", b"d = ")),
    ("pass", "folds around equals signs", (b"d=", b"d\r\n =\r\n ")),
    ("pass", "a semicolon at the end", (b"t=12345", b"t=12345;")),
    ("pass", "a semicolon and blanks at the end", (b"t=12345", b"t=12345 ; ")),
    ("pass", "an unknown tag", (b"d=", b"wurst=a.b/c; d=")),
    ("pass", "an unknown tag without a value", (b"d=", b"wurst=; d=")),
    ("fail", "a tag's name that is none", (b"d=", b"_a=1; d=")),
    ("fail", "a tag's name with a hyphen", (b"d=", b"a-b=1; d=")),
    ("fail", "an unknown tag twice", (b"d=", b"x=2000000000; x=2000000000; d=")),
    ("fail", "s= twice", (b"s=s1", b"s=s1; s=s1")),
    ("fail", "a tag's name in capitals", (b"s=s1", b"S=s1")),
    ("fail", "blanks in t=", (b"t=12345", b"t=12 345")),
    ("fail", "two semicolons", (b"s=s1;", b"s=s1;;")),
    ("fail", "a tag without an equals sign", (b"d=", b"wurst; d=")),
    ("fail", "bytes beyond ASCII in a value", (b"d=", b"wurst=\xc3\xa4; d=")),
    ("fail", "controls in a value", (b"d=", b"wurst=\x01; d=")),
    ("fail", "no i=", (b"i=1; ", b"")),
    ("fail", "an empty i=", (b"i=1", b"i=")),
    ("fail", "i=0", (b"i=1", b"i=0")),
    ("fail", "i=51", (b"i=1", b"i=51")),
    ("fail", "i=001", (b"i=1", b"i=001")),
    ("fail", "i=-1", (b"i=1", b"i=-1")),
    ("fail", "i=one", (b"i=1", b"i=one")),
    ("pass", "i=01", (b"i=1", b"i=01")),
    ("fail", "no a=", (b"a=rsa-sha256;", b"")),
    ("fail", "an empty a=", (b"a=rsa-sha256", b"a=")),
    ("fail", "an unknown a=", (b"a=rsa-sha256", b"a=rsa-sha512")),
    ("fail", "a= of another key", (b"a=rsa-sha256", b"a=ed25519-sha256")),
    ("pass", "a= in capitals", (b"a=rsa-sha256", b"a=RSA-SHA256")),
    ("fail", "no d=", (b"d=example.org; ", b"")),
    ("fail", "an empty d=", (b"d=example.org", b"d=")),
    ("fail", "a d= that is no domain", (b"d=example.org", b"d=example...")),
    ("fail", "a d= without a key", (b"d=example.org", b"d=nobody.example")),
    ("pass", "d= in capitals", (b"d=example.org", b"d=EXAMPLE.org")),
    ("fail", "no s=", (b"s=s1;", b"")),
    ("fail", "an empty s=", (b"s=s1", b"s=")),
    ("fail", "an s= that is no name", (b"s=s1", b"s=s..1")),
    ("pass", "no t=", (b"t=12345", b"")),
    ("fail", "an empty t=", (b"t=12345", b"t=")),
    ("fail", "a t= that is no time", (b"t=12345", b"t=noon")),
    ("fail", "a t= below 0", (b"t=12345", b"t=-1")),
    ("pass", "a t= in the future", (b"t=12345", b"t=4000000000")),
)
for want, what, change in FORMS:
    case(want, sealed(ONE, ams=change), "signature: " + what)
    case(want, sealed(TWO, seal=change), "seal: " + what)
    if change[0] not in (b"i=1", b"i=1; "):
        case(want, sealed(sealed(TWO), 2, seal=change), "second seal: " + what)
OLDER = (("expired", (b"d=", b"x=1000; d=")), ("with an unknown a=", (b"a=rsa-sha256", b"a=rsa-sha512")), ("with an empty t=", (b"t=12345", b"t=")),
         ("with s= twice", (b"s=s1", b"s=s1; s=s1")), ("with l=", (b"d=", b"l=4; d=")), ("without bh=", (b"bh=", b"bx=")), ("without a domain", (b"d=example.org; ", b"")))
for what, change in OLDER:
    case("pass", sealed(sealed(ONE, ams=change), 2), "an older signature " + what, 2)
    case("pass", sealed(sealed(sealed(ONE), 2, ams=change), 3), "the second of three signatures " + what, 3)
case("pass", sealed(sealed(ONE, a=b"rsa-sha1"), 2), "an older signature with rsa-sha1", 2)
case("fail", sealed(sealed(ONE, ams=(b"i=1; ", b"")), 2), "an older signature without i=")
case("fail", sealed(sealed(ONE, ams=(b"d=", b"wurst; d=")), 2), "an older signature that is no tag-list before its i=")
case("pass", sealed(ONE, ams=(b"t=12345", b"t=12345; v=1")), "signature: a v= is ignored")
case("fail", sealed(ONE, ams=(b"d=", b"x=1000; d=")), "signature: expired")
case("fail", sealed(ONE, ams=(b"d=", b"x=; d=")), "signature: an empty x=")
case("pass", sealed(ONE, ams=(b"d=", b"x=4000000000; d=")), "signature: not yet expired")
case("fail", sealed(ONE, ams=(b"d=", b"l=4; d=")), "signature: l=")
case("pass", sealed(ONE, ams=(b"d=", b"q=dns/txt; d=")), "signature: q=dns/txt")
case("pass", sealed(ONE, ams=(b"d=", b"q=x/y:dns/txt; d=")), "signature: q= with another method too")
case("fail", sealed(ONE, ams=(b"d=", b"q=x/y; d=")), "signature: q= without dns/txt")
case("pass", sealed(ONE, ams=(b"d=", b"z=From:joe|To:ann; d=")), "signature: z=")
case("fail", sealed(ONE, seal=(b"d=", b"h=from; d=")), "seal: h=")
case("fail", sealed(ONE, seal=(b"cv=none; ", b"")), "seal: no cv=")
case("fail", sealed(ONE, seal=(b"cv=none", b"cv=")), "seal: an empty cv=")
case("fail", sealed(ONE, seal=(b"cv=none", b"cv=perhaps")), "seal: a cv= that there is not")
case("pass", sealed(ONE, seal=(b"cv=none", b"cv=None")), "seal: cv= in capitals")

# --- SHA-1 and small keys: RFC 8301 3.1, 3.2 ---

case("fail", sealed(ONE, a=b"rsa-sha1"), "signature: rsa-sha1, and right")
case("fail", sealed(ONE, seal_a=b"rsa-sha1"), "seal: rsa-sha1, and right")
ed = sealed(ONE, key="ed", a=b"ed25519-sha256", seal_a=b"ed25519-sha256")
case("pass", ed, "Ed25519 (RFC 8463)", 0)
case("pass", sealed(ed, 2), "Ed25519 below RSA", 0)
case("fail", ed.replace(b"dmarc=pass", b"dmarc=fail", 1), "Ed25519, results changed afterwards")
case("fail", sealed(ONE, ams=(b"s=s1", b"s=ed")), "an Ed25519 key for a=rsa-sha256")
case("fail", sealed(ONE, key="small"), "a key of 512 bits")

# --- b= ---

for name, kind, text in ((AMS, "signature", ONE), (SEAL, "seal", TWO)):
    good = sealed(text)
    part = re.search(name + rb":(?s:.)*?b=([^;]*);", good)
    b, at = part.group(1), part.start(1)
    with_b = lambda new: good[:at] + new + good[at + len(b):]
    case("pass", with_b(b), kind + ": b= as it is")
    if name == SEAL:
        case("pass", with_b(b"\r\n\t".join(b[k:k + 20] for k in range(0, len(b), 20))), kind + ": b= folded afterwards")
        case("pass", with_b(b" " + b[:7] + b" \t " + b[7:] + b" "), kind + ": blanks in b= afterwards")
    case("fail", with_b(b""), kind + ": an empty b=")
    case("fail", with_b(b"!" + b[1:]), kind + ": b= is no base64")
    case("fail", with_b(b"yo-mama"), kind + ": b= is other text")
    case("fail", with_b(b[:10] + (b"A" if b[10:11] != b"A" else b"B") + b[11:]), kind + ": b= with one letter changed")
    case("fail", with_b(b[:-8]), kind + ": b= cut")
    case("fail", with_b(b + b), kind + ": b= twice as long")
    case("fail", with_b(b"A" * 2000), kind + ": a b= of 2000 letters")
    case("fail", good[:part.start(1) - 2] + good[part.end(1) + 1:], kind + ": no b=")
for value in (b"b=", b"b= ", b"b", b"b==", b"b= \r\n\t"):
    for name in (b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=s1; ", b"ARC-Message-Signature: i=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=x; "):
        case("fail", name + value + b"\r\nARC-Authentication-Results: i=1; x\r\n" + ONE, (name[:10] + b"... ends in " + value.strip()).decode())
good = sealed(ONE)
case("fail", good.replace(b"dmarc=pass", b"dmarc=fail", 1), "results changed afterwards")
case("fail", good.replace(b"i=1; lists", b"i=2; lists", 1), "results: i= changed afterwards")
case("fail", good.replace(b"h=from:to:", b"h=from:", 1), "signature: h= changed afterwards")
case("fail", good.replace(b"ARC-Seal: a=", b"ARC-Seal: x=1; a=", 1), "seal: a tag added afterwards")

# --- what canonical forms let pass ---

case("pass", good.replace(b"From:", b"fROM:").replace(b"ARC-Auth", b"arc-AUTH").replace(b"ARC-Seal", b"Arc-seal"), "names of fields in another case")
case("pass", good.replace(b"To: list", b"To:\r\n list"), "a field folded afterwards")
case("pass", good.replace(b";\r\n    spf", b"; spf").replace(b";\r\n    dkim=", b";\r\n\tdkim="), "results folded in another way")
case("pass", good.replace(b"ready?\r\n", b"ready? \t \r\n"), "blanks at the end of a field")
case("pass", good.replace(b"Is dinner", b"Is \t dinner"), "more blanks in a field")
case("pass", good.replace(b"Subject: ", b"Subject:  \t"), "blanks behind the colon")
case("pass", good.replace(b"lists.example.org;\r\n", b"lists.example.org;   \r\n"), "blanks at the end of a line of the results")
case("pass", good.replace(b"Hi.\r\n", b"Hi.  \t\r\n"), "relaxed body: blanks at the end of a line")
case("pass", good.replace(b"the game", b"the \t  game"), "relaxed body: more blanks")
case("pass", good + b"\r\n \t\r\n\r\n", "relaxed body: empty lines at its end")
case("pass", good[:-2], "relaxed body: no line end at its end")
case("fail", good.replace(b"game", b"Game"), "relaxed body: a letter changed")
case("fail", good.replace(b"the game", b"thegame"), "relaxed body: a blank less")
case("fail", good.replace(b"Is dinner", b"Isdinner"), "a blank less in a field")
plain = sealed(ONE, c=b"simple/simple")
case("pass", plain, "c=simple/simple")
case("pass", plain + b"\r\n\r\n", "simple body: empty lines at its end")
case("fail", plain.replace(b"the game", b"the  game"), "simple body: more blanks")
case("fail", plain.replace(b"Hi.\r\n", b"Hi. \r\n"), "simple body: blanks at the end of a line")
case("fail", plain.replace(b"Is dinner", b"Is  dinner"), "simple header: more blanks")
case("pass", sealed(ONE, c=b"simple/relaxed"), "c=simple/relaxed")
case("pass", sealed(TWO, c=b"relaxed/simple"), "c=relaxed/simple")
case("pass", sealed(TWO, c=b"relaxed"), "c=relaxed")
case("pass", sealed(TWO, c=b"simple"), "c=simple")
case("pass", sealed(TWO, c=b"simple/simple", ams=(b" c=simple/simple;", b"")), "no c= is simple/simple")
case("fail", sealed(ONE, ams=(b" c=relaxed/relaxed;", b"")), "no c=, and signed as relaxed")
case("fail", sealed(ONE, ams=(b"c=relaxed/relaxed", b"c=")), "an empty c=")
case("fail", sealed(ONE, ams=(b"c=relaxed/relaxed", b"c=nofws/relaxed")), "a c= that there is not")
case("fail", sealed(ONE, ams=(b"c=relaxed/relaxed", b"c=relaxed/relaxed/relaxed")), "a c= of three words")
case("fail", sealed(ONE, ams=(b"c=relaxed/relaxed", b"c=simple/simple")), "signed as relaxed, said to be simple")

# --- bh= ---

bh = re.search(rb"bh=([^;]*)", good).group(1)
case("pass", sealed(ONE, ams=(bh, bh[:9] + b" \t" + bh[9:20] + b"\r\n  " + bh[20:])), "blanks and folds in bh=")
case("fail", sealed(ONE, ams=(b"bh=" + bh + b"; ", b"")), "no bh=")
case("fail", sealed(ONE, ams=(bh, b"")), "an empty bh=")
case("fail", sealed(ONE, ams=(bh, b"yo-mama")), "bh= is no base64")
case("fail", sealed(ONE, ams=(bh, bh[:-8] + b"=")), "bh= is cut")
case("fail", sealed(ONE, ams=(bh, base64.b64encode(hashlib.sha256(b"x").digest()))), "bh= of another body")
case("pass", sealed(b"From: a@b.example\r\nTo: x\r\n\r\n"), "an empty body")
case("pass", sealed(b"From: a@b.example\r\nTo: x\r\n\r\n", c=b"simple/simple"), "an empty body, simple")

# --- h= ---

case("pass", sealed(ONE, names=b""), "an empty h=")
case("fail", sealed(ONE, ams=(b" h=from:to:date:subject:mime-version;", b"")), "no h=")
case("pass", sealed(ONE, names=b"from : to : date : subject"), "blanks around the colons of h=")
case("pass", sealed(ONE, names=b"from :\r\n   to\r\n\t: date"), "h= folded")
case("pass", sealed(ONE, names=b"From:TO:dATE:Subject"), "h= in another case")
case("pass", sealed(ONE.replace(b"To: list", b"To: morty@example.org\r\nTo: list"), names=b"from:to:to:subject"), "two fields of a name, from the bottom up")
swapped = sealed(ONE.replace(b"To: list@example.org", b"To: morty@example.org\r\nTo: list@example.org"), names=b"from:to:to:subject")
case("fail", swapped.replace(b"To: morty@example.org\r\nTo: list@example.org", b"To: list@example.org\r\nTo: morty@example.org"), "two fields of a name, exchanged")
case("pass", sealed(ONE, names=b"from:reply-to:to"), "a name that the mail has not")
case("pass", sealed(ONE, names=b"from:reply-to:to:reply-to:from"), "such a name twice")
case("fail", b"Reply-To: x@example.net\r\n" + sealed(ONE, names=b"from:reply-to:to"), "such a field added afterwards")
case("fail", b"From: x@example.net\r\n" + sealed(ONE, names=b"from:to:from"), "a From added over an oversigned one")
case("pass", b"X-From: x@example.net\r\n" + sealed(ONE, names=b"from:to:from"), "another field added")
case("pass", sealed(ONE, names=b"from:to::date"), "an empty name in h=")
case("fail", sealed(ONE, names=b"from:t o:date"), "a blank within a name of h=")
case("fail", sealed(ONE, names=b"from:to:date", signs=b"from:date:to"), "h= in another order than was signed")
case("pass", sealed(ONE, names=b"from:to:arc-authentication-results"), "h= has ARC-Authentication-Results")
case("pass", sealed(sealed(ONE), 2, names=b"from:arc-authentication-results:arc-message-signature"), "h= has fields of ARC that were there")
case("fail", sealed(ONE, names=b"from:arc-seal"), "h= has ARC-Seal, of which there is none")
case("fail", sealed(sealed(ONE), 2, names=b"from:ARC-Seal:to"), "h= has ARC-Seal")
case("pass", sealed(ONE, names=b"from:arc-message-signature"), "a signature does not sign itself")
case("pass", sealed(ONE, names=b":".join([b"from"] * 256)), "256 names in h=")
case("fail", sealed(ONE, names=b":".join([b"from"] * 300)), "300 names in h=")

# --- results ---

case("fail", sealed(ONE, aar=(b" i=1;", b"")), "results: no i=")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=;")), "results: an empty i=")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=0;")), "results: i=0")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=51;")), "results: i=51")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=squanch;")), "results: i= is no number")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=2;")), "results: i= of another set")
case("fail", sealed(ONE, aar=(b"i=1; lists.example.org;", b"lists.example.org; i=1;")), "results: i= not at the front")
case("fail", sealed(ONE, aar=(b"i=1;", b"i=1")), "results: no semicolon behind i=")
case("fail", sealed(ONE, aar=(b"i=1;", b"I=1;")), "results: I=")
case("pass", sealed(ONE, aar=(b"i=1;", b"i = 1 ;")), "results: blanks around i=")
case("pass", sealed(ONE, aar=(b" i=1;", b"\r\n (a comment) i=(and)1(more)\r\n ;")), "results: comments around i=")
case("fail", sealed(ONE, aar=(b" i=1;", b" (a comment i=1;")), "results: a comment that does not end")
case("pass", sealed(ONE, aar=(b"dmarc=pass", b"dmarc=pass (\xc3\xa4)")), "results: UTF-8")

# --- keys ---

case("fail", sealed(ONE, key="gone"), "no key for the signature and the seal")
case("fail", sealed(ONE, seal=(b"s=s1", b"s=gone")), "no key for the seal")
case("fail", sealed(ONE, ams=(b"s=s1", b"s=gone")), "no key for the signature")
case("pass", sealed(sealed(ONE, ams=(b"s=s1", b"s=gone")), 2), "no key for an older signature", 2)
case("fail", sealed(sealed(ONE, seal=(b"s=s1", b"s=gone")), 2), "no key for an older seal")
case("fail", sealed(ONE, key="bad"), "a key record that is none")
case("fail", sealed(ONE, key="revoked"), "a key that is revoked")
case("fail", sealed(ONE, seal=(b"s=s1", b"s=s2")), "a key that is another's")
