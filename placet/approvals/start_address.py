"""What stands behind the plus of an address that starts requests, in front of the key of a process. Alone here, because
`placet explain` needs it and nothing else of processes."""

START = "start-"
