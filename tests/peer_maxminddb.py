"""Annotate addresses from an MMDB: FILE.mmdb COLUMN..., then `IN OUT` on each line of stdin."""

import csv
import sys
import time
from typing import Any

import maxminddb

reader: Any = maxminddb.open_database(sys.argv[1], maxminddb.MODE_MMAP_EXT)
names = sys.argv[2:]
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    given, out = line.split()
    with open(given) as asked, open(out, "w", newline="") as file:
        write = csv.writer(file).writerow
        for text in asked:
            ip = text.strip()
            found = reader.get(ip) or {}
            write([ip, *(found.get(name) for name in names)])
    print(time.perf_counter() - begun, flush=True)
