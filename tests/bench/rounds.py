"""rounds.py - the figures of all rounds, told side by side"""
import statistics


def say(number, workload, name, result):
    """One measurement, for who waits."""
    shown = " ".join("%s=%.3f" % item for item in result.items() if isinstance(item[1], float))
    return "round %d %s %s: %s %s" % (number + 1, workload, name, shown, result["wrong"])


def spread(values, digits):
    middle, least, most = statistics.median(values), min(values), max(values)
    return "%.*f (%.*f to %.*f)" % (digits, middle, digits, least, digits, most) if len(values) > 1 else "%.*f" % (digits, middle)


def figures_of(rows, against):
    """By figure: the values of each peer that has it, and over those of the one they are held against, of the same round."""
    found = {}
    for figure in dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, float)):
        values = {}
        for row in rows:
            if figure in row:
                values.setdefault(row["peer"], []).append(row[figure])
        ratios = {peer: [mine / its for mine, its in zip(values[peer], values[against]) if its]
                  for peer in values if against in values and peer != against}
        found[figure] = {"values": values, "ratio": ratios}
    return found


def summary(results, against):
    """By workload."""
    return {workload: figures_of([row for row in results if row["workload"] == workload], against)
            for workload in dict.fromkeys(row["workload"] for row in results)}


def digits_of(figure):
    return 0 if figure.endswith("_per_s") else 3 if figure.startswith("cpu") or figure.endswith("_s") else 1


def print_table(found, titles):
    for workload, rows in found.items():
        print("\n%s: %s" % (workload, titles[workload]))
        for figure, entry in rows.items():
            cells = ["%s %s" % (peer, spread(values, digits_of(figure))) for peer, values in entry["values"].items()]
            ratios = ["%s %s" % (peer if len(entry["ratio"]) > 1 else "ratio", spread(values, 3)) for peer, values in entry["ratio"].items() if values]
            print("  %-22s %s" % (figure, "   ".join(["%-34s" % cell for cell in cells] + ["ratios:"] * (len(ratios) > 1) + ratios)))
