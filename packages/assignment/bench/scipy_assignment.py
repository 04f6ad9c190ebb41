"""Solves assignment problems with SciPy: answers a line `PATH SIZE DTYPE` with its processor seconds and the total cost."""

import json
import sys
import time

import numpy
from scipy.optimize import linear_sum_assignment

for line in sys.stdin:
    path, size, dtype = line.split()
    cost = numpy.fromfile(path, dtype=dtype).reshape(int(size), int(size))
    start = time.process_time()
    rows, columns = linear_sum_assignment(cost)
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "total": float(cost[rows, columns].sum(dtype="float64"))}), flush=True)
