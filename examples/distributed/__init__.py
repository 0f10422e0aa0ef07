"""Two services that send to each other through one store file, each a process of its own.

departures      records what left New York, and tells others: events by airport, commands
notifications   subscribes to late and cancelled flights, takes commands, and tells what it sent

`python -m examples.distributed` starts both, sends the departures of a day, and compares what both
have with the truth. Neither service imports the other: they share names and a file.
"""
