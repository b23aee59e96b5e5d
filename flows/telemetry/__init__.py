"""How the program is seen from outside: logs, metrics, traces, a small HTTP server and the progress table. None of it changes what happens to an event."""
