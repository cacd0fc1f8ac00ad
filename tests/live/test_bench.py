#!/usr/bin/python3
"""Short runs of tests/bench: all mail is relayed, signed and verified, and every figure is there; none is judged."""
import json
import os
import subprocess

import world


def bench(tap):
    """smtpfwd beside Postfix, and beside HAProxy"""
    peers = {"many": "postfix", "drain": "postfix", "starttls": "postfix", "sign": "postfix", "verify": "postfix", "broadcast": "postfix",
             "online-signed": "haproxy", "idle": "postfix"}
    result = subprocess.run([os.path.join(world.TOP, "tests/bench/run"), "--build", world.BUILD, "--rounds", "1", "--messages", "50",
                             "--sessions", "10", "--idle", "20", "--workloads", ",".join(peers), "--directory", world.WORK, "--json"],
                            capture_output=True, text=True, timeout=300)
    tap("every mail arrived, once and whole, signed or verified where it was to be, under each workload", result.returncode == 0, result.stderr)
    figures = json.loads(result.stdout)["figures"]
    tap("all workloads have their figures", list(figures) == list(peers), figures)
    missing = [(workload, name, peer) for workload in figures for name, entry in figures[workload].items()
               for peer in ("smtpfwd", peers[workload]) if len(entry["values"][peer]) != 1]
    tap("and both peers theirs", not missing, missing)
    left = [name for name in os.listdir(world.WORK) if name.startswith("smtpfwd-bench")]
    tap("nothing is left behind", not left, left)


def milters(tap):
    """smtpfwd-milter beside OpenDKIM"""
    result = subprocess.run([os.path.join(world.TOP, "tests/bench/milters"), "--build", world.BUILD, "--rounds", "1", "--messages", "48",
                             "--sessions", "6", "--many", "20", "--delay", "50", "--workloads", "sign,verify,slow-20,burst-20",
                             "--directory", world.WORK, "--json"], capture_output=True, text=True, timeout=300)
    tap("every mail was taken, and those that were looked at are signed and verified rightly", result.returncode == 0, result.stderr)
    figures = json.loads(result.stdout)["figures"]
    tap("all workloads have their figures", sorted(figures) == ["burst-20", "sign", "slow-20", "verify"], figures)
    missing = [(workload, name, peer) for workload in figures for name in ("messages_per_s", "cpu_ms_per_message", "p99_ms")
               for peer in ("smtpfwd", "opendkim") if len(figures[workload][name]["values"].get(peer, ())) != 1]
    tap("and both filters theirs", not missing, missing)
    tap("and so has a Postfix without one", len(figures["sign"]["messages_per_s"]["values"]["none"]) == 1, figures["sign"])
    left = [name for name in os.listdir(world.WORK) if name.startswith("smtpfwd-bench")]
    tap("nothing is left behind", not left, left)


def growth(tap):
    """how smtpfwd's cost grows"""
    result = subprocess.run([os.path.join(world.TOP, "tests/bench/growth"), "--build", world.BUILD, "--connections", "5", "--queue", "120",
                             "--destinations", "3", "--sizes", "70000", "--workloads", "many", "--messages", "40", "--probes", "3",
                             "--share", "0.001", "--directory", world.WORK, "--json"], capture_output=True, text=True, timeout=120)
    tap("every mail arrived once and whole, and was there after each restart", result.returncode == 0, result.stderr)
    tables = json.loads(result.stdout)["tables"]
    asked = {"connections": [5], "queue": [120], "destinations": [3], "sizes": [70000], "threads": ["many"]}
    rows = {name: [list(row.values())[0] for row in table] for name, table in tables.items()}
    tap("each table has a row for each size", rows == asked, rows)
    queue, row = tables["queue"][0], tables["connections"][0]
    tap("a queue was delivered, and one that was found at a start", queue["out_per_s"] > 0 and queue["start_s"] > 0, queue)
    tap("new clients were served beside those that wait", 0 < row["p50_ms"] <= row["p99_ms"] < 5000, row)
    tap("the commits and the loop have threads of their own", {"cpu_ms_loop"} <= set(tables["threads"][0]), tables["threads"])
    left = [name for name in os.listdir(world.WORK) if name.startswith("smtpfwd-bench")]
    tap("nothing is left behind", not left, left)


world.Tap().run(bench, milters, growth)
