"""The benchmark: targets are servers, phases are what is asked of each, a report is what came out.

wire.py and load.py are the client, machine.py reads the kernel's counters, target.py says what a
target is, peers.py and cumuli.py are the targets, phases.py, million.py and crowd.py measure, report.py prints.
"""
