"""The way from the store to a message broker.

_outboxes    which channel is whose outbox; where a message for a broker is stored
_declared    the outboxes that nobody declared
_checks      what is wrong with combined channels
_relay       claimed messages, published in batches: whose failure is whose
_runs        the messages behind one that is claimed, of its ordering key
"""
