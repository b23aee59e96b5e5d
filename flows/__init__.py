"""What happens to an event, in order: the dataflow, its steps, sources, configuration, ledger, telemetry, the command line."""
