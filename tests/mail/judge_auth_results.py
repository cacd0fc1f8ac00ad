#!/usr/bin/python3
"""judge_auth_results.py - the authres package reads what we write into Authentication-Results

Standard input: a field, a NUL, what it is to say, a NUL, and so on.  What it is to say is a line for each result
("method=result"), reason ("reason=...") and property ("ptype.name=value").  Prints a line for each that says
something else, and at the end how many were right.
"""
import re
import sys

try:
    import authres
except ImportError:
    print("authres is missing")
    sys.exit(1)



def plain(value):
    """The judge leaves quoted pairs as they are."""
    return re.sub(r"\\(.)", r"\1", value)


n_right = 0
parts = sys.stdin.buffer.read().split(b"\0")[:-1]
for field, want in zip(parts[::2], parts[1::2]):
    text = re.sub("\r\n(?=[ \t])", "", field.decode())
    got = []
    try:
        for result in authres.parse(text).results:
            got.append("%s=%s" % (result.method, result.result))
            if result.reason:
                got.append("reason=%s" % plain(result.reason))
            got += ["%s.%s=%s" % (p.type, p.name, plain(p.value)) for p in result.properties]
    except authres.AuthResError as error:
        got = [str(error)]
    if got == want.decode().splitlines():
        n_right += 1
    else:
        print("%r: %r, not %r" % (text, got, want))
print("right: %d" % n_right)
