"""Annotate addresses as most people do: PREFIXES.csv, then `IN OUT` on each line of stdin."""

import csv
import sys
import time

import pytricia

tree = pytricia.PyTricia(32)
with open(sys.argv[1], newline="") as file:
    for prefix, *cells in csv.reader(file):
        tree[prefix] = cells
empty = [""] * len(cells)
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    given, out = line.split()
    with open(given) as asked, open(out, "w", newline="") as file:
        write = csv.writer(file).writerow
        for text in asked:
            ip = text.strip()
            write([ip, *(tree.get(ip) or empty)])
    print(time.perf_counter() - begun, flush=True)
