"""growing_destinations.py - the same recipients in ever more domains, each with a next hop of its own"""
from growing import ways_wrong
from workloads import Workload, relay

TITLE = "domains, each with an MX record and an address of its own"
NOTE = "a mail of 4 KB for each recipient, or for 100 in as many domains as there are"


def measured(ground, n, n_recipients):
    workload = Workload("", None, per_session=20, n_domains=n, n_recipients=n_recipients, by_mx=True)
    with ground.smtpfwd(workload) as (load, peer, scene):
        return relay(load, peer, scene)


def rows(ground):
    for n in ground.options.destinations:
        one, many = measured(ground, n, 1), measured(ground, n, 100)
        many = {name.replace("messages_", "recipients_").replace("_message", "_recipient"): value for name, value in many.items()}
        yield {"domains": n, "mails_per_s": one["messages_per_s"], "cpu_ms_a_mail": one["cpu_ms_per_message"], "pss_mb": one["pss_mb"],
               "recipients_per_s": many["recipients_per_s"], "cpu_ms_a_recipient": many["cpu_ms_per_recipient"],
               "pss_mb_100": many["pss_mb"], "wrong": ways_wrong(one["wrong"], many["wrong"])}
