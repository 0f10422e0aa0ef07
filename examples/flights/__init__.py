"""A month of real departures through the bus, with failures, repair, replay and a final account.

In the order of reading:

messages     what travels: a command, an event, the operator's command, two queries
app          the bus: channels keyed by carrier, and the handlers
tables       what the handlers write
gateway      the passenger gateway that is sometimes away and refuses one carrier
data         reads the month's file and names the line and column of what is wrong in it
watch        counts the restarts, retries and outages that the bus tells of
topics       Kafka's topics, if the channels are there
workers      more processes
sender       sends a command for each row; run again, it sends nothing twice
recovery     the operator's work: mends the gateway, finds and replays the dead letters
truth        what the account must say, counted from the file alone
account      what happened, per carrier, beside the truth
live         the live view
tuning       which strategy for an outage of the gateway: simulated, then run for real
tuning_run   the real run of that
__main__     all of it: ``python -m examples.flights``
"""
