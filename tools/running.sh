# Read by start.sh and stop.sh: where they note what was started, and whether it still runs.
run=build/run
pid_file=$run/leasehold.pid

# The kernel's start time of a process: with the pid it names one process for ever. Empty: it has ended.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# Whether the process of the note runs; its pid is in $pid. Not fooled by another that got the number since.
is_running() {
    [ -f "$pid_file" ] && read -r pid started <"$pid_file" && [ -n "$started" ] && [ "$(started_at "$pid")" = "$started" ]
}
