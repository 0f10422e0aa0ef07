"""Schedules: what ticks when, and how a tick becomes a message. Of several processes one sends it.

_timetable   cron lines and intervals: the next time, and those that were missed. Pure
_schedule    a schedule as it was declared, and its options
_checks      start-up checks: from a declaration to a schedule, or to what is wrong with it
_due         which ticks are sent now, and what is planned next. Pure
_tick        what a handler is given; how it is called with or without it
_scheduler   sends the ticks that are due, again and again
_operations  `bus.schedules`: list, run, pause, resume, delete
"""
