-- leasehold: phase expand
-- What a host is asked to do. Made by the control plane or by plain SQL; delivered at least once.

CREATE TABLE commands (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host_id       uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    kind          text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,31}$'),
    payload       jsonb NOT NULL DEFAULT '{}',
    state         text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'delivered', 'accepted', 'succeeded', 'failed', 'refused', 'expired')),
    attempt       integer NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deadline      timestamptz,
    delivered_at  timestamptz,
    finished_at   timestamptz,
    result        jsonb
);
CREATE INDEX commands_host ON commands (host_id, created_at);
CREATE INDEX commands_open ON commands (created_at) WHERE state IN ('queued', 'delivered', 'accepted');
