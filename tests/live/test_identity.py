#!/usr/bin/python3
"""The client's identity by PROXY, XCLIENT and XFORWARD, as servers that we did not write see it.

Postfix for each: its log, a policy service and a milter behind it.  PROXY also with HAProxy, which made it.
"""
import os
import re
import shutil
import subprocess

import witnesses
import world

PROGRAM = world.BUILD + "/tests/live/introduce"
CLIENT = ("addr=192.0.2.77", "port=4660", "local=198.51.100.25", "localport=25", "name=mx.sender.example",
          "reverse=mx.sender.example", "helo=client.sender.example", "login=alice+x=y")
LONG = ".".join(("a" * 50,) * 4) + ".sender.example"

policy = milter = None


def introduce(means, port, *words):
    result = subprocess.run([PROGRAM, means, str(port), *words], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def postfix(name, extra):
    return world.Postfix(name, extra="""
smtpd_milters = inet:127.0.0.1:%d
milter_default_action = tempfail
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:%d
inet_protocols = all
%s
""" % (milter.port, policy.port, extra)).start()


def log_after(server, before, pattern):
    return world.wait_for("the log has " + pattern, lambda: re.search(pattern, server.log_text()[before:]))


def seen(server, means, *words):
    """What the program printed, the policy request, what the milter was told, the log."""
    before, n_asked, n_told = len(server.log_text()), len(policy.asked), len(milter.told)
    out = introduce(means, server.port, *words)
    log_after(server, before, "disconnect from .* (ehlo|helo)=")     # its session, not the one that saw whether Postfix listens
    return (out, (policy.asked[n_asked:] or [{}])[0], (milter.told[n_told:] or [{}])[0], server.log_text()[before:])


def setup(tap):
    """A policy service and a milter"""
    global policy, milter
    policy, milter = witnesses.Policy(), witnesses.Milter()
    tap("a policy service and a milter listen", True)


def xclient(tap):
    """XCLIENT: Postfix takes the client for the one we stand for, in everything"""
    server = postfix("xclient", "smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_authorized_xforward_hosts = 127.0.0.1")
    out, asked, told, log = seen(server, "auto", *CLIENT)
    tap("auto chooses XCLIENT, and the mail is taken", "tell: told" in out and "means: xclient seen" in out
        and "final: 250" in out, out)
    tap("the log has the client", "client=mx.sender.example[192.0.2.77]" in log, log)
    want = {"client_address": "192.0.2.77", "client_name": "mx.sender.example", "reverse_client_name": "mx.sender.example",
            "client_port": "4660", "helo_name": "client.sender.example", "server_address": "198.51.100.25", "server_port": "25",
            "protocol_name": "ESMTP"}
    tap("the policy service has it, with HELO, ports and our address", want.items() <= asked.items(), asked)
    tap("the milter has it", told == {"name": "mx.sender.example", "port": 4660, "address": "192.0.2.77",
                                      "helo": "client.sender.example"}, told)
    mail = world.wait_for("the mail", server.mails)[-1].decode()
    tap("the mail's Received has it", "Received: from client.sender.example (mx.sender.example [192.0.2.77])" in mail, mail)

    out, asked, told, log = seen(server, "xclient", "addr=2001:db8::77", "port=5", "helo=client.sender.example", "proto=SMTP")
    tap("IPv6, without a name, a client that said HELO", asked.get("client_address") == "2001:db8::77"
        and asked.get("client_name") == "unknown" and asked.get("reverse_client_name") == "unknown"
        and told.get("address") == "2001:db8::77", (out, asked, told))
    tap("and it still may use extensions", asked.get("protocol_name") == "ESMTP" and "final: 250" in out, (out, asked))

    out, asked, told, log = seen(server, "auto", *CLIENT[:4], "name=" + LONG, "reverse=" + LONG, "helo=" + LONG)
    tap("names that take a command of their own arrive with the rest", asked.get("client_name") == LONG
        and asked.get("reverse_client_name") == LONG and asked.get("client_address") == "192.0.2.77"
        and asked.get("helo_name") == LONG and asked.get("client_port") == "4660", (out, asked))

    out, asked, told, log = seen(server, "auto", *CLIENT[:4], "helo=a b\r\nRSET")
    tap("a HELO that is none comes masked", asked.get("helo_name") == "a?b??RSET", (out, asked))
    out, asked, told, log = seen(server, "auto", *CLIENT[:4])
    tap("no HELO at all: the address stands there", asked.get("helo_name") == "[192.0.2.77]", (out, asked))
    out, asked, told, log = seen(server, "auto", "own=1")
    tap("our own mail is ours", asked.get("client_address") == "127.0.0.1" and asked.get("helo_name") == "relay.example.net"
        and "means: none" in out, (out, asked))
    out, asked, told, log = seen(server, "xforward", *CLIENT)
    tap("by rule XFORWARD no XCLIENT", asked.get("client_address") == "127.0.0.1" and "means: xforward\n" in out, (out, asked))
    server.stop()


def xclient_tls(tap):
    """XCLIENT inside TLS: TLS stays, and the login is told"""
    os.mkdir(world.WORK + "/tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                    "-subj", "/CN=new.example.net", "-keyout", world.WORK + "/tls/key", "-out", world.WORK + "/tls/cert"],
                   check=True, capture_output=True)
    server = postfix("tls", """
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %(w)s/tls/cert
smtpd_tls_key_file = %(w)s/tls/key
smtpd_sasl_auth_enable = yes
""" % {"w": world.WORK})
    out, asked, told, log = seen(server, "auto", "tls=1", *CLIENT)
    tap("XCLIENT inside TLS", "starttls: 220" in out and "means: xclient seen" in out and "final: 250" in out, out + log)
    tap("TLS is kept", asked.get("encryption_protocol", "").startswith("TLS")
        and asked.get("client_address") == "192.0.2.77", asked)
    tap("the login is told", asked.get("sasl_username") == "alice+x=y", asked)
    server.stop()


def turned_away(tap):
    """A client that the new server refuses at the door is refused, and not passed off as ours"""
    server = postfix("door", """
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_delay_reject = no
smtpd_client_restrictions = check_client_access inline:{{192.0.2.66 = REJECT listed}, {192.0.2.67 = DEFER later}}
smtpd_helo_restrictions = check_helo_access inline:{{bad.sender.example = REJECT}}
""")
    for address, helo, want in (("192.0.2.66", "h.example", "turned away 554"), ("192.0.2.67", "h.example", "turned away 450"),
                                ("192.0.2.68", "bad.sender.example", "turned away 554")):
        out = introduce("auto", server.port, "addr=" + address, "helo=" + helo)
        tap("%s as %s is %s" % (address, helo, want), "tell: " + want in out and "mail:" not in out, out)
    out = introduce("auto", server.port, *CLIENT)
    tap("another is taken", "final: 250" in out, out)
    server.stop()


def xforward(tap):
    """XFORWARD: the log has the client; SPF and milters do not"""
    server = postfix("xforward", "smtpd_authorized_xforward_hosts = 127.0.0.1")
    out, asked, told, log = seen(server, "auto", "mails=2", *CLIENT)
    tap("auto chooses XFORWARD, for both mails of the session", out.count("forward: told") == 2
        and out.count("means: xforward\n") == 2 and out.count("final: 250") == 2, out)
    tap("the log has the client and our id, twice", len(re.findall(
        r"orig_client=mx.sender.example\[192.0.2.77\]", log)) == 2 and log.count("orig_queue_id=ID1") == 2, log)
    tap("the policy service has us", asked.get("client_address") == "127.0.0.1", asked)
    out, asked, told, log = seen(server, "auto", *CLIENT[:4], "name=" + LONG, "helo=" + LONG)
    tap("long names take two commands", "orig_client=%s[192.0.2.77]" % LONG in log, out + log)
    out, asked, told, log = seen(server, "xclient", *CLIENT)
    tap("by rule XCLIENT it is told nothing", "means: none" in out and "orig_client" not in log and "final: 250" in out, out)
    server.stop()


def nothing(tap):
    """A server that takes none of it gets plain mail; one without IPv6 cannot be told of such clients"""
    server = postfix("plain", "inet_protocols = ipv4")
    out, asked, told, log = seen(server, "auto", *CLIENT)
    tap("plain mail", "means: none" in out and "final: 250" in out and asked.get("client_address") == "127.0.0.1", (out, asked))
    subprocess.run(["postconf", "-c", server.etc, "smtpd_authorized_xclient_hosts = 127.0.0.1"], check=True)
    subprocess.run(["postfix", "-c", server.etc, "reload"], check=True, capture_output=True)
    world.wait_for("Postfix takes XCLIENT", lambda: "tell: told" in introduce("auto", server.port, *CLIENT))
    out = introduce("auto", server.port, "addr=2001:db8::77", "helo=h.example")
    tap("without IPv6 it refuses the command, and only a fresh session will do", "tell: refused 501 half" in out, out)
    server.stop()


def proxy(tap):
    """PROXY: Postfix takes the client for the one we stand for"""
    server = postfix("proxy", "")       # it must greet before it wants headers
    subprocess.run(["postconf", "-c", server.etc, "smtpd_upstream_proxy_protocol = haproxy"], check=True)
    subprocess.run(["postfix", "-c", server.etc, "reload"], check=True, capture_output=True)
    world.wait_for("Postfix wants headers", lambda: "final: 250" in introduce("proxy", server.port, "own=1"))
    out, asked, told, log = seen(server, "proxy", *CLIENT)
    want = {"client_address": "192.0.2.77", "client_port": "4660", "helo_name": "client.sender.example",
            "server_address": "198.51.100.25", "server_port": "25"}
    tap("PROXY, and the mail is taken", "means: proxy seen" in out and "final: 250" in out, out)
    tap("the policy service has the client", want.items() <= asked.items(), asked)
    tap("the milter has it", (told.get("address"), told.get("port"), told.get("helo")) ==
        ("192.0.2.77", 4660, "client.sender.example"), told)
    tap("the log has it", "client=unknown[192.0.2.77]" in log, log)
    out, asked, told, log = seen(server, "proxy", "addr=2001:db8::77", "port=5", "local=198.51.100.25", "localport=25", "helo=h.example")
    tap("a client of IPv6 that came to an IPv4 address", asked.get("client_address") == "2001:db8::77", (out, asked, log))
    out, asked, told, log = seen(server, "proxy", "own=1")
    tap("our own mail is ours: LOCAL", asked.get("client_address") == "127.0.0.1" and "final: 250" in out
        and asked.get("helo_name") == "relay.example.net", (out, asked, log))
    server.stop()


def haproxy(tap):
    """HAProxy reads our header and says it again in its own words"""
    server = postfix("behind", "")
    port, place = world.free_port(), world.WORK + "/haproxy"
    os.mkdir(place)
    with open(place + "/cfg", "w") as out:
        out.write("""
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    log stdout format raw local0
    log-format "from %%ci:%%cp to %%fi:%%fp"
frontend in
    bind 127.0.0.1:%d accept-proxy
    default_backend out
backend out
    server new 127.0.0.1:%d send-proxy
""" % (port, server.port))
    subprocess.run(["postconf", "-c", server.etc, "smtpd_upstream_proxy_protocol = haproxy"], check=True)
    subprocess.run(["postfix", "-c", server.etc, "reload"], check=True, capture_output=True)
    process = subprocess.Popen([shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-db", "-f", place + "/cfg"],
                               stdout=open(place + "/log", "w"), stderr=subprocess.STDOUT)
    world.ENDERS.append(process.terminate)
    world.wait_for("HAProxy listens", lambda: world.is_open(port))
    text = lambda: open(place + "/log").read()
    world.wait_for("a mail passes", lambda: "final: 250" in introduce("proxy", port, "addr=192.0.2.1", "port=1", "helo=h.example"))
    n = len(policy.asked)
    out = introduce("proxy", port, *CLIENT)
    tap("HAProxy's log has the client, and what it connected to",
        world.wait_for("HAProxy logs", lambda: "from 192.0.2.77:4660 to 198.51.100.25:25" in text()), text())
    tap("the server behind it has the client too", policy.asked[n:] and policy.asked[n]["client_address"] == "192.0.2.77"
        and policy.asked[n]["helo_name"] == "client.sender.example", out)
    introduce("proxy", port, "addr=2001:db8::77", "port=5", "local=2001:db8::25", "localport=25", "helo=h.example")
    tap("IPv6", world.wait_for("HAProxy logs", lambda: "from 2001:db8::77:5 to 2001:db8::25:25" in text()), text())
    introduce("proxy", port, "own=1")
    tap("LOCAL is from us", world.wait_for("HAProxy logs", lambda: re.search(r"from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:%d" % port, text())), text())
    process.terminate()
    process.wait(20)
    server.stop()


world.Tap().run(setup, xclient, xclient_tls, turned_away, xforward, nothing, proxy, haproxy)
