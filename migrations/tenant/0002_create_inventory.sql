-- leasehold: phase expand
-- What a host collected of itself, the newest of each kind. The kind 'packages' describes the set of rows in
-- host_packages: {"sha256": …, "count": n}.

CREATE TABLE host_inventory (
    host_id       uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,31}$'),
    collected_at  timestamptz NOT NULL,
    document      jsonb NOT NULL,
    PRIMARY KEY (host_id, kind)
);

CREATE TABLE host_packages (
    host_id  uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    name     text NOT NULL,
    version  text NOT NULL,
    manager  text NOT NULL,
    PRIMARY KEY (host_id, manager, name, version)
);
CREATE INDEX host_packages_name ON host_packages (name, version);
