"""sealed.py - what a mail that arrived says of ARC: the results in our name, the set on top; it judges no signature"""
import re

import authres
import authres.arc

SET = [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"]


def fields_of(mail):
    head = mail.partition(b"\r\n\r\n")[0] + b"\r\n"
    return [tuple(f.split(b":", 1)) for f in re.findall(rb"[^\r\n]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", head)]


def found_in(mail, us):
    """Of the one field of results in the name us: arc=, its properties, the field."""
    ours = [value for name, value in fields_of(mail) if name == b"Authentication-Results" and value.lstrip().startswith(us.encode())]
    if len(ours) != 1:
        return "%d fields" % len(ours), {}, ours
    field = "Authentication-Results:" + re.sub(r"\r\n(?=[ \t])", "", ours[0].decode().rstrip("\r\n"))
    for result in authres.AuthenticationResultsHeader.parse(field).results:
        if result.method == "arc":
            return result.result, {(p.type, p.name): p.value for p in result.properties}, field
    return "no arc=", {}, field


def set_on_top(mail, domain):
    """The values of the set of that domain by their names, if the first three fields are one."""
    top = fields_of(mail)[:3]
    return dict(top) if [name for name, _ in top] == SET and b"d=%s;" % domain.encode() in top[0][1] else {}


def tag(field, name):
    return re.search(rb"(?:^|;)\s*%s=([^;]*)" % name, field).group(1).strip().decode()
